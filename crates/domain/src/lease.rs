//! Leases: how long a device may hold a job, and what becomes of the job when it lets go.
//!
//! ```text
//!             pull                 report, fence holds
//!  queued ───────────▶ leased ───────────────────────▶ concluded
//!    ▲  │                │ │
//!    │  │ cancel         │ └── lease ends, attempts left: queued again, fence + 1, after a backoff
//!    │  ▼                │ └── lease ends, attempts spent, or deadline passed: concluded as not_executed
//!    └── release         └──── cancel: cancelled, the desktop is told at its next pull
//! ```

use protocol::UnixMillis;

/// How leases and retries go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeasePolicy {
    /// Milliseconds within which a new lease must be taken up (renewed for the first time): a job whose answer was lost
    /// on the way is out again soon.
    pub takeup_millis: i64,
    /// Milliseconds that a renewed lease lasts.
    pub lease_millis: i64,
    /// Attempts that a job has.
    pub attempts: u32,
    /// Leases that a job has, those included that were never taken up: a job that kills every desktop which touches it
    /// must end too.
    pub leases: u32,
    /// Milliseconds before the second attempt; doubles with each further one.
    pub backoff_millis: i64,
    /// Milliseconds that a backoff never exceeds.
    pub max_backoff_millis: i64,
}

impl Default for LeasePolicy {
    fn default() -> Self {
        Self { takeup_millis: 15_000, lease_millis: 60_000, attempts: 5, leases: 50, backoff_millis: 2_000, max_backoff_millis: 300_000 }
    }
}

/// Leases that cost neither an attempt nor a wait: their answers were lost on the way, or a desktop that shut down gave
/// them back.
const FREE_LEASES: u32 = 10;

/// What becomes of a job whose lease ended without a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterLease {
    /// It waits again, from this time on; `attempts` are spent so far.
    Queued {
        /// Not before this time.
        due_at: UnixMillis,
        /// Attempts spent.
        attempts: u32,
    },
    /// It is concluded as `not_executed`.
    NotExecuted(WhyNotExecuted),
}

/// Why a job ends without a desktop's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyNotExecuted {
    /// Its deadline passed.
    DeadlinePassed,
    /// Every attempt ended without a result.
    AttemptsSpent(u32),
}

impl WhyNotExecuted {
    /// In a sentence for a person.
    #[must_use]
    pub fn detail(self) -> String {
        match self {
            Self::DeadlinePassed => "No desktop delivered a result before the deadline.".to_owned(),
            Self::AttemptsSpent(attempts) => format!("A desktop took the job {attempts} times and delivered no result."),
        }
    }
}

impl LeasePolicy {
    /// When a lease that begins now ends. Never past the deadline: the relay then concludes the job itself.
    #[must_use]
    pub fn first_end(&self, now: UnixMillis, deadline: UnixMillis) -> UnixMillis {
        now.plus_millis(self.takeup_millis).min(deadline)
    }

    /// When a lease that is renewed now ends.
    #[must_use]
    pub fn renewed_end(&self, now: UnixMillis, deadline: UnixMillis) -> UnixMillis {
        now.plus_millis(self.lease_millis).min(deadline)
    }

    /// What becomes of a job whose lease ended. `attempts` counts the ended one, unless it was never taken up: that one
    /// is free. `leases` counts every lease that the job has had. `jitter` is random, from 0 to 1.
    #[must_use]
    pub fn after_end(&self, attempts: u32, leases: u32, now: UnixMillis, deadline: UnixMillis, jitter: f64) -> AfterLease {
        if deadline <= now {
            return AfterLease::NotExecuted(WhyNotExecuted::DeadlinePassed);
        }
        if attempts >= self.attempts || leases >= self.leases {
            return AfterLease::NotExecuted(WhyNotExecuted::AttemptsSpent(attempts.max(leases)));
        }
        let not_taken_up = leases.saturating_sub(attempts);
        let waits_for = attempts.max(not_taken_up.saturating_sub(FREE_LEASES));
        let due_at = now.plus_millis(self.backoff(waits_for, jitter)).min(deadline);
        AfterLease::Queued { due_at, attempts }
    }

    /// Milliseconds to wait after so many failures: doubling, bounded, between half and the whole of it by jitter, so
    /// that jobs which a dying desktop held together do not come back together.
    fn backoff(&self, failures: u32, jitter: f64) -> i64 {
        let doublings = failures.saturating_sub(1).min(32);
        let whole = self.backoff_millis.saturating_mul(1_i64 << doublings).min(self.max_backoff_millis);
        if failures == 0 {
            return 0;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "at most max_backoff_millis")]
        let jittered = (whole as f64 * (0.5 + jitter.clamp(0.0, 1.0) / 2.0)) as i64;
        jittered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_000_000);
    const FAR: UnixMillis = UnixMillis(i64::MAX);

    #[test]
    fn a_lease_never_outlives_the_deadline() {
        let policy = LeasePolicy::default();
        assert_eq!(policy.first_end(NOW, FAR), NOW.plus_seconds(15));
        assert_eq!(policy.renewed_end(NOW, FAR), NOW.plus_seconds(60));
        assert_eq!(policy.renewed_end(NOW, NOW.plus_seconds(3)), NOW.plus_seconds(3));
    }

    #[test]
    fn what_becomes_of_a_job_whose_lease_ended() {
        let policy = LeasePolicy::default();
        let due = |attempts, jitter| match policy.after_end(attempts, attempts.max(1), NOW, FAR, jitter) {
            AfterLease::Queued { due_at, attempts: spent } if spent == attempts => due_at.0 - NOW.0,
            other => panic!("{other:?}"),
        };
        assert_eq!(due(0, 1.0), 0, "a lease that was never taken up costs nothing");
        assert_eq!([due(1, 1.0), due(2, 1.0), due(3, 1.0), due(4, 1.0)], [2_000, 4_000, 8_000, 16_000]);
        assert_eq!([due(1, 0.0), due(4, 0.5)], [1_000, 12_000]);
        assert_eq!(policy.after_end(5, 5, NOW, FAR, 0.0), AfterLease::NotExecuted(WhyNotExecuted::AttemptsSpent(5)));
        assert_eq!(policy.after_end(1, 1, NOW, NOW, 0.0), AfterLease::NotExecuted(WhyNotExecuted::DeadlinePassed));
        let never_taken_up = |leases| policy.after_end(0, leases, NOW, FAR, 1.0);
        assert_eq!(never_taken_up(10), AfterLease::Queued { due_at: NOW, attempts: 0 });
        assert_eq!(never_taken_up(13), AfterLease::Queued { due_at: NOW.plus_seconds(8), attempts: 0 });
        assert_eq!(never_taken_up(50), AfterLease::NotExecuted(WhyNotExecuted::AttemptsSpent(50)), "a job that kills desktops ends");
        let long = LeasePolicy { attempts: 100, ..policy };
        assert_eq!(long.backoff(99, 1.0), 300_000);
        assert_eq!(
            policy.after_end(4, 4, NOW, NOW.plus_seconds(1), 1.0),
            AfterLease::Queued { due_at: NOW.plus_seconds(1), attempts: 4 },
            "a wait that would outlast the deadline ends with it"
        );
    }
}
