//! Operators: who they are, and the hash of their passphrase.

use domain::EmailAddress;
use domain::audit::{Actor, Entry};
use protocol::{OperatorId, Secret, UnixMillis};

use super::session::{self, NewSession};
use crate::error::StoreError;
use crate::operation::Transaction;
use crate::session::{Row, Session};
use crate::statement;

/// A person who signs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorRecord {
    /// Its id.
    pub id: OperatorId,
    /// The address that they sign in with.
    pub email: EmailAddress,
    /// What people call them.
    pub name: String,
    /// When they came in.
    pub created_at: UnixMillis,
}

/// An operator with what their passphrase is checked against.
#[derive(Clone, Debug)]
pub struct OperatorCredentials {
    /// Who.
    pub operator: OperatorRecord,
    /// The hash of the passphrase, with its parameters; none: they sign in by an identity alone.
    pub passphrase_hash: Option<Secret>,
}

/// An operator's new passphrase.
#[derive(Clone, Debug)]
pub struct NewPassphrase {
    /// Whose.
    pub operator: OperatorId,
    /// Its hash.
    pub hash: Secret,
    /// The session of the browser that changed it: every other one ends.
    pub session: NewSession,
}

/// Who has this address.
pub(crate) async fn by_email(session: &mut Session<'_>, email: &EmailAddress) -> Result<Option<OperatorCredentials>, StoreError> {
    session.row(&statement::OPERATOR_BY_EMAIL, &[email.as_str().into()]).await?.as_ref().map(credentials).transpose()
}

/// The operator of this id.
pub(crate) async fn one(session: &mut Session<'_>, id: &OperatorId) -> Result<Option<OperatorCredentials>, StoreError> {
    session.row(&statement::OPERATOR, &[id.into()]).await?.as_ref().map(credentials).transpose()
}

/// Sets a passphrase, ends every session of the operator, and begins a new one.
pub(crate) async fn set_passphrase(transaction: &mut Transaction<'_>, new: &NewPassphrase) -> Result<(), StoreError> {
    let parameters = [(&new.operator).into(), new.hash.expose().into()];
    transaction.session.rows(&statement::SET_PASSPHRASE, &parameters).await?;
    transaction.session.rows(&statement::END_SESSIONS, &[(&new.operator).into()]).await?;
    let by = Actor::Operator(new.operator.to_string());
    record_new_passphrase(transaction, new.operator, by, new.session.now).await?;
    session::insert(transaction, new.operator, &new.session, "passphrase, changed").await
}

/// Records that an operator has another passphrase, and that their sessions ended with the one before.
pub(super) async fn record_new_passphrase(
    transaction: &mut Transaction<'_>,
    operator: OperatorId,
    by: Actor,
    now: UnixMillis,
) -> Result<(), StoreError> {
    let change = "new passphrase, every session ended".to_owned();
    session::record_everywhere(transaction, operator, now, &Entry::OperatorChanged { by, operator: operator.to_string(), change }).await
}

/// Replaces the hash of the same passphrase by one with newer parameters, unless the passphrase was changed meanwhile.
pub(crate) async fn rehash(
    transaction: &mut Transaction<'_>,
    (operator, verified, hash): &(OperatorId, Secret, Secret),
) -> Result<(), StoreError> {
    let current = one(&mut transaction.session, operator).await?;
    if current.and_then(|current| current.passphrase_hash).as_ref() == Some(verified) {
        transaction.session.rows(&statement::SET_PASSPHRASE, &[operator.into(), hash.expose().into()]).await?;
    }
    Ok(())
}

/// A new operator; `false`: the address is taken.
pub(super) async fn insert(
    transaction: &mut Transaction<'_>,
    operator: &OperatorRecord,
    passphrase_hash: Option<&Secret>,
) -> Result<bool, StoreError> {
    let parameters = [
        (&operator.id).into(),
        operator.email.as_str().into(),
        (&operator.name).into(),
        passphrase_hash.map(Secret::expose).into(),
        operator.created_at.into(),
    ];
    Ok(transaction.session.row(&statement::INSERT_OPERATOR, &parameters).await?.is_some())
}

/// Reads id, address, name and time of making from `first` on.
pub(super) fn record(row: &Row, first: usize) -> Result<OperatorRecord, StoreError> {
    let (id, email, name, created_at) = (row.get(first)?, row.get(first + 1)?, row.get(first + 2)?, row.get(first + 3)?);
    Ok(OperatorRecord { id, email, name, created_at })
}

fn credentials(row: &Row) -> Result<OperatorCredentials, StoreError> {
    let passphrase_hash: Option<String> = row.get(4)?;
    Ok(OperatorCredentials { operator: record(row, 0)?, passphrase_hash: passphrase_hash.map(Secret::new) })
}
