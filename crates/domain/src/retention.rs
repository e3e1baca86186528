//! How long ended work is kept. Ids are ordered by time, so "older than" is a range of ids, and needs no index of its
//! own.

use protocol::{JobId, UnixMillis};

use crate::month::Month;

/// Milliseconds of a day.
const DAY_MILLIS: i64 = 86_400_000;
/// The least that a retry may count on: the contract's promise.
pub const LEAST_IDEMPOTENCY_DAYS: u32 = 1;
/// Days that a job outlives its idempotency key: a replay that has just found the key always finds the job too.
pub const JOB_OUTLIVES_KEY_DAYS: u32 = 1;
/// A hundred years: beyond it a number of days is a slip of the finger.
pub const MOST_DAYS: u32 = 36_500;
/// Blocks of an account's audit that are kept at most. A block is a commit: at one a second, every second, for ten months.
pub const MOST_AUDIT_BLOCKS: u64 = 25_000_000;
/// Months of usage that are kept beside the present one.
const USAGE_MONTHS: i64 = 24;

/// How long jobs, idempotency keys, usage and the audit are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    job_days: u32,
    idempotency_days: u32,
    audit_days: u32,
}

/// Why a retention cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRetention {
    /// Callers are promised more.
    #[error("idempotency keys are remembered for at least {LEAST_IDEMPOTENCY_DAYS} day, so that a caller's retry makes no second job")]
    KeysTooShort,
    /// A replay answers with its job, so the job must be there.
    #[error(
        "jobs must be kept longer than idempotency keys: a replay answers with its job (jobs {job_days} days, keys {idempotency_days} days)"
    )]
    JobsTooShort {
        /// Days that jobs were to be kept.
        job_days: u32,
        /// Days that keys were to be remembered.
        idempotency_days: u32,
    },
    /// Then nothing could be looked up.
    #[error("the audit is kept for at least one day")]
    NoAudit,
    /// A slip of the finger.
    #[error("at most {MOST_DAYS} days")]
    TooLong,
}

impl Default for Retention {
    fn default() -> Self {
        Self { job_days: 90, idempotency_days: 30, audit_days: 365 }
    }
}

impl Retention {
    /// Keeps jobs and results for `job_days` days and remembers idempotency keys for `idempotency_days`.
    ///
    /// # Errors
    /// When callers would be promised more than is kept.
    pub const fn new(job_days: u32, idempotency_days: u32) -> Result<Self, InvalidRetention> {
        if idempotency_days < LEAST_IDEMPOTENCY_DAYS {
            return Err(InvalidRetention::KeysTooShort);
        }
        if job_days > MOST_DAYS || idempotency_days > MOST_DAYS {
            return Err(InvalidRetention::TooLong);
        }
        if job_days < idempotency_days + JOB_OUTLIVES_KEY_DAYS {
            return Err(InvalidRetention::JobsTooShort { job_days, idempotency_days });
        }
        Ok(Self { job_days, idempotency_days, audit_days: if job_days > 365 { job_days } else { 365 } })
    }

    /// The same, with jobs kept for no longer than a plan says; idempotency keys then go a day before them.
    #[must_use]
    pub fn within(self, plan_days: Option<u32>) -> Self {
        let Some(days) = plan_days else { return self };
        let job_days = self.job_days.min(days.max(LEAST_IDEMPOTENCY_DAYS + JOB_OUTLIVES_KEY_DAYS));
        Self { job_days, idempotency_days: self.idempotency_days.min(job_days - JOB_OUTLIVES_KEY_DAYS), ..self }
    }

    /// Keeps the audit for `audit_days` days.
    ///
    /// # Errors
    /// When it is none, or more than a lifetime.
    pub const fn with_audit_days(self, audit_days: u32) -> Result<Self, InvalidRetention> {
        match audit_days {
            0 => Err(InvalidRetention::NoAudit),
            1..=MOST_DAYS => Ok(Self { audit_days, ..self }),
            _ => Err(InvalidRetention::TooLong),
        }
    }

