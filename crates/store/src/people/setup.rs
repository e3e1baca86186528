//! One-time links that make an owner: how the first person comes in, and how one who has lost their passphrase comes back.
//! Only whoever is at the relay's machine, or at its database, can make one.

use domain::audit::{Actor, Entry};
use domain::{EmailAddress, Role};
use protocol::{AccountId, OperatorId, Secret, UnixMillis};

use super::operator::{self, OperatorRecord};
use super::session::{self, NewSession};
use super::{membership, token_hash};
use crate::account::Account;
use crate::error::StoreError;
use crate::operation::Transaction;
use crate::session::Session;
use crate::statement;

/// A link to be made.
#[derive(Clone, Debug)]
pub struct NewSetupLink {
    /// Whose owner it makes.
    pub account: AccountId,
    /// What the link proves it by; only a hash is stored.
    pub token: Secret,
    /// Now.
    pub now: UnixMillis,
    /// Until when.
    pub expires_at: UnixMillis,
}

/// Whoever has opened a set-up link.
#[derive(Clone, Debug)]
pub struct NewOwner {
    /// From the link.
    pub token: Secret,
    /// The id that they get if the address is new here.
    pub new_id: OperatorId,
    /// The address that they will sign in with.
    pub email: EmailAddress,
    /// What people call them.
    pub name: String,
    /// The hash of the passphrase.
    pub passphrase_hash: Secret,
    /// Their session.
    pub session: NewSession,
}

/// Makes a link.
pub(crate) async fn insert_link(transaction: &mut Transaction<'_>, new: &NewSetupLink) -> Result<(), StoreError> {
    let hash = token_hash(&new.token);
    transaction.session.rows(&statement::INSERT_SETUP_LINK, &[(&new.account).into(), (&hash).into(), new.expires_at.into()]).await?;
    let change = "a set-up link was made".to_owned();
    let made = Entry::OperatorChanged { by: Actor::Machine, operator: "whoever opens it".to_owned(), change };
    transaction.audit.record(new.account, new.now, made);
    Ok(())
}

/// The account that a link is for: its id and name. `None`: no such link, or no longer.
pub(crate) async fn find(
    session: &mut Session<'_>,
    (token, now): &(Secret, UnixMillis),
) -> Result<Option<(AccountId, String)>, StoreError> {
    let row = session.row(&statement::SETUP_LINK, &[(&token_hash(token)).into(), (*now).into()]).await?;
    row.map(|row| Ok((row.get(0)?, row.get(1)?))).transpose()
}

/// Makes an owner; the account's other set-up links are void. An address that is known gets the new name and passphrase, and
/// every session of its operator ends: whoever could make the link could as well read the database. `None`: no such link.
pub(crate) async fn use_link(transaction: &mut Transaction<'_>, new: &NewOwner) -> Result<Option<Account>, StoreError> {
    let now = new.session.now;
    let hash = token_hash(&new.token);
    let taken = transaction.session.row(&statement::TAKE_SETUP_LINK, &[(&hash).into(), now.into()]).await?;
    let Some(row) = taken else { return Ok(None) };
    let account: AccountId = row.get(0)?;
    transaction.session.rows(&statement::DROP_SETUP_LINKS, &[(&account).into()]).await?;
    let record = OperatorRecord { id: new.new_id, email: new.email.clone(), name: new.name.clone(), created_at: now };
    let operator = if operator::insert(transaction, &record, Some(&new.passphrase_hash)).await? {
        new.new_id
    } else {
        let session = &mut transaction.session;
        let known = operator::by_email(session, &new.email).await?;
        let known = known.ok_or_else(|| StoreError::Corrupt("an operator vanished".to_owned()))?.operator.id;
        session.rows(&statement::SET_PASSPHRASE, &[(&known).into(), new.passphrase_hash.expose().into()]).await?;
        session.rows(&statement::RENAME_OPERATOR, &[(&known).into(), (&new.name).into()]).await?;
        session.rows(&statement::END_SESSIONS, &[(&known).into()]).await?;
        operator::record_new_passphrase(transaction, known, Actor::Machine, now).await?;
        known
    };
    membership::insert(transaction, (account, operator), Role::Owner, now).await?;
    session::insert(transaction, operator, &new.session, "set-up link").await?;
    crate::account::by_id(&mut transaction.session, account).await
}
