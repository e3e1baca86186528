//! Results as desktops hand them in, in a report or with a pull. A desktop is a stranger too: each result is checked
//! before anything is stored.

use protocol::UnixMillis;
use protocol::device::{MAX_RESULTS, Outcome, ReportOutcome, ReportedResult};
use protocol::fetch_request::{DEADLINE_SECONDS, PayloadError};
use protocol::result::MAX_RESULT_BYTES;
use store::PreparedResult;

use crate::metrics::Metrics;
use crate::problem::Refusal;

/// Checks the results of one message, which came at `now`; names every wrong member of every result. When a chain ended is
/// the desktop's word and no more: never later than now, and never before the longest deadline.
pub(crate) fn check(results: Vec<ReportedResult>, now: UnixMillis) -> Result<Vec<PreparedResult>, Refusal> {
    if results.len() > MAX_RESULTS {
        return Err(Refusal::InvalidPayload(vec![PayloadError::new("/results", format!("must have at most {MAX_RESULTS} results"))]));
    }
    let mut faults = Vec::new();
    let mut prepared = Vec::with_capacity(results.len());
    let oldest = now.plus_seconds(-i64::from(*DEADLINE_SECONDS.end()));
    for (index, mut reported) in results.into_iter().enumerate() {
        reported.result.checked_at = reported.result.checked_at.clamp(oldest, now);
        if let Err(PayloadError { pointer, detail }) = reported.result.check() {
            faults.push(PayloadError::new(format!("/results/{index}/result{pointer}"), detail));
            continue;
        }
        let result = PreparedResult::new(reported);
        if result.json_bytes() > MAX_RESULT_BYTES {
            faults.push(PayloadError::new(format!("/results/{index}/result"), format!("must have at most {MAX_RESULT_BYTES} bytes")));
            continue;
        }
        prepared.push(result);
    }
    if faults.is_empty() { Ok(prepared) } else { Err(Refusal::InvalidPayload(faults)) }
}

/// Counts and logs what became of results.
pub(crate) fn note(metrics: &Metrics, outcomes: &[ReportOutcome]) {
    for ReportOutcome { job_id, outcome } in outcomes {
        match outcome {
            Outcome::Applied => {
                metrics.reported("applied");
                tracing::info!(job.id = %job_id, "job concluded");
            }
            Outcome::Duplicate => metrics.reported("duplicate"),
            Outcome::Superseded => metrics.reported("superseded"),
            Outcome::Unknown => metrics.reported("unknown"),
        }
    }
}
