//! What a line of the history says, and what of it is kept in memory.

use protocol::device::Outcome;
use protocol::{Context, JobId, JobResult, UnixMillis};
use serde::{Deserialize, Serialize};

/// Characters of a tracking URL that the list keeps in memory; the line has it whole.
const SHOWN_CHARS: usize = 300;

/// A job that came to a result on this machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Checked {
    pub(crate) job_id: JobId,
    pub(crate) tracking_url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expected_domain: Option<String>,
    #[serde(default, skip_serializing_if = "Context::is_empty")]
    pub(crate) context: Context,
    pub(crate) result: JobResult,
}

/// What became of a result at the relay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Settled {
    /// The relay's word.
    Outcome(Outcome),
    /// The relay refuses it for what it is.
    Refused(String),
}

/// One line.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
#[expect(clippy::large_enum_variant, reason = "read one at a time, never kept")]
pub(super) enum Record {
    Checked(Checked),
    Settled { job_id: JobId, settled: Settled },
}

/// As [`Record`], for writing.
#[derive(Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(super) enum RecordRef<'a> {
    Checked(&'a Checked),
    Settled { job_id: JobId, settled: &'a Settled },
}

/// A job in the list.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Summary {
    pub(crate) job_id: JobId,
    /// Cut when it is long.
    pub(crate) tracking_url: String,
    pub(crate) conclusion: protocol::Conclusion,
    pub(crate) checked_at: UnixMillis,
    pub(crate) duration_ms: u64,
    pub(crate) hops: usize,
    /// Absent while the relay has not been heard.
    pub(crate) settled: Option<Settled>,
}

impl Summary {
    pub(super) fn of(checked: &Checked) -> Self {
        let url = &checked.tracking_url;
        let tracking_url = match url.char_indices().nth(SHOWN_CHARS) {
            Some((end, _)) => format!("{}…", &url[..end]),
            None => url.clone(),
        };
        let result = &checked.result;
        Self {
            job_id: checked.job_id,
            tracking_url,
            conclusion: result.conclusion,
            checked_at: result.checked_at,
            duration_ms: result.duration_ms,
            hops: result.hops.len(),
            settled: None,
        }
    }
}
