//! Invitations: a place in an account for whoever has an email address. Used once, by whoever holds the link, or by whom an
//! OpenID provider vouches for.

use domain::audit::{Actor, Entry};
use domain::{EmailAddress, Role};
use protocol::{AccountId, InvitationId, OperatorId, Secret, UnixMillis};

use super::operator::{self, OperatorRecord};
use super::session::{self, NewSession};
use super::{membership, token_hash};
use crate::error::StoreError;
use crate::operation::Transaction;
use crate::session::Session;
use crate::statement;

/// Invitations that an account has open at once: a list that one can still read.
const MAX_OPEN: u64 = 200;

/// A place to offer.
#[derive(Clone, Debug)]
pub struct NewInvitation {
    /// In which account.
    pub account: AccountId,
    /// Its id.
    pub id: InvitationId,
    /// To whom.
    pub email: EmailAddress,
    /// As what.
    pub role: Role,
    /// What the link proves it by; only a hash is stored.
    pub token: Secret,
    /// Who invites; none: somebody at the relay's own machine.
    pub invited_by: Option<OperatorId>,
    /// Now.
    pub now: UnixMillis,
    /// Until when.
    pub expires_at: UnixMillis,
}

/// What became of an invitation that was to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invited {
    /// It is open; an earlier one for the same address is void.
    Done,
    /// They belong to the account already.
    AlreadyMember,
    /// As many as may be are open.
    TooMany,
}

/// An open invitation, as the account's owners see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvitationRecord {
    /// Its id.
    pub id: InvitationId,
    /// To whom.
    pub email: EmailAddress,
    /// As what.
    pub role: Role,
    /// When it was made.
    pub created_at: UnixMillis,
    /// Until when it can be used.
    pub expires_at: UnixMillis,
    /// The name of who invited.
    pub invited_by: Option<String>,
}

/// An open invitation, as whoever holds its link sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenInvitation {
    /// To which account.
    pub account: AccountId,
    /// What people call it.
    pub account_name: String,
    /// To whom.
    pub email: EmailAddress,
    /// As what.
    pub role: Role,
    /// Whether an operator has this address already, and only needs to sign in.
    pub is_known: bool,
}

/// Who takes an invitation up.
#[derive(Clone, Debug)]
pub enum Invitee {
    /// Somebody new, who chooses a name and a passphrase, and is signed in at once.
    New {
        /// Their id.
        id: OperatorId,
        /// What people will call them.
        name: String,
        /// The hash of the passphrase.
        passphrase_hash: Secret,
        /// Their session.
        session: NewSession,
    },
    /// An operator who is signed in.
    Known(OperatorId),
}

/// What became of an invitation that was to be taken up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// They belong to this account now.
    Done(AccountId),
    /// No such invitation, or no longer.
    Unknown,
    /// It is for another address than the operator's. It stays open.
    SomebodyElses,
    /// An operator has the address already and must sign in first. It stays open.
    MustSignIn,
}

/// Offers a place.
pub(crate) async fn invite(transaction: &mut Transaction<'_>, new: &NewInvitation) -> Result<Invited, StoreError> {
    let session = &mut transaction.session;
    session.rows(&statement::DROP_OLD_INVITATIONS, &[new.now.into()]).await?;
    if let Some(known) = operator::by_email(session, &new.email).await?
        && session.row(&statement::ROLE_OF, &[(&new.account).into(), (&known.operator.id).into()]).await?.is_some()
    {
        return Ok(Invited::AlreadyMember);
    }
    session.rows(&statement::DROP_INVITATIONS_OF_EMAIL, &[(&new.account).into(), new.email.as_str().into()]).await?;
    let open: u64 = session.row(&statement::COUNT_INVITATIONS, &[(&new.account).into()]).await?.map_or(Ok(0), |row| row.get(0))?;
    if open >= MAX_OPEN {
        return Ok(Invited::TooMany);
    }
    let hash = token_hash(&new.token);
    let parameters = [
        (&new.account).into(),
        (&new.id).into(),
        new.email.as_str().into(),
        new.role.into(),
        (&hash).into(),
        new.invited_by.as_ref().into(),
        new.now.into(),
        new.expires_at.into(),
    ];
    session.rows(&statement::INSERT_INVITATION, &parameters).await?;
    let by = new.invited_by.map_or(Actor::Machine, |id| Actor::Operator(id.to_string()));
    let change = format!("invited as {}", new.role.name());
    transaction.audit.record(new.account, new.now, Entry::OperatorChanged { by, operator: new.email.to_string(), change });
    Ok(Invited::Done)
}

