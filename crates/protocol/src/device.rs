//! What a desktop and the relay say to each other about jobs: pull, report, release.

use serde::{Deserialize, Serialize};

use crate::clock::UnixMillis;
use crate::expectation::RowExpectation;
use crate::fetch_request::Context;
use crate::ids::{JobId, PollId};
use crate::result::JobResult;

/// Jobs that one pull may ask for.
pub const MAX_PULL_JOBS: u32 = 128;
/// Jobs that a desktop may name as running, or release, at once.
pub const MAX_HELD_JOBS: usize = 512;
/// Results in one report or pull.
pub const MAX_RESULTS: usize = 100;
/// Seconds that a pull may wait: below the 60 s at which many proxies cut a silent connection.
pub const MAX_PULL_WAIT_SECONDS: u32 = 50;
/// Bytes of a report: room for a hundred ordinary results, or for a few with much evidence.
pub const MAX_REPORT_BYTES: usize = 4 * 1_024 * 1_024;

/// `POST /api/device/pull`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PullRequest {
    /// The same again returns the same leases, since an answer can be lost on the way.
    pub poll_id: PollId,
    /// How many jobs the desktop has room for; 0 only extends and reports.
    #[cfg_attr(feature = "schema", schemars(range(max = MAX_PULL_JOBS)))]
    pub max: u32,
    /// How long to wait for the first job.
    #[cfg_attr(feature = "schema", schemars(range(max = MAX_PULL_WAIT_SECONDS)))]
    pub wait_seconds: u32,
    /// What the desktop is working on; their leases are extended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(length(max = MAX_HELD_JOBS)))]
    pub running: Vec<HeldJob>,
    /// Results, as in a report.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(length(max = MAX_RESULTS)))]
    pub results: Vec<ReportedResult>,
}

/// One job that a desktop holds, by the lease it holds it under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct HeldJob {
    /// The job.
    pub job_id: JobId,
    /// The number that grew with the lease.
    pub fence: u32,
}

/// The answer to a pull.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PullAnswer {
    /// Newly leased jobs.
    pub jobs: Vec<LeasedJob>,
    /// Running jobs that this desktop no longer holds: it stops them.
    pub lost: Vec<JobId>,
    /// One outcome a result, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outcomes: Vec<ReportOutcome>,
    /// The relay's clock.
    pub server_time: UnixMillis,
    /// Seconds that the leases of the running jobs last, counted from the pull's arrival; absent from relays that do not
    /// tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_seconds: Option<u32>,
    /// The version of the account's key inventory: when it is not the one that the desktop knows, it looks. Absent from
    /// relays that do not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys_version: Option<u64>,
}

/// A job as the desktop gets it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct LeasedJob {
    /// The job.
    pub job_id: JobId,
    /// The number to report under.
    pub fence: u32,
    /// Seconds until the lease ends, unless a pull names the job as running before then.
    pub lease_seconds: u32,
    /// Where the chain begins.
    pub tracking_url: String,
    /// Where it should land.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_domain: Option<String>,
    /// What else the job's row asks of the final URL.
    #[serde(flatten)]
    pub expectation: RowExpectation,
    /// What the request should look like.
    #[serde(default, skip_serializing_if = "Context::is_empty")]
    pub context: Context,
    /// When the job is given up.
    pub deadline: UnixMillis,
}

/// `POST /api/device/report`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReportRequest {
    /// Up to [`MAX_RESULTS`].
    #[cfg_attr(feature = "schema", schemars(length(max = MAX_RESULTS)))]
    pub results: Vec<ReportedResult>,
}

/// One result, under the lease it was made under.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ReportedResult {
    /// The job.
    pub job_id: JobId,
    /// The fence of the lease.
    pub fence: u32,
    /// What came of it.
    pub result: JobResult,
}

/// The answer to a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReportAnswer {
    /// One outcome a result, in order.
    pub outcomes: Vec<ReportOutcome>,
}

/// What became of one reported result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ReportOutcome {
    /// The job.
    pub job_id: JobId,
    /// What became of it.
    pub outcome: Outcome,
}

/// What the relay did with a reported result. After any of them the desktop forgets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is the job's result now.
    Applied,
    /// It was the job's result already.
    Duplicate,
    /// The fence has moved on, or the job ended otherwise: dropped.
    Superseded,
    /// The account has no such job.
    Unknown,
}

/// `POST /api/device/release`: leases given back at shutdown; costs the jobs no attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReleaseRequest {
    /// Up to [`MAX_HELD_JOBS`].
    #[cfg_attr(feature = "schema", schemars(length(max = MAX_HELD_JOBS)))]
    pub jobs: Vec<HeldJob>,
}

/// The answer to a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReleaseAnswer {
    /// How many leases went back; the others were no longer held.
    pub released: u32,
}
