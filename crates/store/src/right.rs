//! On whose right something is written. What a request may do is looked at with its head; until its last byte has come, which
//! its sender may take seconds for, a device may have been revoked and a member removed. So the transaction that writes asks
//! again, and nobody can take the right away between that and the commit.

use domain::Role;
use protocol::{AccountId, DeviceId, OperatorId, SessionId};

use crate::error::StoreError;
use crate::session::Session;
use crate::statement;

/// What must still be so when something is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Right {
    /// The operator is signed in.
    SignedIn {
        /// Who.
        operator: OperatorId,
        /// In which session.
        session: SessionId,
    },
    /// The operator is signed in, and a member of the account.
    Member {
        /// Who.
        operator: OperatorId,
        /// In which session.
        session: SessionId,
        /// Of which account.
        account: AccountId,
        /// With at least this role.
        role: Role,
    },
    /// The device is linked to the account.
    Linked {
        /// Which device.
        device: DeviceId,
        /// To which account.
        account: AccountId,
    },
}

impl Right {
    /// Whether it is there, and will be until the transaction ends.
    pub(crate) async fn holds(&self, session: &mut Session<'_>) -> Result<bool, StoreError> {
        match self {
            Self::SignedIn { operator, session: id } => is_signed_in(session, operator, id).await,
            Self::Member { operator, session: id, account, role } => {
                let member = session.row(&statement::HOLD_ROLE, &[account.into(), operator.into()]).await?;
                let has_role = member.map(|row| row.get::<Role>(0)).transpose()?.is_some_and(|has| has >= *role);
                Ok(has_role && is_signed_in(session, operator, id).await?)
            }
            Self::Linked { device, account } => Ok(session.row(&statement::HOLD_DEVICE, &[account.into(), device.into()]).await?.is_some()),
        }
    }
}

async fn is_signed_in(session: &mut Session<'_>, operator: &OperatorId, id: &SessionId) -> Result<bool, StoreError> {
    Ok(session.row(&statement::HOLD_SESSION, &[operator.into(), id.into()]).await?.is_some())
}
