//! Notices that the machine may have slept: connections that look open are dead then, and leases may have ended. Pure; the
//! two clocks are passed in, since some systems count sleep in the monotonic clock and some do not.

use std::time::Duration;

use protocol::UnixMillis;
use tokio::time::Instant;

/// How often the clocks are compared: a woken desktop dials again within this and a little more.
pub(crate) const TICK: Duration = Duration::from_secs(1);
/// What a tick may be late on a loaded machine without having slept.
const TOLERANCE: Duration = Duration::from_secs(5);

/// The clocks at the last tick.
#[derive(Debug)]
pub(crate) struct SleepWatch {
    wall: UnixMillis,
    monotonic: Instant,
}

impl SleepWatch {
    pub(crate) fn new(wall: UnixMillis, monotonic: Instant) -> Self {
        Self { wall, monotonic }
    }

    /// One tick later: for how long the machine seems to have slept. A wall clock that was set forward looks the same, so
    /// nothing may follow but to ask the relay.
    pub(crate) fn tick(&mut self, wall: UnixMillis, monotonic: Instant) -> Option<Duration> {
        // A wall clock set back shows as no time at all: the monotonic clock then decides alone.
        let by_wall = Duration::from_millis(u64::try_from(wall.0.saturating_sub(self.wall.0)).unwrap_or(0));
        let by_monotonic = monotonic.saturating_duration_since(self.monotonic);
        *self = Self { wall, monotonic };
        Some(by_wall.max(by_monotonic)).filter(|passed| *passed > TICK + TOLERANCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(wall_seconds: i64, monotonic_seconds: u64) -> Option<Duration> {
        let (wall, monotonic) = (UnixMillis::from_seconds(1_000), Instant::now());
        let mut watch = SleepWatch::new(wall, monotonic);
        watch.tick(wall.plus_seconds(wall_seconds), monotonic + Duration::from_secs(monotonic_seconds))
    }

    #[test]
    fn sleep_shows_in_either_clock() {
        assert_eq!(after(1, 1), None);
        assert_eq!(after(4, 4), None);
        assert_eq!(after(3_600, 1), Some(Duration::from_secs(3_600)));
        assert_eq!(after(3_600, 3_600), Some(Duration::from_secs(3_600)));
    }

    #[test]
    fn a_wall_clock_set_back_is_no_sleep() {
        assert_eq!(after(-3_600, 1), None);
    }
}
