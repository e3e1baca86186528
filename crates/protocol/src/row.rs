//! A row as scripts read it: what the newest job said, and whether money may be spent on it now.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::UnixMillis;
use crate::conclusion::{Class, Conclusion};
use crate::expectation::RequiredParameter;
use crate::ids::JobId;

/// One item of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// Where it lives.
    pub source: String,
    /// Its stable identity there.
    pub row_id: String,
    /// What people call the offer.
    pub offer_name: Option<String>,
    /// Where its chain begins.
    pub tracking_url: String,
    /// Where it should land.
    pub expected_domain: Option<String>,
    /// Query parameters that must reach the final URL.
    #[serde(default)]
    pub required_parameters: Vec<RequiredParameter>,
    /// The final URL that was accepted before: another host or path is drift.
    #[serde(default)]
    pub accepted_url: Option<String>,
    /// The class of the last conclusion, in the words of a sheet.
    pub check_status: CheckStatus,
    /// Where it landed.
    pub final_url: Option<String>,
    /// The last conclusion.
    pub conclusion: Option<Conclusion>,
    /// What failed technically; never a deliberate exclusion.
    pub error: Option<String>,
    /// Why it was deliberately not checked; never a failure.
    pub skip_reason: Option<String>,
    /// When its chain was last followed to the end.
    pub last_checked: Option<UnixMillis>,
    /// The newest job made for it.
    pub job_id: Option<JobId>,
    /// Whether a script may spend money on it now.
    pub ready_for_ads: bool,
    /// Every reason why not; empty when it is ready.
    pub not_ready_reasons: Vec<NotReadyReason>,
}

/// `GET /api/rows`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct RowPage {
    /// The rows of this page, by row id; may be empty although a cursor follows, when a filter fits few rows.
    pub rows: Vec<Row>,
    /// Where the next page begins; absent on the last one.
    pub next_cursor: Option<String>,
}

/// What a sheet shows in its status column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CheckStatus {
    /// No result yet.
    Pending,
    /// Everything passes.
    Valid,
    /// Broken, or leads where it must not.
    Failed,
    /// A person should look.
    Review,
    /// Nothing certain can be said.
    Inconclusive,
    /// Deliberately not checked.
    Skipped,
}

impl From<Option<Class>> for CheckStatus {
    fn from(class: Option<Class>) -> Self {
        match class {
            None => Self::Pending,
            Some(Class::Ok) => Self::Valid,
            Some(Class::Bad) => Self::Failed,
            Some(Class::Review) => Self::Review,
            Some(Class::Inconclusive) => Self::Inconclusive,
            Some(Class::Skipped) => Self::Skipped,
        }
    }
}

/// Why a script must not spend money on a row now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum NotReadyReason {
    /// No check has ended yet.
    NeverChecked,
    /// The last conclusion is not `valid`.
    NotValid,
    /// The last check is older than the freshness window.
    Stale,
    /// The row has changed since the check.
    ChangedSinceCheck,
    /// The check did not use the context that was asked for.
    ContextNotUsed,
}

impl NotReadyReason {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NeverChecked => "never_checked",
            Self::NotValid => "not_valid",
            Self::Stale => "stale",
            Self::ChangedSinceCheck => "changed_since_check",
            Self::ContextNotUsed => "context_not_used",
        }
    }
}

impl fmt::Display for NotReadyReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
