//! The burst limit of one API key, in memory: against floods, not for accounting. Monthly quotas live in the database.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};

use domain::Plan;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use crate::problem::Refusal;

type Limiter = RateLimiter<NotKeyed, InMemoryState, DefaultClock, StateInformationMiddleware>;

/// How many requests a key may send now.
pub(crate) struct Burst {
    limiter: Limiter,
    size: u32,
    per_second: u32,
    clock: DefaultClock,
    /// What was left after the last request.
    remaining: AtomicU32,
}

/// How a key stands with its burst limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BurstStanding {
    pub(crate) size: u32,
    pub(crate) per_second: u32,
    pub(crate) remaining: u32,
}

impl Burst {
    /// The limit of a plan; none when it has none.
    pub(crate) fn of(plan: &Plan) -> Option<Self> {
        let per_second = plan.requests_per_second?;
        let size: NonZeroU32 = plan.burst.unwrap_or(per_second);
        let clock = DefaultClock::default();
        let limiter = RateLimiter::direct_with_clock(Quota::per_second(per_second).allow_burst(size), clock.clone()).with_middleware();
        let size = size.get();
        Some(Self { limiter, size, per_second: per_second.get(), clock, remaining: AtomicU32::new(size) })
    }

    /// Takes one request.
    pub(crate) fn take(&self) -> Result<BurstStanding, Refusal> {
        let checked = self.limiter.check();
        let remaining = checked.as_ref().map_or(0, governor::middleware::StateSnapshot::remaining_burst_capacity);
        self.remaining.store(remaining, Ordering::Relaxed);
        checked.map(|_| self.last()).map_err(|not_until| {
            let wait = not_until.wait_time_from(self.clock.now());
            Refusal::RateLimited { retry_after: wait.as_secs() + 1 }
        })
    }

    /// How the key stood after its last request, without taking another.
    pub(crate) fn last(&self) -> BurstStanding {
        BurstStanding { size: self.size, per_second: self.per_second, remaining: self.remaining.load(Ordering::Relaxed) }
    }
}

impl std::fmt::Debug for Burst {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Burst").field("size", &self.size).finish_non_exhaustive()
    }
}
