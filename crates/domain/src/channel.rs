//! The active channel: from which source an account's scripts should read, and for how long a check counts there.

/// The source that every account has: rows that callers send. Another one is there as soon as there are rows in it.
pub const PLATFORM_API: &str = "platform_api";
/// The least that a check may count for, in seconds: below it no desktop keeps up.
pub const LEAST_FRESHNESS_SECONDS: u32 = 60;
/// The most, in seconds (90 days): as long as jobs are kept by default.
pub const MOST_FRESHNESS_SECONDS: u32 = 90 * 86_400;

/// An account's active channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Where its rows live.
    pub source: String,
    /// Seconds that a row's check stays fresh.
    pub freshness_seconds: u32,
}

/// Why a channel cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidChannel {
    /// No such source.
    #[error("the account has no rows of a source `{wanted}`; it has {}", known.join(", "))]
    Source {
        /// The one that was asked for.
        wanted: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// Too short or too long.
    #[error("a check may stay fresh for {LEAST_FRESHNESS_SECONDS} to {MOST_FRESHNESS_SECONDS} seconds")]
    Freshness,
}

/// The sources of an account that has rows of these.
#[must_use]
pub fn sources(of_rows: Vec<String>) -> Vec<String> {
    let others = of_rows.into_iter().filter(|source| source != PLATFORM_API);
    std::iter::once(PLATFORM_API.to_owned()).chain(others).collect()
}

impl Channel {
    /// A channel that an account with these sources may have.
    ///
    /// # Errors
    /// When the account has no such source, or the freshness is out of its bounds.
    pub fn new(source: &str, freshness_seconds: u32, sources: &[String]) -> Result<Self, InvalidChannel> {
        if !sources.iter().any(|known| known == source) {
            return Err(InvalidChannel::Source { wanted: source.to_owned(), known: sources.to_vec() });
        }
        if !(LEAST_FRESHNESS_SECONDS..=MOST_FRESHNESS_SECONDS).contains(&freshness_seconds) {
            return Err(InvalidChannel::Freshness);
        }
        Ok(Self { source: source.to_owned(), freshness_seconds })
    }

    /// What an account has that has chosen nothing.
    #[must_use]
    pub fn usual(freshness_millis: i64) -> Self {
        Self { source: PLATFORM_API.to_owned(), freshness_seconds: u32::try_from(freshness_millis / 1_000).unwrap_or(u32::MAX) }
    }

    /// Milliseconds that a row's check stays fresh.
    #[must_use]
    pub const fn freshness_millis(&self) -> i64 {
        self.freshness_seconds as i64 * 1_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_has_a_source_that_the_account_has_and_a_freshness_within_bounds() {
        let known = sources(vec!["csv".to_owned(), PLATFORM_API.to_owned()]);
        assert_eq!(known, [PLATFORM_API, "csv"]);
        assert!(Channel::new("platform_api", 86_400, &known).is_ok() && Channel::new("csv", 86_400, &known).is_ok());
        let only = sources(Vec::new());
        assert!(Channel::new("csv", 86_400, &only).unwrap_err().to_string().contains("`csv`; it has platform_api"));
        assert_eq!(Channel::new("platform_api", 59, &only), Err(InvalidChannel::Freshness));
        assert_eq!(Channel::new("platform_api", u32::MAX, &only), Err(InvalidChannel::Freshness));
    }
}
