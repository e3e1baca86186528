//! Results as pages read them.

use protocol::{JobId, JobResult};

/// A stored result. One that cannot be read is told in the log and shown as absent: a page about a hundred jobs must not
/// fail for one of them.
pub(super) fn read(json: &str, job: JobId) -> Option<JobResult> {
    serde_json::from_str(json).inspect_err(|error| tracing::error!(job.id = %job, %error, "a stored result cannot be read")).ok()
}
