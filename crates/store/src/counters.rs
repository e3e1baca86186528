//! What is counted rather than looked up: fetches of a month, jobs that wait. A transaction of several operations adds
//! its changes up and writes them last, so that everyone who writes an account's counters holds no lock that another
//! transaction wants while it waits for theirs.

use std::collections::BTreeMap;

use domain::Month;
use protocol::{AccountId, Environment};

use crate::error::StoreError;
use crate::session::{Batch, Session};
use crate::statement;

/// Fetches by account, environment and month.
pub(crate) type Usage = BTreeMap<(AccountId, Environment, Month), i64>;
/// Waiting jobs by account.
pub(crate) type Backlog = BTreeMap<AccountId, i64>;

/// Changes that a transaction has yet to write.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    usage: Usage,
    backlog: Backlog,
}

impl Counters {
    /// More jobs wait, or fewer.
    pub(crate) fn add_waiting(&mut self, account: AccountId, change: i64) {
        *self.backlog.entry(account).or_default() += change;
    }

    /// A fetch that was paid for in `month` was not made.
    pub(crate) fn give_back(&mut self, account: AccountId, environment: Environment, month: Month) {
        *self.usage.entry((account, environment, month)).or_default() -= 1;
    }

    /// Writes the changes.
    pub(crate) async fn write(&self, session: &mut Session<'_>) -> Result<(), StoreError> {
        session.write(&[usage_changes(&self.usage), backlog_changes(&self.backlog)]).await
    }
}

/// Changes of usage as a batch, in the order in which every transaction locks them.
pub(crate) fn usage_changes(usage: &Usage) -> Batch<'_> {
    let rows = (usage.iter().filter(|(_, change)| **change != 0))
        .map(|((account, environment, month), change)| [account.into(), (*environment).into(), (*month).into(), (*change).into()]);
    Batch::new(&statement::ADD_USAGE, rows.collect::<Vec<[_; 4]>>())
}

/// Changes of the backlog as a batch, in the order in which every transaction locks them.
pub(crate) fn backlog_changes(backlog: &Backlog) -> Batch<'_> {
    let rows = backlog.iter().filter(|(_, change)| **change != 0).map(|(account, change)| [account.into(), (*change).into()]);
    Batch::new(&statement::ADD_BACKLOG, rows.collect::<Vec<[_; 2]>>())
}
