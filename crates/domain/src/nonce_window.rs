//! How long a nonce is remembered. Nonces are kept in slices of time that are dropped whole; which slice is a function
//! of the signed timestamp alone, so that the same bytes always meet the same slice.

use protocol::signature::FreshnessWindow;

/// Seconds that one slice covers.
pub const SLICE_SECONDS: i64 = 300;
/// Slices that exist at once, in a ring.
pub const SLICES: i64 = 8;
/// Seconds that past and future window may have together: all live slices, and one that is being left, fit the ring.
pub const MAX_WINDOW_SECONDS: i64 = (SLICES - 2) * SLICE_SECONDS;

/// A stretch of [`SLICE_SECONDS`] in which nonces cease to matter, counted from the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NonceSlice(pub i64);

impl NonceSlice {
    /// The slice of a request with this timestamp: by the second at which it leaves the window for good.
    #[must_use]
    pub const fn of(timestamp_seconds: i64, window: FreshnessWindow) -> Self {
        Self(timestamp_seconds.saturating_add(window.past_seconds).div_euclid(SLICE_SECONDS))
    }

    /// Every slice that may hold a nonce which still matters at `now_seconds`.
    pub fn live(now_seconds: i64, window: FreshnessWindow) -> impl Iterator<Item = Self> {
        let first = now_seconds.div_euclid(SLICE_SECONDS);
        let last = (now_seconds + window.past_seconds + window.future_seconds).div_euclid(SLICE_SECONDS);
        (first..=last).map(Self)
    }

    /// Its place in the ring.
    #[must_use]
    pub const fn slot(self) -> usize {
        // Below SLICES, so it fits.
        self.0.rem_euclid(SLICES) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fresh_timestamp_lies_in_a_live_slice_and_no_two_live_slices_share_a_slot() {
        for window in [
            FreshnessWindow::default(),
            FreshnessWindow { past_seconds: 1_799, future_seconds: 1 },
            FreshnessWindow { past_seconds: 1, future_seconds: 60 },
        ] {
            for now in 1_779_753_000..1_779_753_000 + 2 * SLICE_SECONDS {
                let live: Vec<_> = NonceSlice::live(now, window).collect();
                for timestamp in [now - window.past_seconds, now, now + window.future_seconds] {
                    assert!(live.contains(&NonceSlice::of(timestamp, window)));
                }
                let mut slots: Vec<_> = live.iter().map(|slice| slice.slot()).collect();
                slots.sort_unstable();
                slots.dedup();
                assert_eq!(slots.len(), live.len());
            }
        }
    }
}
