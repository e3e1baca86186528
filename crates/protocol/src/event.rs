//! What is told as it happens (`GET /api/links/events`), and where scripts should read (`GET /api/channel`).

use serde::{Deserialize, Serialize};

use crate::clock::UnixMillis;
use crate::conclusion::Conclusion;
use crate::ids::JobId;
use crate::job::JobState;

/// The data of a `job` event: a job came into a state. The event's id names its place; the same id is never told twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobEvent {
    /// Which job.
    pub job_id: JobId,
    /// The state that it came into.
    pub state: JobState,
    /// With `concluded`: the conclusion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conclusion: Option<Conclusion>,
    /// When.
    pub at: UnixMillis,
    /// Where the job can be read.
    pub status_url: String,
}

/// The data of a `reset` event: what came after the id that was given is no longer kept, or never was. Read the jobs anew;
/// the stream goes on from now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventsReset {
    /// Why, for people.
    pub detail: String,
}

/// `GET /api/channel`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ActiveChannel {
    /// The source that scripts should read.
    pub source: String,
    /// Where its rows are read; signed like every other endpoint.
    pub rows_url: String,
    /// Seconds that a row's check stays fresh.
    pub freshness_seconds: u32,
}
