//! A job as its caller sees it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::clock::UnixMillis;
use crate::ids::JobId;
use crate::key::Environment;
use crate::result::JobResult;

/// Where the work is: no other state exists, and every job ends in one of the last two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Waits for a desktop.
    Queued,
    /// A desktop holds it.
    Leased,
    /// Ended with exactly one conclusion.
    Concluded,
    /// Ended by its caller or an operator.
    Cancelled,
}

impl JobState {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Leased => "leased",
            Self::Concluded => "concluded",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing more will happen to the job.
    #[must_use]
    pub const fn has_ended(self) -> bool {
        match self {
            Self::Queued | Self::Leased => false,
            Self::Concluded | Self::Cancelled => true,
        }
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no job state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected `queued`, `leased`, `concluded` or `cancelled`")]
pub struct UnknownJobState;

impl FromStr for JobState {
    type Err = UnknownJobState;

    fn from_str(text: &str) -> Result<Self, UnknownJobState> {
        [Self::Queued, Self::Leased, Self::Concluded, Self::Cancelled]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or(UnknownJobState)
    }
}

/// A job, as every caller endpoint shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// Its id.
    pub job_id: JobId,
    /// Where the work is.
    pub state: JobState,
    /// Whether this answer repeats an earlier admission.
    pub replayed: bool,
    /// From the key that asked for it.
    pub environment: Environment,
    /// Where its row lives.
    pub source: String,
    /// The row's identity within its source.
    pub row_id: String,
    /// Where the chain begins.
    pub tracking_url: String,
    /// When it was admitted.
    pub created_at: UnixMillis,
    /// When it is given up.
    pub expires_at: UnixMillis,
    /// Where to ask for it again.
    pub status_url: String,
    /// What came of it; `null` until it is concluded.
    pub result: Option<JobResult>,
}

/// `GET /api/links/jobs`: newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct JobPage {
    /// The jobs of this page; may be empty although a cursor follows, when a filter fits few jobs.
    pub jobs: Vec<Job>,
    /// Where the next page begins; absent on the last one.
    pub next_cursor: Option<String>,
}
