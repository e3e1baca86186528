//! A history that never happened: rows, and many checks of each, set by set, for measuring what a page costs among
//! millions. It goes past everything that admission and reports do but what pages read: no nonces, no idempotency keys, no
//! audit. Only with the feature `made-up`, which no program that people run has.

use protocol::{AccountId, Conclusion, DeviceId, JobId, UnixMillis};

use crate::error::StoreError;
use crate::operation::Transaction;
use crate::session::Value;
use crate::statement::Statement;
use crate::store::Store;

/// A statement with a text for both databases. These are no part of [`statement::all`](crate::statement): nothing runs them
/// but a benchmark.
macro_rules! shared {
    ($path:literal) => {
        Statement::new($path, include_str!(concat!("../sql/", $path, ".sql")), include_str!(concat!("../sql/", $path, ".sql")))
    };
}

static JOBS: Statement =
    Statement::new("made_up/jobs", include_str!("../sql/made_up/jobs.sqlite.sql"), include_str!("../sql/made_up/jobs.postgres.sql"));
static RESULTS: Statement = shared!("made_up/results");
static ROWS: Statement = shared!("made_up/rows");
static READY: Statement = shared!("made_up/ready");
static BACKLOG: Statement = shared!("made_up/backlog");
static HOUR: Statement = shared!("made_up/hour");

/// Checks of one transaction: a second or two.
const SLICE: u64 = 25_000;

/// A history to make up.
#[derive(Clone, Debug)]
pub struct MadeUp {
    /// Whose.
    pub account: AccountId,
    /// Who concluded it all.
    pub device: DeviceId,
    /// Rows, each checked in turn.
    pub rows: u64,
    /// Checks that ended; the last [`Self::rows`] of them are the rows' newest.
    pub ended: u64,
    /// Checks that wait behind them.
    pub waiting: u64,
    /// When the first was admitted.
    pub begin: UnixMillis,
    /// Microseconds from one to the next.
    pub step_micros: u64,
    /// The evidence of each, as JSON, with `@conclusion` and `@row` where those belong.
    pub result: String,
}

impl MadeUp {
    /// The check with this number.
    #[must_use]
    pub fn job(&self, number: u64) -> JobId {
        let at = self.begin.plus_millis(i64::try_from(number * self.step_micros / 1_000).unwrap_or(i64::MAX));
        // As `made_up/jobs` writes it: the time, then the number.
        let mut id = [0; 16];
        id[..6].copy_from_slice(&at.0.to_be_bytes()[2..]);
        id[8..].copy_from_slice(&number.to_be_bytes());
        JobId::from_bytes(id)
    }
}

/// One slice: the checks from a number to before another, and what of them has evidence (a pattern of row ids).
#[derive(Debug)]
struct Slice {
    history: MadeUp,
    from: u64,
    to: u64,
    with_results: &'static str,
    with_rows: bool,
}

impl Store {
    /// Makes the history up, telling after each slice how many checks there are. Evidence has the last two checks of each
    /// row, and every check of one row in a hundred: as much as pages read, and a disk holds.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn make_up(&self, history: &MadeUp, told: impl Fn(u64)) -> Result<(), StoreError> {
        let all = history.ended + history.waiting;
        let mut from = 0;
        while from < all {
            // No slice crosses the beginning of the newest checks, or of those that wait.
            let newest = history.ended.saturating_sub(history.rows);
            let end = [newest, history.ended, all].into_iter().find(|end| *end > from).unwrap_or(all);
            let to = end.min(from + SLICE);
            let recent = from >= history.ended.saturating_sub(2 * history.rows);
            let with_results = if recent { "%" } else { "%00" };
            let slice = Slice { history: history.clone(), from, to, with_results, with_rows: from >= newest && from < history.ended };
            self.write(slice, |transaction, slice| Box::pin(add(transaction, slice))).await?;
            told(to);
            from = to;
        }
        Ok(())
    }

    /// Counts checks that were never made into an hour, as if they had been concluded then.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn make_up_hours(&self, account: AccountId, hours: Vec<(UnixMillis, Conclusion, i64, u64)>) -> Result<(), StoreError> {
        self.write((account, hours), |transaction, order| Box::pin(add_hours(transaction, order))).await
    }
}

async fn add(transaction: &mut Transaction<'_>, slice: &Slice) -> Result<(), StoreError> {
    let Slice { history, from, to, with_results, with_rows } = slice;
    let number = |number: u64| Value::Int(i64::try_from(number).unwrap_or(i64::MAX));
    let account = Value::from(&history.account);
    let jobs = [
        account,
        number(*from),
        number(*to),
        number(history.rows),
        history.begin.into(),
        number(history.step_micros),
        number(history.ended),
        (&history.device).into(),
    ];
    transaction.session.rows(&JOBS, &jobs).await?;
    let (first, behind) = (history.job(*from), history.job(*to));
    let range = [account, (&first).into(), (&behind).into()];
    if *from >= history.ended {
        transaction.session.rows(&READY, &range).await?;
        transaction.session.rows(&BACKLOG, &[account, number(to - from)]).await?;
        return Ok(());
    }
    let results = [account, (&first).into(), (&behind).into(), history.result.as_str().into(), (*with_results).into()];
    transaction.session.rows(&RESULTS, &results).await?;
    if *with_rows {
        transaction.session.rows(&ROWS, &range).await?;
    }
    Ok(())
}

async fn add_hours(
    transaction: &mut Transaction<'_>,
    (account, hours): &(AccountId, Vec<(UnixMillis, Conclusion, i64, u64)>),
) -> Result<(), StoreError> {
    for (at, conclusion, latency, jobs) in hours {
        let hour = at.0 / 3_600_000;
        let jobs = i64::try_from(*jobs).unwrap_or(i64::MAX);
        let parameters = [account.into(), hour.into(), conclusion.code().into(), (*latency).into(), jobs.into()];
        transaction.session.rows(&HOUR, &parameters).await?;
    }
    Ok(())
}
