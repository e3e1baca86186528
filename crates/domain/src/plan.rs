//! Plans as data: what an account may do, and how much of it.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The terms of one plan.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Whether signed requests are part of it.
    pub api_links: bool,
    /// Fetches a calendar month (UTC), for each environment; none: unlimited.
    #[serde(default)]
    pub monthly_fetches: Option<u64>,
    /// Requests a second that a key may make over time; none: unlimited.
    #[serde(default)]
    pub requests_per_second: Option<std::num::NonZeroU32>,
    /// Requests that a key may make at once; as many as a second's when absent.
    #[serde(default)]
    pub burst: Option<std::num::NonZeroU32>,
    /// Jobs that may wait at once; none: unlimited.
    #[serde(default)]
    pub jobs_waiting: Option<u64>,
}

/// Every plan that a relay knows, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plans(BTreeMap<String, Plan>);

/// The text is no table of plans.
#[derive(Debug, thiserror::Error)]
#[error("the plans cannot be read: {0}")]
pub struct InvalidPlans(#[from] toml::de::Error);

impl Plans {
    /// The plan with no limits, which every relay knows.
    pub const UNLIMITED: &'static str = "unlimited";

    /// Reads plans from TOML, one table a plan.
    ///
    /// # Errors
    /// When the text is not TOML, or a plan has an unknown or ill-typed member; the error says where.
    pub fn from_toml(text: &str) -> Result<Self, InvalidPlans> {
        let mut plans: BTreeMap<String, Plan> = toml::from_str(text)?;
        plans.entry(Self::UNLIMITED.to_owned()).or_insert(Plan {
            api_links: true,
            monthly_fetches: None,
            requests_per_second: None,
            burst: None,
            jobs_waiting: None,
        });
        Ok(Self(plans))
    }

    /// The terms of the plan of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Plan> {
        self.0.get(name)
    }

    /// The names, for messages.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl Default for Plans {
    fn default() -> Self {
        #[expect(clippy::expect_used, reason = "the embedded file is read by a test")]
        Self::from_toml(include_str!("plans.toml")).expect("the embedded plans are valid")
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
        assert_eq!(plans.get("unlimited").unwrap().monthly_fetches, None);
    }

    #[test]
    fn a_misspelt_member_is_named() {
        let error = Plans::from_toml("[x]\napi_links = true\nmonthly_fetch = 1").unwrap_err().to_string();
        assert!(error.contains("monthly_fetch"), "{error}");
    }
}
