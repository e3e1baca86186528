//! The jobs that this desktop holds a lease of, one slot each: when each must be renewed, and when its work must stop.
//! Pure bookkeeping; time is passed in.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use protocol::device::{HeldJob, LeasedJob, MAX_HELD_JOBS};
use protocol::fetch_request::DEADLINE_SECONDS;
use protocol::{JobId, UnixMillis};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::lock;

/// What a renewed lease lasts when the relay does not say (`docs/protocol.md`, pull).
const RENEWED_LEASE: Duration = Duration::from_secs(60);
/// The shortest renewed lease that is followed: one of 0 would have us renew without a pause.
const SHORTEST_LEASE: Duration = Duration::from_secs(1);
/// The longest time to a deadline that is counted: the longest that a caller may give a job.
const LONGEST_DEADLINE: Duration = Duration::from_secs(*DEADLINE_SECONDS.end() as u64);
/// A lease is renewed when a third of it has passed, so that two renewals may fail before it ends.
const RENEWALS_A_LEASE: u32 = 3;

#[derive(Debug)]
pub(crate) struct Held {
    jobs: Mutex<HashMap<JobId, Entry>>,
    slots: usize,
    /// Stops every job's work at once.
    stopping: CancellationToken,
    changed: Notify,
}

#[derive(Debug)]
struct Entry {
    fence: u32,
    tracking_url: String,
    taken_up: Instant,
    /// By then the lease has surely ended: it began before its answer arrived, and this counts from the arrival.
    ends: Instant,
    /// From then on the relay wants no result any more, whoever holds a lease.
    deadline: Instant,
    renew_at: Instant,
    stop: CancellationToken,
}

/// A job that is being resolved, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningJob {
    /// The job.
    pub job_id: JobId,
    /// Where its chain begins.
    pub tracking_url: String,
    /// How long it has been held.
    pub held_for: Duration,
}

impl Held {
    /// `slots` jobs at once, at most what one pull can name as running. `stopping` stops the work of all of them.
    pub(crate) fn new(slots: usize, stopping: CancellationToken) -> Self {
        Self { jobs: Mutex::default(), slots: slots.clamp(1, MAX_HELD_JOBS), stopping, changed: Notify::new() }
    }

    /// How many jobs at once.
    pub(crate) const fn slots(&self) -> usize {
        self.slots
    }

    /// Slots without a job.
    pub(crate) fn free(&self) -> usize {
        self.slots.saturating_sub(lock(&self.jobs).len())
    }

