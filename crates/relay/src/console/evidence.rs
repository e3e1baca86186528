//! Results as pages read them.

use protocol::{Conclusion, JobId, JobResult};
use serde::Deserialize;
use store::JobRecord;

/// A check with its result.
pub(super) struct Check {
    pub(super) job: JobRecord,
    /// Absent while it has not ended, and when it cannot be read.
    pub(super) result: Option<JobResult>,
}

impl Check {
    pub(super) fn of(mut job: JobRecord) -> Self {
        let result = job.result.take().and_then(|json| read(&json, job.job_id));
        Self { job, result }
    }
}

/// A stored result. One that cannot be read is told in the log and shown as absent: a page about a hundred jobs must not
/// fail for one of them.
pub(super) fn read(json: &str, job: JobId) -> Option<JobResult> {
    serde_json::from_str(json).inspect_err(|error| tracing::error!(job.id = %job, %error, "a stored result cannot be read")).ok()
}

/// As much of a result as a line of a table says. The rest, pictures above all, is passed over without being read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    pub(super) conclusion: Conclusion,
    #[serde(default)]
    pub(super) final_url: Option<String>,
    #[serde(default)]
    pub(super) duration_ms: u64,
}

impl Summary {
    /// As [`read`].
    pub(super) fn of(job: &JobRecord) -> Option<Self> {
        let cannot = |error: &serde_json::Error| tracing::error!(job.id = %job.job_id, %error, "a stored result cannot be read");
        serde_json::from_str(job.result.as_deref()?).inspect_err(cannot).ok()
    }
}
