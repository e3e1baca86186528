//! Sessions of operators: one a browser, found by the hash of a token. Whether one still counts is [`domain::session`]'s to
//! decide.

use domain::audit::{Actor, Entry};
use domain::session::{ABSOLUTE_MILLIS, IDLE_MILLIS};
use domain::{Role, SessionTimes};
use protocol::{AccountId, OperatorId, Secret, SessionId, UnixMillis};

use super::operator::{self, OperatorRecord};
use super::token_hash;
use crate::error::StoreError;
use crate::operation::Transaction;
use crate::session::{Row, Session};
use crate::statement;

/// Sessions that an operator has at once; the oldest end beyond.
const MAX_SESSIONS: i64 = 50;
/// Accounts of one operator that are read: what a page can still list.
const MAX_MEMBERSHIPS: i64 = 1_000;

/// A session to begin.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Its id.
    pub id: SessionId,
    /// What the browser proves it by; only a hash is stored.
    pub token: Secret,
    /// The one that the same browser had before, which ends.
    pub replaces: Option<Secret>,
    /// Now.
    pub now: UnixMillis,
    /// Where the browser is.
    pub address: String,
    /// What it calls itself.
    pub user_agent: String,
}

/// A session as storage knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRecord {
    /// Its id.
    pub id: SessionId,
    /// When it began, and when it was last used.
    pub times: SessionTimes,
    /// Where the browser was at sign-in.
    pub address: String,
    /// What it called itself.
    pub user_agent: String,
}

/// An operator's place in an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The account.
    pub account: AccountId,
    /// What people call it.
    pub account_name: String,
    /// What the operator may do there.
    pub role: Role,
}

/// Whom a session belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedInRecord {
    /// The session.
    pub session: SessionRecord,
    /// Who.
    pub operator: OperatorRecord,
    /// Their accounts, by name.
    pub memberships: Vec<Membership>,
}

/// Whom a token belongs to; `None`: to nobody, or no longer.
pub(crate) async fn find(session: &mut Session<'_>, (token, now): &(Secret, UnixMillis)) -> Result<Option<SignedInRecord>, StoreError> {
    let Some(row) = session.row(&statement::SESSION, &[(&token_hash(token)).into()]).await? else { return Ok(None) };
    let found = record(&row)?;
    if !found.times.is_alive(*now) {
        return Ok(None);
    }
    let operator = operator::record(&row, 5)?;
    let memberships = memberships(session, &operator.id).await?;
    Ok(Some(SignedInRecord { session: found, operator, memberships }))
}

/// The accounts of an operator, by name.
pub(crate) async fn memberships(session: &mut Session<'_>, operator: &OperatorId) -> Result<Vec<Membership>, StoreError> {
    let rows = session.rows(&statement::MEMBERSHIPS, &[operator.into(), MAX_MEMBERSHIPS.into()]).await?;
    rows.iter().map(|row| Ok(Membership { account: row.get(0)?, account_name: row.get(1)?, role: row.get(2)? })).collect()
}

/// Begins a session, unless the passphrase is no longer the one that was checked (`verified`). `false`: it is not.
pub(crate) async fn begin(
    transaction: &mut Transaction<'_>,
    (operator, verified, new): &(OperatorId, Secret, NewSession),
) -> Result<bool, StoreError> {
    let current = operator::one(&mut transaction.session, operator).await?;
    if current.and_then(|current| current.passphrase_hash).as_ref() != Some(verified) {
        return Ok(false);
    }
    insert(transaction, *operator, new, "passphrase").await?;
    Ok(true)
}

/// Begins a session of an operator who has been recognised in the same transaction; `how` they were goes into the audit of
/// each of their accounts.
pub(super) async fn insert(transaction: &mut Transaction<'_>, operator: OperatorId, new: &NewSession, how: &str) -> Result<(), StoreError> {
    let session = &mut transaction.session;
    if let Some(replaced) = &new.replaces {
        session.rows(&statement::END_SESSION_OF_TOKEN, &[(&token_hash(replaced)).into()]).await?;
    }
    let hash = token_hash(&new.token);
    let parameters =
        [(&hash).into(), (&new.id).into(), (&operator).into(), new.now.into(), (&new.address).into(), (&new.user_agent).into()];
    session.rows(&statement::INSERT_SESSION, &parameters).await?;
    session.rows(&statement::END_OLDEST_SESSIONS, &[(&operator).into(), MAX_SESSIONS.into()]).await?;
    let by = Actor::Operator(operator.to_string());
    record_everywhere(transaction, operator, new.now, &Entry::SignedIn { by, how: how.to_owned(), from: new.address.clone() }).await
}