    /// Days that the audit is kept.
    #[must_use]
    pub const fn audit_days(self) -> u32 {
        self.audit_days
    }

    /// The time before which the audit is no longer kept.
    #[must_use]
    pub fn audit_kept_since(self, now: UnixMillis) -> UnixMillis {
        days_before(now, self.audit_days)
    }

    /// Days that jobs are kept.
    #[must_use]
    pub const fn job_days(self) -> u32 {
        self.job_days
    }

    /// Days that idempotency keys are remembered.
    #[must_use]
    pub const fn idempotency_days(self) -> u32 {
        self.idempotency_days
    }

    /// The last job, of whatever account, that is no longer kept.
    #[must_use]
    pub fn last_job_to_drop(self, now: UnixMillis) -> JobId {
        last_id_before(days_before(now, self.job_days))
    }

    /// The last job whose idempotency key is no longer remembered.
    #[must_use]
    pub fn last_key_to_forget(self, now: UnixMillis) -> JobId {
        last_id_before(days_before(now, self.idempotency_days))
    }

    /// The first month whose usage is kept. Months of which jobs are kept are kept too, so that they can be checked
    /// against each other.
    #[must_use]
    pub fn first_usage_month(self, now: UnixMillis) -> Month {
        let by_age = Month::from_number(Month::of(now).number() - USAGE_MONTHS);
        by_age.min(Month::of(days_before(now, self.job_days)))
    }
}

fn days_before(now: UnixMillis, days: u32) -> UnixMillis {
    now.plus_millis(-i64::from(days) * DAY_MILLIS)
}

/// The greatest id that was made before `time`.
fn last_id_before(time: UnixMillis) -> JobId {
    JobId::new(time.plus_millis(-1), [0xff; 10])
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_779_753_600_000);

    #[test]
    fn what_is_promised_is_kept() {
        assert_eq!(Retention::new(90, 30), Ok(Retention::default()));
        assert!(Retention::new(2, 1).is_ok());
        assert_eq!(Retention::new(2, 0), Err(InvalidRetention::KeysTooShort));
        assert_eq!(Retention::new(30, 30), Err(InvalidRetention::JobsTooShort { job_days: 30, idempotency_days: 30 }));
        assert_eq!(Retention::new(36_501, 1), Err(InvalidRetention::TooLong));
        assert_eq!(Retention::new(u32::MAX, u32::MAX), Err(InvalidRetention::TooLong));
        assert_eq!(Retention::default().with_audit_days(0), Err(InvalidRetention::NoAudit));
        assert_eq!(Retention::default().with_audit_days(7).map(Retention::audit_days), Ok(7));
    }

    #[test]
    fn a_plan_may_keep_less_and_never_more() {
        let usual = Retention::default();
        let of = |days| (usual.within(days).job_days(), usual.within(days).idempotency_days());
        assert_eq!([of(None), of(Some(1_000)), of(Some(60)), of(Some(7)), of(Some(0))], [(90, 30), (90, 30), (60, 30), (7, 6), (2, 1)]);
        assert_eq!(usual.within(Some(7)).audit_days(), usual.audit_days());
    }

    #[test]
    fn the_bound_is_the_last_id_of_its_time() {
        let retention = Retention::new(90, 30).unwrap();
        let ninety_days_ago = NOW.plus_seconds(-90 * 86_400);
        let bound = retention.last_job_to_drop(NOW);
        assert!(JobId::new(ninety_days_ago.plus_millis(-1), [0xff; 10]) <= bound);
        assert!(JobId::new(ninety_days_ago, [0; 10]) > bound);
        assert!(retention.last_key_to_forget(NOW) > bound);
    }

    #[test]
    fn usage_is_kept_for_two_years_and_for_as_long_as_jobs_are() {
        let may_2026 = Month::of(NOW).number();
        assert_eq!(Retention::default().first_usage_month(NOW).number(), may_2026 - 24);
        assert_eq!(Retention::new(10 * 365, 30).unwrap().first_usage_month(NOW).number(), may_2026 - 120);
    }
}
