//! Who belongs to an account, and as what.

use domain::Role;
use domain::audit::{Actor, Entry};
use domain::role::{MemberChange, keeps_an_owner};
use protocol::{AccountId, OperatorId, UnixMillis};

use super::operator::{self, OperatorRecord};
use crate::error::StoreError;
use crate::operation::Transaction;
use crate::session::Session;
use crate::statement;

/// A member of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub operator: OperatorRecord,
    /// What they may do.
    pub role: Role,
    /// Since when.
    pub since: UnixMillis,
    /// Whether they can sign in with a passphrase.
    pub has_passphrase: bool,
    /// Whether they can sign in through an OpenID provider.
    pub has_identity: bool,
}

/// What became of a change of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberChanged {
    /// It is so now.
    Done,
    /// The account would have no owner any more. Nothing was changed.
    LastOwner,
    /// The account has no such member.
    Unknown,
}

/// The members of an account, by address.
pub(crate) async fn of_account(session: &mut Session<'_>, account: &AccountId) -> Result<Vec<Member>, StoreError> {
    let rows = session.rows(&statement::MEMBERS, &[account.into()]).await?;
    let member = |row: &crate::session::Row| {
        let identities: u64 = row.get(7)?;
        Ok(Member {
            operator: operator::record(row, 0)?,
            role: row.get(4)?,
            since: row.get(5)?,
            has_passphrase: row.get(6)?,
            has_identity: identities > 0,
        })
    };
    rows.iter().map(member).collect()
}

/// How many owners an account has.
pub(crate) async fn owners(session: &mut Session<'_>, account: &AccountId) -> Result<u64, StoreError> {
    let row = session.row(&statement::OWNERS, &[account.into(), Role::Owner.into()]).await?;
    row.map_or(Ok(0), |row| row.get(0))
}

/// Gives a member another role, or takes them out of the account.
pub(crate) async fn change(
    transaction: &mut Transaction<'_>,
    (account, operator, change, by, now): &(AccountId, OperatorId, MemberChange, Actor, UnixMillis),
) -> Result<MemberChanged, StoreError> {
    let session = &mut transaction.session;
    // Two owners who take each other's role at once are decided one after the other.
    session.rows_of_each(&statement::LOCK_ACCOUNT, &[[account.into()]]).await?;
    let Some(row) = session.row(&statement::ROLE_OF, &[account.into(), operator.into()]).await? else {
        return Ok(MemberChanged::Unknown);
    };
    let current: Role = row.get(0)?;
    if !keeps_an_owner(owners(session, account).await?, current, *change) {
        return Ok(MemberChanged::LastOwner);
    }
    match change {
        MemberChange::Role(role) => session.rows(&statement::SET_ROLE, &[account.into(), operator.into(), (*role).into()]).await?,
        MemberChange::Removal => session.rows(&statement::DROP_MEMBER, &[account.into(), operator.into()]).await?,
    };
    let change = match change {
        MemberChange::Role(role) => format!("{} instead of {}", role.name(), current.name()),
        MemberChange::Removal => format!("removed, was {}", current.name()),
    };
    transaction.audit.record(*account, *now, Entry::OperatorChanged { by: by.clone(), operator: operator.to_string(), change });
    Ok(MemberChanged::Done)
}

/// Takes an operator into an account; one who is in it already keeps the greater role.
pub(super) async fn insert(
    transaction: &mut Transaction<'_>,
    (account, operator): (AccountId, OperatorId),
    role: Role,
    now: UnixMillis,
) -> Result<(), StoreError> {
    let parameters = [(&account).into(), (&operator).into(), role.into(), now.into()];
    transaction.session.rows(&statement::INSERT_MEMBERSHIP, &parameters).await?;
    let (by, change) = (Actor::Operator(operator.to_string()), format!("joined as {}", role.name()));
    transaction.audit.record(account, now, Entry::OperatorChanged { by, operator: operator.to_string(), change });
    Ok(())
}