/// The open invitations of an account, by address.
pub(crate) async fn of_account(
    session: &mut Session<'_>,
    (account, now): &(AccountId, UnixMillis),
) -> Result<Vec<InvitationRecord>, StoreError> {
    let rows = session.rows(&statement::INVITATIONS, &[account.into(), (*now).into()]).await?;
    let record = |row: &crate::session::Row| {
        Ok(InvitationRecord {
            id: row.get(0)?,
            email: row.get(1)?,
            role: row.get(2)?,
            created_at: row.get(3)?,
            expires_at: row.get(4)?,
            invited_by: row.get(5)?,
        })
    };
    rows.iter().map(record).collect()
}

/// What a link offers; `None`: nothing any more.
pub(crate) async fn find(session: &mut Session<'_>, (token, now): &(Secret, UnixMillis)) -> Result<Option<OpenInvitation>, StoreError> {
    let found = session.row(&statement::INVITATION_OF_TOKEN, &[(&token_hash(token)).into(), (*now).into()]).await?;
    let Some(row) = found else { return Ok(None) };
    let known: u64 = row.get(4)?;
    let (account, account_name, email, role) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
    Ok(Some(OpenInvitation { account, account_name, email, role, is_known: known > 0 }))
}

/// Withdraws an invitation. `false`: the account has no such one.
pub(crate) async fn withdraw(
    transaction: &mut Transaction<'_>,
    (account, id, by, now): &(AccountId, InvitationId, Actor, UnixMillis),
) -> Result<bool, StoreError> {
    let Some(row) = transaction.session.row(&statement::DROP_INVITATION, &[account.into(), id.into()]).await? else { return Ok(false) };
    let withdrawn = Entry::OperatorChanged { by: by.clone(), operator: row.get(0)?, change: "invitation withdrawn".to_owned() };
    transaction.audit.record(*account, *now, withdrawn);
    Ok(true)
}

/// Takes up an invitation, once.
pub(crate) async fn accept(
    transaction: &mut Transaction<'_>,
    (token, invitee, now): &(Secret, Invitee, UnixMillis),
) -> Result<Accepted, StoreError> {
    let Some(open) = find(&mut transaction.session, &(token.clone(), *now)).await? else { return Ok(Accepted::Unknown) };
    let operator = match invitee {
        Invitee::Known(id) => match operator::one(&mut transaction.session, id).await? {
            Some(known) if known.operator.email == open.email => *id,
            _ => return Ok(Accepted::SomebodyElses),
        },
        Invitee::New { id, name, passphrase_hash, session: _ } => {
            let record = OperatorRecord { id: *id, email: open.email.clone(), name: name.clone(), created_at: *now };
            if !operator::insert(transaction, &record, Some(passphrase_hash)).await? {
                return Ok(Accepted::MustSignIn);
            }
            *id
        }
    };
    // Whoever deletes the row has used the invitation; another transaction may have been quicker.
    if transaction.session.row(&statement::TAKE_INVITATION, &[(&token_hash(token)).into(), (*now).into()]).await?.is_none() {
        return Err(StoreError::Conflict("an invitation was taken up twice at once".to_owned()));
    }
    membership::insert(transaction, (open.account, operator), open.role, *now).await?;
    if let Invitee::New { session: new, .. } = invitee {
        session::insert(transaction, operator, new, "invitation").await?;
    }
    Ok(Accepted::Done(open.account))
}
