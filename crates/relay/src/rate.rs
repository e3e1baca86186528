//! The burst limit of one API key or one desktop, in memory: against floods, not for accounting. Monthly quotas live in the
//! database.
//!
//! The generic cell rate algorithm: one number says when the bucket will be full again. A request is taken while there is
//! room for one; whatever comes with it (the items of a batch) is paid for in advance, so that a batch of any size goes
//! through once and over time nobody gets more than the rate.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use domain::Plan;

const NANOS: u64 = 1_000_000_000;

/// What one sender may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests a second, for ever.
    pub per_second: NonZeroU32,
    /// Requests at once, after a pause.
    pub burst: NonZeroU32,
}

/// A text that is no rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected requests a second and how many at once, such as 100:2000")]
pub struct InvalidRate;

impl Rate {
    /// What an address may send that nobody has proven to be theirs: 100 a second, 2,000 at once. A person who opens pages
    /// sends ten at a time, a desktop that is not linked any more one a second, a script with a wrong secret that never
    /// stops to think some 50 a second: none of them is held up. A guesser gets 100 tries a second, where a secret has
    /// 2^128 values.
    pub const OF_ADDRESS: Self = Self::of(100, 2_000);
    /// What one desktop may send: 500 a second, 2,500 at once. It has one pull open at a time, and each takes up to 128 jobs
    /// and hands in up to 100 results; a message of many bytes counts as several requests.
    pub const OF_DEVICE: Self = Self::of(500, 2_500);

    const fn of(per_second: u32, burst: u32) -> Self {
        match (NonZeroU32::new(per_second), NonZeroU32::new(burst)) {
            (Some(per_second), Some(burst)) => Self { per_second, burst },
            _ => Self { per_second: NonZeroU32::MIN, burst: NonZeroU32::MIN },
        }
    }
}

impl FromStr for Rate {
    type Err = InvalidRate;

    fn from_str(text: &str) -> Result<Self, InvalidRate> {
        let (per_second, burst) = text.split_once(':').ok_or(InvalidRate)?;
        let number = |text: &str| text.parse().map_err(|_| InvalidRate);
        Ok(Self { per_second: number(per_second)?, burst: number(burst)? })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.per_second, self.burst)
    }
}

/// How many requests one sender may send now.
#[derive(Debug)]
pub(crate) struct Burst {
    size: u32,
    per_second: u32,
    began: Instant,
    /// When everything that was taken will have been given back, in nanoseconds since it began.
    full_at: AtomicU64,
}

/// How a key stands with its burst limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BurstStanding {
    pub(crate) size: u32,
    pub(crate) per_second: u32,
    pub(crate) remaining: u32,
}

impl Burst {
    /// The limit of a plan; none when it has none.
    pub(crate) fn of(plan: &Plan) -> Option<Self> {
        let per_second = plan.requests_per_second?;
        Some(Self::new(Rate { per_second, burst: plan.burst.unwrap_or(per_second) }))
    }

    pub(crate) fn new(Rate { per_second, burst }: Rate) -> Self {
        Self { size: burst.get(), per_second: per_second.get(), began: Instant::now(), full_at: AtomicU64::new(0) }
    }

    /// Takes one request.
    ///
    /// # Errors
    /// When there is none left: whole seconds until there is, rounded up.
    pub(crate) fn take(&self) -> Result<BurstStanding, u64> {
        self.take_at(self.now()).map_err(whole_seconds)
    }

