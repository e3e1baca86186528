//! How long to leave the relay alone after a failure. Pure but for the randomness, which is passed in.

use std::time::Duration;

/// The shortest pause, and the least that full jitter may draw.
pub(crate) const SHORTEST: Duration = Duration::from_secs(1);
/// The longest pause of our own: an outage of minutes is noticed within one more.
pub(crate) const LONGEST: Duration = Duration::from_secs(60);
/// The longest pause that a `Retry-After` can ask for: beyond it a misconfigured proxy could silence desktops for days.
pub(crate) const LONGEST_ASKED_FOR: Duration = Duration::from_secs(600);

/// Counts failures in a row.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// How long to wait after one more failure. `fraction` is random in `0.0..1.0`; `retry_after` is what the relay asked for.
    pub(crate) fn after_failure(&mut self, retry_after: Option<Duration>, fraction: f64) -> Duration {
        self.failures = self.failures.saturating_add(1);
        // Full jitter: desktops that lost the relay together come back apart.
        let ceiling = LONGEST.min(Duration::from_secs(1_u64 << self.failures.min(6)));
        let jittered = SHORTEST + (ceiling - SHORTEST).mul_f64(fraction);
        match retry_after {
            // Never sooner than asked, and not all at the same instant after it either.
            Some(asked) => {
                let asked = asked.min(LONGEST_ASKED_FOR);
                asked + SHORTEST.max(asked / 10).mul_f64(fraction)
            }
            None => jittered,
        }
    }

    /// The relay answered.
    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
    }
}

/// A number in `0.0..1.0` from the operating system.
pub(crate) fn random_fraction() -> f64 {
    f64::from(u32::from_le_bytes(protocol::secret::random_bytes())) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(backoff: &mut Backoff, fraction: f64) -> f64 {
        backoff.after_failure(None, fraction).as_secs_f64()
    }

    #[test]
    fn the_pause_is_drawn_between_one_second_and_a_doubling_ceiling() {
        let mut backoff = Backoff::default();
        let ceilings: Vec<f64> = (0..9).map(|_| seconds(&mut backoff, 1.0)).collect();
        assert_eq!(ceilings, [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0, 60.0]);
        assert_eq!(seconds(&mut backoff, 0.0), 1.0);
        backoff.succeeded();
        assert_eq!(seconds(&mut backoff, 1.0), 2.0);
    }

    #[test]
    fn retry_after_is_never_undercut_and_has_an_end() {
        let mut backoff = Backoff::default();
        let mut after = |asked, fraction| backoff.after_failure(Some(Duration::from_secs(asked)), fraction).as_secs_f64();
        assert_eq!(after(30, 0.0), 30.0);
        assert_eq!(after(30, 1.0), 33.0);
        assert_eq!(after(0, 1.0), 1.0);
        assert_eq!(after(1_000_000, 0.0), 600.0);
    }
}
