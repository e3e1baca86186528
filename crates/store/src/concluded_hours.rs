//! What was concluded in which hour, and how long it took: counted with the report, so that a chart of a week reads some
//! hundred small rows and not every job.

use std::collections::BTreeMap;

use domain::LatencyBucket;
use protocol::{AccountId, Conclusion, Environment, JobId, UnixMillis};

use crate::error::StoreError;
use crate::session::{Session, Value};
use crate::statement;

const MILLIS_PER_HOUR: i64 = 3_600_000;

/// Rows that one look reads: a month of an account that sees every conclusion at a dozen latencies.
const MAX_ROWS: i64 = 200_000;

/// How many jobs ended in an hour with one conclusion after about as long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConcludedHour {
    /// When the hour began.
    pub begins_at: UnixMillis,
    /// How they ended.
    pub conclusion: Conclusion,
    /// Time from admission to conclusion.
    pub latency: LatencyBucket,
    /// How many.
    pub jobs: u64,
}

/// The counters that one transaction adds to.
#[derive(Debug, Default)]
pub(crate) struct HourCounts(BTreeMap<(AccountId, i64, i64, &'static str, u32), i64>);

impl HourCounts {
    /// Counts a job that has ended now.
    pub(crate) fn count(&mut self, account: AccountId, environment: Environment, job: JobId, conclusion: Conclusion, now: UnixMillis) {
        let latency = LatencyBucket::of(u64::try_from(now.0.saturating_sub(created_millis(job))).unwrap_or_default());
        // As it is stored; the enum has no order of its own.
        let environment = i64::from(environment == Environment::Test);
        let key = (account, environment, now.0.div_euclid(MILLIS_PER_HOUR), conclusion.code(), latency.number());
        *self.0.entry(key).or_default() += 1;
    }

    /// The rows of `hours/count`, in the order in which every transaction locks them.
    pub(crate) fn values(&self) -> Vec<[Value<'_>; 6]> {
        fn row<'v>((key, jobs): (&'v (AccountId, i64, i64, &'static str, u32), &'v i64)) -> [Value<'v>; 6] {
            let (account, environment, hour, conclusion, latency) = key;
            [account.into(), (*environment).into(), (*hour).into(), (*conclusion).into(), (*latency).into(), (*jobs).into()]
        }
        self.0.iter().map(row).collect()
    }
}

/// When a job was admitted, to the millisecond: its id begins with it.
pub(crate) fn created_millis(job: JobId) -> i64 {
    job.as_bytes()[..6].iter().fold(0, |millis, byte| millis << 8 | i64::from(*byte))
}

/// The hours from the one in which `since` lies, oldest first.
pub(crate) async fn since(
    session: &mut Session<'_>,
    (account, environment, since): &(AccountId, Environment, UnixMillis),
) -> Result<Vec<ConcludedHour>, StoreError> {
    let first = since.0.div_euclid(MILLIS_PER_HOUR);
    let rows = session.rows(&statement::CONCLUDED_HOURS, &[account.into(), (*environment).into(), first.into(), MAX_ROWS.into()]).await?;
    (rows.iter())
        .map(|row| {
            let (hour, code): (i64, String) = (row.get(0)?, row.get(1)?);
            let conclusion = code.parse().map_err(|_| StoreError::Corrupt(format!("`{code}` is no conclusion")))?;
            let latency = LatencyBucket::numbered(row.get(2)?);
            Ok(ConcludedHour { begins_at: UnixMillis(hour * MILLIS_PER_HOUR), conclusion, latency, jobs: row.get(3)? })
        })
        .collect()
}

/// The first hour that is kept when jobs are kept from `at`.
pub(crate) const fn hour_of(at: UnixMillis) -> i64 {
    at.0.div_euclid(MILLIS_PER_HOUR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_when_its_job_was_admitted() {
        assert_eq!(created_millis(JobId::random(UnixMillis(1_779_753_600_123))), 1_779_753_600_123);
    }

    #[test]
    fn equal_ends_of_an_hour_are_one_row() {
        let mut counts = HourCounts::default();
        let (account, at) = (AccountId::from_bytes([1; 16]), UnixMillis(1_779_753_600_000));
        for _ in 0..3 {
            counts.count(account, Environment::Live, JobId::random(at), Conclusion::Valid, at);
        }
        counts.count(account, Environment::Live, JobId::random(at), Conclusion::HttpGone, at);
        assert_eq!(counts.values().len(), 2);
    }
}