    /// Whether a request could be taken now, without taking it.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub(crate) fn has_room(&self) -> Result<(), u64> {
        let now = self.now();
        let room = now + self.nanos(self.size - 1);
        self.full_at.load(Ordering::Relaxed).checked_sub(room).filter(|wait| *wait > 0).map_or(Ok(()), |wait| Err(whole_seconds(wait)))
    }

    /// Pays for what came with a request that was taken, however much it is.
    pub(crate) fn charge(&self, requests: u32) -> BurstStanding {
        self.charge_at(self.now(), requests)
    }

    /// How the key stands, without taking another.
    pub(crate) fn last(&self) -> BurstStanding {
        self.standing(self.now(), self.full_at.load(Ordering::Relaxed))
    }

    /// `Err`: nanoseconds until there is room.
    fn take_at(&self, now: u64) -> Result<BurstStanding, u64> {
        let room = self.nanos(self.size - 1);
        let taken = self
            .full_at
            .try_update(Ordering::Relaxed, Ordering::Relaxed, |full_at| (full_at <= now + room).then(|| full_at.max(now) + self.nanos(1)));
        match taken {
            Ok(before) => Ok(self.standing(now, before.max(now) + self.nanos(1))),
            Err(full_at) => Err(full_at - now - room),
        }
    }

    fn charge_at(&self, now: u64, requests: u32) -> BurstStanding {
        let cost = self.nanos(requests);
        let before = self.full_at.update(Ordering::Relaxed, Ordering::Relaxed, |full_at| full_at.max(now) + cost);
        self.standing(now, before.max(now) + cost)
    }

    fn standing(&self, now: u64, full_at: u64) -> BurstStanding {
        let owed = full_at.saturating_sub(now).saturating_mul(self.per_second.into()).div_ceil(NANOS);
        let remaining = self.size.saturating_sub(u32::try_from(owed).unwrap_or(u32::MAX));
        BurstStanding { size: self.size, per_second: self.per_second, remaining }
    }

    /// Time that this many requests take at the rate.
    fn nanos(&self, requests: u32) -> u64 {
        u64::from(requests) * NANOS / u64::from(self.per_second)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Rounded up, since whoever comes back earlier is refused again.
const fn whole_seconds(nanos: u64) -> u64 {
    nanos / NANOS + 1
}

#[cfg(test)]
mod tests {
    use domain::Plans;

    use super::*;

    const MILLI: u64 = 1_000_000;

    /// Two at once, ten a second.
    fn burst() -> Burst {
        let plans = Plans::from_toml("[p]\napi_links = true\nrequests_per_second = 10\nburst = 20").unwrap();
        Burst { size: 2, ..Burst::of(plans.get("p").unwrap()).unwrap() }
    }

    #[test]
    fn a_burst_goes_through_and_then_the_rate() {
        let burst = burst();
        assert_eq!(burst.take_at(0).unwrap().remaining, 1);
        assert_eq!(burst.take_at(0).unwrap().remaining, 0);
        assert_eq!(burst.take_at(0).unwrap_err(), 100 * MILLI);
        assert_eq!(burst.take_at(99 * MILLI).unwrap_err(), MILLI);
        assert!(burst.take_at(100 * MILLI).is_ok());
        assert_eq!(burst.take_at(10_000 * MILLI).unwrap().remaining, 1, "no more than the burst gathers");
    }

    #[test]
    fn whatever_comes_with_a_request_is_paid_for_in_advance() {
        let burst = burst();
        assert!(burst.take_at(0).is_ok());
        assert_eq!(burst.charge_at(0, 499).remaining, 0);
        assert!(burst.take_at(49_800 * MILLI).is_err(), "five hundred at ten a second, but for the burst");
        assert!(burst.take_at(49_900 * MILLI).is_ok());
    }

    #[test]
    fn rates_are_read_as_they_are_written() {
        assert_eq!(Rate::OF_ADDRESS.to_string().parse(), Ok(Rate::OF_ADDRESS));
        for text in ["", "100", "0:1", "1:0", "a:b", "1:2:3", "-1:1"] {
            assert_eq!(text.parse::<Rate>(), Err(InvalidRate), "{text}");
        }
    }

    #[test]
    fn looking_takes_nothing() {
        let burst = burst();
        assert_eq!((burst.has_room(), burst.has_room()), (Ok(()), Ok(())));
        burst.charge(1_000);
        assert!(burst.has_room().is_err_and(|wait| (90..=100).contains(&wait)), "a thousand at ten a second");
    }

    #[test]
    fn many_at_once_get_no_more_than_there_is() {
        let burst = Burst { size: 64, ..burst() };
        let taken: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| (0..100).filter(|_| burst.take_at(0).is_ok()).count())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(taken, 64);
    }
}
