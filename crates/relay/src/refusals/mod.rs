//! Refused requests, for the owner of the account to read: the exact reason, whatever the caller was told.
//!
//! Requests whose sender is proven are written to the audit, gathered for seconds so that a caller in a loop costs one
//! block and not one a request. Requests whose signature is wrong prove nothing about who sent them, so nothing of them is
//! ever written: the last of them are kept in memory, in bounded number. Whoever tries to sign in as an operator proves
//! nothing either, but their account should know: one record a minute and operator at most.

mod proven;
mod sign_ins;
mod unproven;

pub(crate) use proven::{Proven, Witness};
pub(crate) use unproven::Unproven;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::audit::Line;
use futures_util::future::join_all;
use protocol::{AccountId, UnixMillis};
use store::{RefusedSignIn, Store};

use crate::ingress::credentials::CredentialFault;
use crate::problem::Refusal;
use proven::Gathered;
use sign_ins::SignIns;
use unproven::Ring;

/// Time that a write may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was refused of late.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    gathered: Mutex<Gathered>,
    ring: Mutex<Ring>,
    sign_ins: Mutex<SignIns>,
}

impl Refusals {
    /// Notes that a request of somebody known was refused.
    pub(crate) fn proven(&self, proven: &Proven, refusal: &Refusal, now: UnixMillis) {
        if proven::is_worth_keeping(refusal) {
            lock(&self.gathered).add(proven, refusal.code().as_str(), refusal.detail(), now);
        }
    }

    /// Notes that a request with the right signature was refused for its key's terms. The caller hears what anybody hears
    /// whose signature is wrong.
    pub(crate) fn in_terms(&self, proven: &Proven, fault: CredentialFault, now: UnixMillis) {
        let detail = match fault {
            CredentialFault::Expired(end) => format!("The key has run out at {end}."),
            CredentialFault::Address(address) => format!("It came from {address}, which is not on the key's list."),
        };
        lock(&self.gathered).add(proven, fault.reason(), detail, now);
    }

    /// Notes a request that claims to be of an account and cannot prove it. None: no account has such a key; it is kept all
    /// the same, so that it takes the same time.
    pub(crate) fn unproven(&self, account: Option<AccountId>, unproven: Unproven) {
        lock(&self.ring).add(account.unwrap_or(unproven::NOBODY), unproven);
    }

    /// Notes that somebody who said to be an operator was not signed in.
    pub(crate) fn sign_in(&self, refused: RefusedSignIn) {
        lock(&self.sign_ins).add(refused);
    }

    /// The requests that claimed to be of the account and could not prove it, newest first.
    pub(crate) fn unproven_of(&self, account: AccountId) -> Vec<Arc<Unproven>> {
        lock(&self.ring).of(account)
    }

    /// What may not have been written yet of the account's refused requests: ask before the audit is read, and leave out what
    /// stands there, so that nothing is missed or told twice.
    pub(crate) fn waiting_of(&self, account: AccountId) -> Vec<Line> {
        lock(&self.gathered).of(account)
    }

    /// Writes what has waited long enough; at a shutdown everything. A database that hangs keeps nobody for longer than
    /// [`PATIENCE`].
    pub(crate) async fn flush(&self, store: &Store, everything: bool) {
        let due = lock(&self.gathered).take_due(everything);
        let writes = due.into_iter().map(async |(account, lines)| {
            let entries = lines.iter().map(|line| (line.at, line.entry.clone())).collect();
            let written = tokio::time::timeout(PATIENCE, store.record(account, entries)).await;
            if matches!(written, Ok(Ok(()))) {
                lock(&self.gathered).written(account);
            } else {
                tracing::warn!(account.id = %account, "refusals were not recorded; trying again");
                lock(&self.gathered).put_back(account, lines);
            }
        });
        let sign_ins = lock(&self.sign_ins).take_due(everything);
        let sign_in_writes = sign_ins.into_iter().map(async |refused| {
            let written = tokio::time::timeout(PATIENCE, store.record_refused_sign_in(refused.clone())).await;
            if !matches!(written, Ok(Ok(()))) {
                tracing::warn!(operator.id = %refused.operator, "refused sign-ins were not recorded; trying again");
                lock(&self.sign_ins).add(refused);
            }
        });
        tokio::join!(join_all(writes), join_all(sign_in_writes));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Neither is ever half changed.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