/// Records something about an operator in each of their accounts: it concerns whoever owns any of them.
pub(super) async fn record_everywhere(
    transaction: &mut Transaction<'_>,
    operator: OperatorId,
    now: UnixMillis,
    entry: &Entry,
) -> Result<(), StoreError> {
    for Membership { account, .. } in memberships(&mut transaction.session, &operator).await? {
        transaction.audit.record(account, now, entry.clone());
    }
    Ok(())
}

/// Somebody who said to be an operator and was not signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedSignIn {
    /// As whom.
    pub operator: OperatorId,
    /// When; of many, the first time.
    pub at: UnixMillis,
    /// Why not.
    pub why: String,
    /// From which address; of many, the first one.
    pub from: String,
    /// How many in all.
    pub times: u64,
}

impl RefusedSignIn {
    /// One that was refused now.
    #[must_use]
    pub fn new(operator: OperatorId, why: &str, from: std::net::IpAddr, at: UnixMillis) -> Self {
        Self { operator, at, why: why.to_owned(), from: from.to_string(), times: 1 }
    }
}

/// Records it in each account of the operator.
pub(crate) async fn record_refused(transaction: &mut Transaction<'_>, refused: &RefusedSignIn) -> Result<(), StoreError> {
    let RefusedSignIn { operator, at, why, from, times } = refused.clone();
    let entry = Entry::SignInRefused { who: Actor::Operator(operator.to_string()).to_string(), why, from, times };
    record_everywhere(transaction, operator, at, &entry).await
}

/// Notes that a session was used.
pub(crate) async fn note_seen(transaction: &mut Transaction<'_>, (token, now): &(Secret, UnixMillis)) -> Result<(), StoreError> {
    transaction.session.rows(&statement::NOTE_SEEN, &[(&token_hash(token)).into(), (*now).into()]).await?;
    Ok(())
}

/// The sessions of an operator that still count, newest first.
pub(crate) async fn of_operator(
    session: &mut Session<'_>,
    (operator, now): &(OperatorId, UnixMillis),
) -> Result<Vec<SessionRecord>, StoreError> {
    let rows = session.rows(&statement::SESSIONS_OF_OPERATOR, &[operator.into()]).await?;
    let mut sessions: Vec<SessionRecord> = rows.iter().map(record).collect::<Result<_, _>>()?;
    sessions.retain(|session| session.times.is_alive(*now));
    Ok(sessions)
}

/// Ends one session of an operator. `false`: they have no such session.
pub(crate) async fn end(
    transaction: &mut Transaction<'_>,
    (operator, id, now): &(OperatorId, SessionId, UnixMillis),
) -> Result<bool, StoreError> {
    let ended = transaction.session.row(&statement::END_SESSION, &[operator.into(), id.into()]).await?.is_some();
    if ended {
        let by = Actor::Operator(operator.to_string());
        record_everywhere(transaction, *operator, *now, &Entry::SignedOut { by, why: format!("they ended session {id}") }).await?;
    }
    Ok(ended)
}

/// Drops sessions, invitations and set-up links that no longer count.
pub(crate) async fn forget_ended(transaction: &mut Transaction<'_>, now: &UnixMillis) -> Result<(), StoreError> {
    let session = &mut transaction.session;
    let ended = [now.plus_millis(-ABSOLUTE_MILLIS).into(), now.plus_millis(-IDLE_MILLIS).into()];
    session.rows(&statement::DROP_ENDED_SESSIONS, &ended).await?;
    session.rows(&statement::DROP_OLD_INVITATIONS, &[(*now).into()]).await?;
    session.rows(&statement::DROP_OLD_SETUP_LINKS, &[(*now).into()]).await?;
    session.rows(&statement::DROP_OLD_FLOWS, &[(*now).into()]).await?;
    session.rows(&statement::DROP_OLD_WANTED_LINKS, &[(*now).into()]).await?;
    Ok(())
}

fn record(row: &Row) -> Result<SessionRecord, StoreError> {
    let times = SessionTimes { created_at: row.get(1)?, last_seen_at: row.get(2)? };
    Ok(SessionRecord { id: row.get(0)?, times, address: row.get(3)?, user_agent: row.get(4)? })
}
