//! Jobs of rows that a person excluded: they end as `skipped_by_operator`, and no request is sent.

use protocol::{AccountId, Conclusion, JobId, JobResult, UnixMillis};

use crate::error::StoreError;
use crate::operation::Transaction;
use crate::report::{self, Conclusive};

/// A job that ends because its row is excluded. It stands in no queue table.
#[derive(Debug)]
pub(crate) struct Skipped<'r> {
    pub(crate) account: AccountId,
    pub(crate) job_id: JobId,
    pub(crate) reason: &'r str,
}

/// The result of a job whose row is excluded, and the same as JSON.
pub(crate) fn result(reason: &str, now: UnixMillis) -> (JobResult, String) {
    let result = JobResult { conclusion: Conclusion::SkippedByOperator, ..JobResult::not_executed(reason, now) };
    let json = serde_json::to_string(&result).unwrap_or_default();
    (result, json)
}

/// Ends them.
pub(crate) async fn conclude(transaction: &mut Transaction<'_>, jobs: &[Skipped<'_>], now: UnixMillis) -> Result<(), StoreError> {
    if jobs.is_empty() {
        return Ok(());
    }
    let results: Vec<(JobResult, String)> = jobs.iter().map(|job| result(job.reason, now)).collect();
    let ending: Vec<Conclusive<'_>> = (jobs.iter().zip(&results))
        .map(|(job, (result, json))| Conclusive { account: job.account, job_id: job.job_id, fence: 0, device: None, result, json, now })
        .collect();
    report::conclude_all(transaction, &ending).await
}
