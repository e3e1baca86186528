//! How far a signing timestamp may lie from the relay's clock.

/// The window around the relay's clock in which a signing timestamp is fresh. Both ends belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreshnessWindow {
    /// Seconds that a timestamp may lie in the past.
    pub past_seconds: i64,
    /// Seconds that a timestamp may lie in the future.
    pub future_seconds: i64,
}

impl Default for FreshnessWindow {
    fn default() -> Self {
        Self { past_seconds: 300, future_seconds: 300 }
    }
}

/// The timestamp lies outside the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the timestamp is {} s {}; at most {allowed} s are allowed", .off_by.abs(), if *.off_by < 0 { "in the past" } else { "in the future" })]
pub struct Stale {
    /// Timestamp minus clock, in seconds.
    pub off_by: i64,
    /// The bound that it overran.
    pub allowed: i64,
}

impl FreshnessWindow {
    /// # Errors
    /// When `timestamp_seconds` is not within the window around `now_seconds`.
    pub const fn check(self, timestamp_seconds: i64, now_seconds: i64) -> Result<(), Stale> {
        let off_by = timestamp_seconds.saturating_sub(now_seconds);
        if off_by < -self.past_seconds {
            Err(Stale { off_by, allowed: self.past_seconds })
        } else if off_by > self.future_seconds {
            Err(Stale { off_by, allowed: self.future_seconds })
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_of_the_window_belong_to_it() {
        let window = FreshnessWindow { past_seconds: 300, future_seconds: 60 };
        assert!(window.check(700, 1_000).is_ok());
        assert!(window.check(1_060, 1_000).is_ok());
        let past = window.check(699, 1_000).unwrap_err();
        assert_eq!(past.to_string(), "the timestamp is 301 s in the past; at most 300 s are allowed");
        let future = window.check(1_061, 1_000).unwrap_err();
        assert_eq!(future.to_string(), "the timestamp is 61 s in the future; at most 60 s are allowed");
        assert!(window.check(i64::MIN, 1_000).is_err());
    }
}