    /// Returns when something about the jobs held may have changed since `notified` was made.
    pub(crate) fn changed(&self) -> tokio::sync::futures::Notified<'_> {
        self.changed.notified()
    }

    /// Takes up a lease that arrived at `now`, when the relay's clock showed `relay_time`. The token stops its work. `None`
    /// when the same lease is held already: an answer came twice.
    pub(crate) fn take_up(&self, job: &LeasedJob, now: Instant, relay_time: UnixMillis) -> Option<CancellationToken> {
        let mut jobs = lock(&self.jobs);
        if let Some(earlier) = jobs.get(&job.job_id) {
            if earlier.fence >= job.fence {
                return None;
            }
            // The same job under a new lease: the old one is worth nothing any more.
            earlier.stop.cancel();
        }
        let lease = Duration::from_secs(job.lease_seconds.into());
        let until_deadline = u64::try_from(job.deadline.0.saturating_sub(relay_time.0)).unwrap_or(0);
        let deadline = now + Duration::from_millis(until_deadline).min(LONGEST_DEADLINE);
        let entry = Entry {
            fence: job.fence,
            tracking_url: job.tracking_url.clone(),
            taken_up: now,
            ends: (now + lease).min(deadline),
            deadline,
            renew_at: now + lease / RENEWALS_A_LEASE,
            stop: self.stopping.child_token(),
        };
        let stop = entry.stop.clone();
        jobs.insert(job.job_id, entry);
        self.changed.notify_waiters();
        Some(stop)
    }

    /// The work is over, one way or another. Whether the lease was still held.
    pub(crate) fn let_go(&self, job: HeldJob) -> bool {
        let mut jobs = lock(&self.jobs);
        let held = jobs.get(&job.job_id).is_some_and(|entry| entry.fence == job.fence);
        if held {
            jobs.remove(&job.job_id);
            self.changed.notify_waiters();
        }
        held
    }

    /// What to name as running.
    pub(crate) fn running(&self) -> Vec<HeldJob> {
        lock(&self.jobs).iter().map(|(&job_id, entry)| HeldJob { job_id, fence: entry.fence }).collect()
    }

    /// For people: the longest held first.
    pub(crate) fn describe(&self, now: Instant) -> Vec<RunningJob> {
        let describe = |(&job_id, entry): (&JobId, &Entry)| RunningJob {
            job_id,
            tracking_url: entry.tracking_url.clone(),
            held_for: now.saturating_duration_since(entry.taken_up),
        };
        let mut running: Vec<_> = lock(&self.jobs).iter().map(describe).collect();
        running.sort_by_key(|job| std::cmp::Reverse(job.held_for));
        running
    }

    /// The relay answered a pull that named these as running. It extended their leases in between, for so long as it says:
    /// the next renewal counts from the earlier instant, the certain end from the later.
    pub(crate) fn renewed(&self, named: &[HeldJob], sent: Instant, answered: Instant, lease_seconds: Option<u32>) {
        let lease = lease_seconds.map_or(RENEWED_LEASE, |seconds| Duration::from_secs(seconds.into())).max(SHORTEST_LEASE);
        let mut jobs = lock(&self.jobs);
        for held in named {
            if let Some(entry) = jobs.get_mut(&held.job_id).filter(|entry| entry.fence == held.fence) {
                entry.ends = (answered + lease).min(entry.deadline);
                entry.renew_at = sent + lease / RENEWALS_A_LEASE;
            }
        }
        self.changed.notify_waiters();
    }

    /// Stops the work of jobs that the relay has taken back. Only those named in that pull: a lease that came since is new.
    pub(crate) fn lost(&self, lost: &[JobId], named: &[HeldJob]) -> Vec<JobId> {
        let held = |id: &&JobId| named.iter().find(|held| held.job_id == **id).is_some_and(|held| self.stop(*held));
        lost.iter().filter(held).copied().collect()
    }

    /// Stops the work of jobs whose lease has surely ended, or whose deadline has passed.
    pub(crate) fn stop_ended(&self, now: Instant) -> Vec<JobId> {
        let ended = lock(&self.jobs)
            .iter()
            .filter(|(_, entry)| entry.ends <= now)
            .map(|(&job_id, entry)| HeldJob { job_id, fence: entry.fence })
            .collect::<Vec<_>>();
        ended.into_iter().filter(|held| self.stop(*held)).map(|held| held.job_id).collect()
    }

    fn stop(&self, job: HeldJob) -> bool {
        let mut jobs = lock(&self.jobs);
        let Some(entry) = jobs.get(&job.job_id).filter(|entry| entry.fence == job.fence) else { return false };
        entry.stop.cancel();
        jobs.remove(&job.job_id);
        self.changed.notify_waiters();
        true
    }

    /// When the first lease must be renewed, and when the first ends.
    pub(crate) fn due(&self) -> Option<Due> {
        let jobs = lock(&self.jobs);
        let renew_at = jobs.values().map(|entry| entry.renew_at).min()?;
        let ends = jobs.values().map(|entry| entry.ends).min()?;
        Some(Due { renew_at, ends })
    }

    /// The machine may have slept for a time that no clock here counted, so that leases may have ended: the relay knows, and
    /// a renewal asks it.
    pub(crate) fn renew_all(&self, now: Instant) {
        for entry in lock(&self.jobs).values_mut() {
            entry.renew_at = now;
        }
        self.changed.notify_waiters();
    }
}

/// The next instants at which leases want something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) renew_at: Instant,
    pub(crate) ends: Instant,
}

#[cfg(test)]
mod tests {
    use protocol::Context;

    use super::*;

    fn leased(job_id: JobId, fence: u32) -> LeasedJob {
        LeasedJob {
            job_id,
            fence,
            lease_seconds: 15,
            tracking_url: "https://trk.example/a1".to_owned(),
            expected_domain: None,
            expectation: protocol::RowExpectation::default(),
            context: Context::default(),
            deadline: UnixMillis::from_seconds(100_000),
        }
    }

    fn held(slots: usize) -> Held {
        Held::new(slots, CancellationToken::new())
    }

    fn job(n: u8) -> JobId {
        JobId::new(UnixMillis(1), [n; 10])
    }

    const SECOND: Duration = Duration::from_secs(1);

