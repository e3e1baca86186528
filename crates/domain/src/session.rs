//! How long an operator stays signed in. Pure: times in, decision out.

use protocol::UnixMillis;

/// Milliseconds without a request after which a session ends: a working day's pause, no weekend.
pub const IDLE_MILLIS: i64 = 12 * 3_600_000;
/// Milliseconds after which a session ends whatever happens in it.
pub const ABSOLUTE_MILLIS: i64 = 14 * 24 * 3_600_000;
/// Milliseconds that the time of the last request may be out of date: not every page view is a write.
pub const SEEN_STEP_MILLIS: i64 = 5 * 60_000;

/// The times of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionTimes {
    /// When its operator signed in.
    pub created_at: UnixMillis,
    /// When it was last used, give or take [`SEEN_STEP_MILLIS`].
    pub last_seen_at: UnixMillis,
}

impl SessionTimes {
    /// Whether the session still counts.
    #[must_use]
    pub const fn is_alive(self, now: UnixMillis) -> bool {
        now.0 < self.ends_at().0
    }

    /// When it ends if nothing more happens in it.
    #[must_use]
    pub const fn ends_at(self) -> UnixMillis {
        let idle = self.last_seen_at.plus_millis(IDLE_MILLIS);
        let absolute = self.created_at.plus_millis(ABSOLUTE_MILLIS);
        if idle.0 < absolute.0 { idle } else { absolute }
    }

    /// Whether a request now is worth noting.
    #[must_use]
    pub const fn is_worth_noting(self, now: UnixMillis) -> bool {
        now.0 - self.last_seen_at.0 >= SEEN_STEP_MILLIS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_when_it_is_idle_and_in_any_case() {
        let hour = |hours: i64| UnixMillis(hours * 3_600_000);
        for (created, seen, now, alive) in
            [(0, 0, 11, true), (0, 0, 12, false), (0, 11, 22, true), (0, 330, 335, true), (0, 330, 336, false), (0, 335, 336, false)]
        {
            let times = SessionTimes { created_at: hour(created), last_seen_at: hour(seen) };
            assert_eq!(times.is_alive(hour(now)), alive, "made {created}, seen {seen}, now {now}");
        }
    }

    #[test]
    fn requests_are_noted_every_few_minutes() {
        let times = SessionTimes { created_at: UnixMillis(0), last_seen_at: UnixMillis(0) };
        assert!(!times.is_worth_noting(UnixMillis(SEEN_STEP_MILLIS - 1)));
        assert!(times.is_worth_noting(UnixMillis(SEEN_STEP_MILLIS)));
    }
}
