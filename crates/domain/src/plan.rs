//! Plans as data: what an account may do, and how much of it.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::retention::{JOB_OUTLIVES_KEY_DAYS, LEAST_IDEMPOTENCY_DAYS, MOST_DAYS};

/// Characters of a plan's name.
const NAME_CHARS: std::ops::RangeInclusive<usize> = 1..=40;

/// The terms of one plan. A limit that is absent is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Whether signed requests are part of it.
    pub api_links: bool,
    /// Fetches a calendar month (UTC), for each environment.
    #[serde(default)]
    pub monthly_fetches: Option<u64>,
    /// Requests a second that a key may make over time; each item of a batch is one.
    #[serde(default)]
    pub requests_per_second: Option<NonZeroU32>,
    /// Requests that a key may make at once; as many as a second's when absent.
    #[serde(default)]
    pub burst: Option<NonZeroU32>,
    /// Jobs that may wait at once.
    #[serde(default)]
    pub jobs_waiting: Option<u64>,
    /// API keys that are not revoked.
    #[serde(default)]
    pub keys: Option<u32>,
    /// Linked desktops that are not revoked, with those whose linking is approved.
    #[serde(default)]
    pub devices: Option<u32>,
    /// Days that ended jobs and their results are kept, where that is shorter than what the relay keeps.
    #[serde(default)]
    pub retention_days: Option<u32>,
}

/// Every plan that a relay knows, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plans(BTreeMap<String, Plan>);

/// The text is no table of plans.
#[derive(Debug, thiserror::Error)]
pub enum InvalidPlans {
    /// Not TOML, or a member that no plan has.
    #[error("the plans cannot be read: {0}")]
    Unreadable(#[from] toml::de::Error),
    /// A plan that contradicts itself.
    #[error("plan `{plan}`: {why}")]
    Contradiction {
        /// Which plan.
        plan: String,
        /// What is wrong with it, and what to do.
        why: String,
    },
}

impl Plan {
    /// The plan with no limits.
    const fn unlimited() -> Self {
        Self {
            api_links: true,
            monthly_fetches: None,
            requests_per_second: None,
            burst: None,
            jobs_waiting: None,
            keys: None,
            devices: None,
            retention_days: None,
        }
    }

    /// What contradicts itself; a plan is refused for it.
    fn contradiction(&self) -> Option<String> {
        let least_days = LEAST_IDEMPOTENCY_DAYS + JOB_OUTLIVES_KEY_DAYS;
        if self.burst.is_some() && self.requests_per_second.is_none() {
            return Some("burst says nothing without requests_per_second; give both, or neither".to_owned());
        }
        if self.burst.zip(self.requests_per_second).is_some_and(|(burst, second)| burst < second) {
            return Some("burst is less than requests_per_second, which then can never be had; raise it, or leave it out".to_owned());
        }
        if self.retention_days.is_some_and(|days| !(least_days..=MOST_DAYS).contains(&days)) {
            return Some(format!("retention_days must be {least_days} to {MOST_DAYS}: callers may retry for a day"));
        }
        None
    }

    /// What is allowed and probably not meant, for an operator who checks a file.
    #[must_use]
    pub fn doubts(&self) -> Vec<&'static str> {
        let none = |limit: Option<u64>| limit == Some(0);
        let mut doubts = Vec::new();
        if self.api_links && none(self.monthly_fetches) {
            doubts.push("it has signed requests and not one fetch a month: every request will be refused");
        }
        if none(self.jobs_waiting) {
            doubts.push("no job may wait: every request will be refused");
        }
        if none(self.devices.map(u64::from)) {
            doubts.push("no desktop may be linked: no job will ever be resolved");
        }
        if self.api_links && none(self.keys.map(u64::from)) {
            doubts.push("it has signed requests and not one key");
        }
        doubts
    }
}

impl Plans {
    /// The plan with no limits, which every relay knows.
    pub const UNLIMITED: &'static str = "unlimited";
    /// The plans that a relay knows unless it is given others, with what each member means.
    pub const DEFAULT_TOML: &'static str = include_str!("plans.toml");

    /// Reads plans from TOML, one table a plan.
    ///
    /// # Errors
    /// When the text is not TOML, a plan has an unknown or ill-typed member, or contradicts itself; the error says where.
    pub fn from_toml(text: &str) -> Result<Self, InvalidPlans> {
        let mut plans: BTreeMap<String, Plan> = toml::from_str(text)?;
        for (name, plan) in &plans {
            let is_name = NAME_CHARS.contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
            let why = if is_name { plan.contradiction() } else { Some("a name has 1 to 40 letters, digits, `_` and `-`".to_owned()) };
            if let Some(why) = why {
                return Err(InvalidPlans::Contradiction { plan: name.clone(), why });
            }
        }
        plans.entry(Self::UNLIMITED.to_owned()).or_insert(Plan::unlimited());
        Ok(Self(plans))
    }

    /// The terms of the plan of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Plan> {
        self.0.get(name)
    }

    /// Every plan with its name, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Plan)> {
        self.0.iter().map(|(name, plan)| (name.as_str(), plan))
    }

    /// The names, for messages.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl Default for Plans {
    fn default() -> Self {
        #[expect(clippy::expect_used, reason = "the embedded file is read by a test")]
        Self::from_toml(Self::DEFAULT_TOML).expect("the embedded plans are valid")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_plans_are_valid() {
        let plans = Plans::default();
        assert_eq!(plans.names().collect::<Vec<_>>(), ["free", "pro", "unlimited"]);
        assert!(!plans.get("free").unwrap().api_links);
        assert_eq!(plans.get("unlimited"), Some(&Plan::unlimited()));
        assert!(plans.iter().all(|(_, plan)| plan.doubts().is_empty()));
    }

    #[test]
    fn a_misspelt_member_is_named() {
        let error = Plans::from_toml("[x]\napi_links = true\nmonthly_fetch = 1").unwrap_err().to_string();
        assert!(error.contains("monthly_fetch"), "{error}");
    }

    #[test]
    fn a_plan_that_contradicts_itself_is_refused_with_its_name() {
        for (terms, word) in [
            ("burst = 5", "requests_per_second"),
            ("requests_per_second = 5\nburst = 4", "never be had"),
            ("retention_days = 1", "2 to"),
            ("requests_per_second = 0", "nonzero"),
        ] {
            let error = Plans::from_toml(&format!("[small]\napi_links = true\n{terms}")).unwrap_err().to_string();
            assert!(error.contains(word), "{terms}: {error}");
        }
        assert!(Plans::from_toml("[\"a b\"]\napi_links = true").unwrap_err().to_string().contains("`a b`"));
    }

    #[test]
    fn what_is_probably_not_meant_is_said() {
        let plans = Plans::from_toml("[x]\napi_links = true\nmonthly_fetches = 0\njobs_waiting = 0\ndevices = 0\nkeys = 0").unwrap();
        assert_eq!(plans.get("x").unwrap().doubts().len(), 4);
    }
}