    fn take_up(held: &Held, job: &LeasedJob, now: Instant) -> Option<CancellationToken> {
        held.take_up(job, now, UnixMillis(0))
    }

    #[test]
    fn the_first_renewal_is_due_well_within_the_take_up() {
        let (held, now) = (held(4), Instant::now());
        take_up(&held, &leased(job(1), 1), now).unwrap();
        assert_eq!(held.due(), Some(Due { renew_at: now + 5 * SECOND, ends: now + 15 * SECOND }));
        held.renewed(&held.running(), now + 5 * SECOND, now + 6 * SECOND, None);
        assert_eq!(held.due(), Some(Due { renew_at: now + 25 * SECOND, ends: now + 66 * SECOND }));
    }

    #[test]
    fn a_renewed_lease_lasts_as_long_as_the_relay_says() {
        let (held, now) = (held(4), Instant::now());
        take_up(&held, &leased(job(1), 1), now).unwrap();
        held.renewed(&held.running(), now, now, Some(30));
        assert_eq!(held.due(), Some(Due { renew_at: now + 10 * SECOND, ends: now + 30 * SECOND }));
        held.renewed(&held.running(), now, now, Some(0));
        assert!(held.due().unwrap().renew_at > now, "no renewal without a pause");
    }

    #[test]
    fn no_work_goes_on_past_the_jobs_deadline() {
        let (held, now) = (held(4), Instant::now());
        let nine_seconds_left = LeasedJob { deadline: UnixMillis::from_seconds(9), ..leased(job(1), 1) };
        let stop = take_up(&held, &nine_seconds_left, now).unwrap();
        held.renewed(&held.running(), now, now, Some(60));
        assert!(held.stop_ended(now + 8 * SECOND).is_empty());
        assert_eq!(held.stop_ended(now + 9 * SECOND), [job(1)]);
        assert!(stop.is_cancelled());
        let passed = LeasedJob { deadline: UnixMillis(-1), ..leased(job(2), 1) };
        take_up(&held, &passed, now).unwrap();
        assert_eq!(held.stop_ended(now), [job(2)]);
    }

    #[test]
    fn work_stops_when_its_lease_surely_ended() {
        let (held, now) = (held(4), Instant::now());
        let stop = take_up(&held, &leased(job(1), 1), now).unwrap();
        assert!(held.stop_ended(now + 14 * SECOND).is_empty() && !stop.is_cancelled());
        assert_eq!(held.stop_ended(now + 15 * SECOND), [job(1)]);
        assert!(stop.is_cancelled());
        assert_eq!(held.free(), 4);
    }

    #[test]
    fn what_may_have_been_sleep_asks_for_a_renewal_and_ends_nothing() {
        let (held, now) = (held(4), Instant::now());
        let stop = take_up(&held, &leased(job(1), 1), now).unwrap();
        held.renew_all(now + SECOND);
        assert_eq!(held.due(), Some(Due { renew_at: now + SECOND, ends: now + 15 * SECOND }));
        assert!(held.stop_ended(now + SECOND).is_empty() && !stop.is_cancelled());
    }

    #[test]
    fn the_same_lease_twice_is_one_job_and_a_newer_lease_replaces_the_older() {
        let (held, now) = (held(4), Instant::now());
        let old = take_up(&held, &leased(job(1), 1), now).unwrap();
        assert!(take_up(&held, &leased(job(1), 1), now).is_none());
        let new = take_up(&held, &leased(job(1), 2), now).unwrap();
        assert!(old.is_cancelled() && !new.is_cancelled());
        assert!(!held.let_go(HeldJob { job_id: job(1), fence: 1 }), "the old work's end must not free the new lease's slot");
        assert!(held.let_go(HeldJob { job_id: job(1), fence: 2 }));
    }

    #[test]
    fn only_what_the_pull_named_can_be_lost() {
        let (held, now) = (held(4), Instant::now());
        take_up(&held, &leased(job(1), 1), now).unwrap();
        let named = held.running();
        let stop = take_up(&held, &leased(job(2), 1), now).unwrap();
        assert_eq!(held.lost(&[job(1), job(2)], &named), [job(1)]);
        assert!(!stop.is_cancelled());
    }

    #[test]
    fn slots_are_bounded_by_what_one_pull_can_name() {
        assert_eq!(held(0).slots(), 1);
        assert_eq!(held(100_000).slots(), MAX_HELD_JOBS);
    }
}
