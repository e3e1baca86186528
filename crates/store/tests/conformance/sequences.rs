//! Random sequences of operations, one after the other, against a model that is small enough to be believed.

use domain::LeasePolicy;
use domain::audit::Actor;
use domain::lease::AfterLease;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use protocol::device::{HeldJob, LeasedJob, Outcome};
use protocol::{AccountId, DeviceId, Environment, JobId, JobState, PollId, UnixMillis};
use store::{Admission, Cancelled};

use crate::fixture::{Backend, Fixture};
use crate::words::{NOW, Pull, Submission, held, of, valid};

/// What happens next. Numbers choose among what there is, so that any of them fits any moment.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A caller asks, under one of a few idempotency keys; `short`: with a deadline of two minutes.
    Submit {
        key: u8,
        short: bool,
    },
    /// The last request comes again, byte for byte.
    SubmitAgain,
    Cancel {
        job: u8,
    },
    /// A device asks for jobs; `renew`: and names what it believes to hold.
    Pull {
        device: u8,
        max: u8,
        renew: bool,
    },
    /// It did not hear the answer to its last pull.
    PullAgain {
        device: u8,
    },
    /// A device reports on any lease that it ever had.
    Report {
        device: u8,
        lease: u8,
    },
    Release {
        device: u8,
        lease: u8,
    },
    /// Time passes, and upkeep follows.
    Wait {
        seconds: u8,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0_u8..14, any::<bool>()).prop_map(|(key, short)| Step::Submit { key, short }),
        1 => Just(Step::SubmitAgain),
        2 => any::<u8>().prop_map(|job| Step::Cancel { job }),
        6 => (0_u8..2, 0_u8..4, any::<bool>()).prop_map(|(device, max, renew)| Step::Pull { device, max, renew }),
        1 => (0_u8..2).prop_map(|device| Step::PullAgain { device }),
        4 => (0_u8..2, any::<u8>()).prop_map(|(device, lease)| Step::Report { device, lease }),
        2 => (0_u8..2, any::<u8>()).prop_map(|(device, lease)| Step::Release { device, lease }),
        3 => prop_oneof![Just(1_u8), Just(15), Just(60), Just(100)].prop_map(|seconds| Step::Wait { seconds }),
    ];
    vec(step, 1..60)
}

fn check(backend: Backend, cases: u32) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = Config { failure_persistence: None, max_shrink_iters: 200, ..Config::with_cases(cases) };
    // The same sequences each time: a failure is then a change's doing.
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let outcome = runner.run(&steps(), |steps| {
        runtime.block_on(async {
            let mut world = World::new(Fixture::open(backend).await).await;
            for step in steps {
                world.take(step).await;
                world.compare().await;
            }
        });
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn any_sequence_does_what_the_model_does_on_sqlite() {
    check(Backend::Sqlite, 96);
}

#[test]
fn any_sequence_does_what_the_model_does_on_postgres() {
    check(Backend::Postgres, 12);
}

/// The plan `ten_and_four`.
const QUOTA: u64 = 10;
const BACKLOG: u64 = 4;
/// Random, as far as upkeep is concerned.
const JITTER: f64 = 0.25;

struct World {
    fixture: Fixture,
    account: AccountId,
    devices: [Device; 2],
    now: UnixMillis,
    last: Option<(UnixMillis, Submission)>,
    /// The model.
    jobs: Vec<Job>,
    used: u64,
}

struct Device {
    id: DeviceId,
    last_poll: PollId,
    last_max: u8,
    /// Every lease that it ever got, as it got it.
    had: Vec<LeasedJob>,
    /// What it believes to hold.
    holds: Vec<LeasedJob>,
}

struct Job {
    id: JobId,
    key: u8,
    short: bool,
    expires_at: UnixMillis,
    fence: u32,
    attempts: u32,
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Ready { since: UnixMillis },
    Delayed { due_at: UnixMillis },
    Leased { device: DeviceId, poll: PollId, taken_up: bool, ends_at: UnixMillis },
    Concluded { by: Option<DeviceId> },
    Cancelled,
}

impl Job {
    const fn state(&self) -> JobState {
        match self.place {
            Place::Ready { .. } | Place::Delayed { .. } => JobState::Queued,
            Place::Leased { .. } => JobState::Leased,
            Place::Concluded { .. } => JobState::Concluded,
            Place::Cancelled => JobState::Cancelled,
        }
    }

    fn is_held(&self, by: DeviceId, lease: HeldJob) -> bool {
        matches!(self.place, Place::Leased { device, .. } if device == by) && self.id == lease.job_id && self.fence == lease.fence
    }
}

impl World {
    async fn new(fixture: Fixture) -> Self {
        let account = fixture.account_on("ten_and_four").await;
        let mut devices = Vec::new();
        for _ in 0..2 {
            let id = fixture.device_of(account).await;
            devices.push(Device { id, last_poll: PollId::random(NOW), last_max: 0, had: vec![], holds: vec![] });
        }
        let devices = devices.try_into().unwrap_or_else(|_| unreachable!());
        Self { fixture, account, devices, now: NOW, last: None, jobs: Vec::new(), used: 0 }
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Submit { key, short } => self.submit(key, short).await,
            Step::SubmitAgain => self.submit_again().await,
            Step::Cancel { job } => self.cancel(job).await,
            Step::Pull { device, max, renew } => {
                let device = usize::from(device);
                self.devices[device].last_poll = PollId::random(self.now);
                self.devices[device].last_max = max;
                self.pull(device, renew).await;
            }
            Step::PullAgain { device } => self.pull(device.into(), false).await,
            Step::Report { device, lease } => self.report(device.into(), lease).await,
            Step::Release { device, lease } => self.release(device.into(), lease).await,
            Step::Wait { seconds } => self.wait(seconds).await,
        }
    }

    async fn compare(&self) {
        for job in &self.jobs {
            let stored = self.fixture.store.job(self.account, Environment::Live, job.id).await.unwrap().unwrap();
            assert_eq!(stored.state, job.state(), "{:?}", job.place);
            assert_eq!(stored.result.is_some(), job.state() == JobState::Concluded);
        }
    }

    fn waiting(&self) -> u64 {
        self.jobs.iter().filter(|job| job.state() == JobState::Queued).count() as u64
    }

    async fn submit(&mut self, key: u8, short: bool) {
        let submission =
            self.fixture.submission_of(self.account, &format!("key-{key}")).deadline(if short { 120 } else { 86_400 }).at(self.now);
        self.last = Some((self.now, submission.clone()));
        let answer = self.fixture.answer(submission).await;
        let earlier = self.jobs.iter().find(|job| job.key == key);
        match (answer.admission, earlier) {
            (Admission::Replayed(record), Some(job)) => {
                assert_eq!((record.job_id, record.state, short), (job.id, job.state(), job.short));
            }
            (Admission::IdempotencyMismatch { first }, Some(job)) => {
                assert_eq!(first, job.id);
                assert_ne!(short, job.short);
            }
            (Admission::QuotaExceeded, None) => assert!(self.used >= QUOTA, "{} used", self.used),
            (Admission::BacklogFull { waiting, limit }, None) => {
                assert!(self.used < QUOTA);
                assert_eq!((waiting, limit), (self.waiting(), BACKLOG));
                assert!(self.waiting() >= BACKLOG);
            }
            (Admission::Accepted(record), None) => {
                assert!(self.used < QUOTA && self.waiting() < BACKLOG, "{} used, {} wait", self.used, self.waiting());
                self.used += 1;
                let place = Place::Ready { since: self.now };
                let job = Job { id: record.job_id, key, short, expires_at: record.expires_at, fence: 0, attempts: 0, place };
                self.jobs.push(job);
            }
            (other, _) => panic!("{other:?} for key {key}"),
        }
        assert_eq!(answer.standing.used, self.used);
    }

    async fn submit_again(&mut self) {
        if let Some((at, submission)) = self.last.clone()
            && self.now.0 - at.0 <= 300_000
        {
            let again = submission.signed_at(at).at(self.now);
            assert_eq!(self.fixture.admit(again).await, Admission::NonceReused);
        }
    }

    async fn cancel(&mut self, job: u8) {
        let Some(count) = std::num::NonZeroUsize::new(self.jobs.len()) else { return };
        let job = &mut self.jobs[usize::from(job) % count];
        let cancelled = self.fixture.store.cancel(self.account, Environment::Live, job.id, Actor::Machine, self.now).await.unwrap();
        match (job.state(), cancelled) {
            (JobState::Queued, Cancelled::Done(_)) => {
                self.used -= 1;
                job.place = Place::Cancelled;
            }
            (JobState::Leased | JobState::Cancelled, Cancelled::Done(_)) => job.place = Place::Cancelled,
            (JobState::Concluded, Cancelled::AlreadyConcluded) => {}
            (state, other) => panic!("{other:?} of a job that is {state}"),
        }
    }

    async fn pull(&mut self, device: usize, renew: bool) {
        let Device { id, last_poll, last_max, holds, .. } = &self.devices[device];
        let (id, poll, max) = (*id, *last_poll, *last_max);
        let running: Vec<&LeasedJob> = if renew { holds.iter().collect() } else { vec![] };
        let pull = Pull::by(id).poll(poll).max(max.into()).running(&running).at(self.now);
        let expected_lost: Vec<JobId> =
            (running.iter().filter(|job| !self.jobs.iter().any(|known| known.is_held(id, held(job))))).map(|job| job.job_id).collect();
        let running: Vec<HeldJob> = running.into_iter().map(held).collect();
        let pulled = self.fixture.store.pull(pull.into_order(self.account)).await.unwrap();
        assert_eq!(pulled.lost, expected_lost);
        self.devices[device].holds.retain(|job| !expected_lost.contains(&job.job_id));

        let policy = LeasePolicy::default();
        for job in self.jobs.iter_mut().filter(|job| running.iter().any(|lease| job.is_held(id, *lease))) {
            if let Place::Leased { taken_up, ends_at, .. } = &mut job.place {
                (*taken_up, *ends_at) = (true, policy.renewed_end(self.now, job.expires_at));
            }
        }
        let of_poll = |job: &Job| matches!(job.place, Place::Leased { device, poll: of, .. } if device == id && of == poll);
        let mut expected: Vec<(JobId, u32)> = self.jobs.iter().filter(|job| of_poll(job)).map(|job| (job.id, job.fence)).collect();
        let repeats = !expected.is_empty();
        if !repeats {
            let mut ready: Vec<&mut Job> = self.jobs.iter_mut().filter(|job| matches!(job.place, Place::Ready { .. })).collect();
            ready.sort_by_key(|job| (if let Place::Ready { since } = job.place { since } else { job.expires_at }, job.id));
            for job in ready.into_iter().take(max.into()) {
                job.fence += 1;
                job.attempts += 1;
                job.place = Place::Leased { device: id, poll, taken_up: false, ends_at: policy.first_end(self.now, job.expires_at) };
                expected.push((job.id, job.fence));
            }
        }
        let mut leased: Vec<(JobId, u32)> = pulled.jobs.iter().map(|job| (job.job_id, job.fence)).collect();
        if repeats {
            // Of a repetition no order is promised.
            leased.sort();
            expected.sort();
        }
        assert_eq!(leased, expected);
        let device = &mut self.devices[device];
        device.holds.retain(|job| !leased.contains(&(job.job_id, job.fence)));
        device.holds.extend(pulled.jobs.iter().cloned());
        device.had.extend(pulled.jobs);
    }

    async fn report(&mut self, device: usize, lease: u8) {
        let Some((id, lease)) = self.lease_of(device, lease) else { return };
        let reported = self.fixture.store.report(self.account, id, vec![of(&lease, valid(self.now))], self.now).await.unwrap();
        let job = self.jobs.iter_mut().find(|job| job.id == lease.job_id).unwrap();
        let expected = if job.is_held(id, held(&lease)) {
            job.place = Place::Concluded { by: Some(id) };
            Outcome::Applied
        } else if job.place == (Place::Concluded { by: Some(id) }) && job.fence == lease.fence {
            Outcome::Duplicate
        } else {
            Outcome::Superseded
        };
        assert_eq!(reported[0].outcome, expected, "{:?}", job.place);
        self.devices[device].holds.retain(|job| held(job) != held(&lease));
    }

    async fn release(&mut self, device: usize, lease: u8) {
        let Some((id, lease)) = self.lease_of(device, lease) else { return };
        let released = self.fixture.store.release(self.account, id, vec![held(&lease)], self.now).await.unwrap();
        let job = self.jobs.iter_mut().find(|job| job.id == lease.job_id).unwrap();
        let was_held = job.is_held(id, held(&lease));
        if was_held {
            job.attempts -= 1;
            job.place = Place::Ready { since: self.now };
        }
        assert_eq!(released, u32::from(was_held), "{:?}", job.place);
        self.devices[device].holds.retain(|job| held(job) != held(&lease));
    }

    fn lease_of(&self, device: usize, lease: u8) -> Option<(DeviceId, LeasedJob)> {
        let Device { id, had, .. } = &self.devices[device];
        let count = std::num::NonZeroUsize::new(had.len())?;
        Some((*id, had[usize::from(lease) % count].clone()))
    }

    async fn wait(&mut self, seconds: u8) {
        self.now = self.now.plus_seconds(seconds.into());
        let done = self.fixture.store.upkeep(self.now, JITTER).await.unwrap();
        assert!(!done.more);
        let policy = LeasePolicy::default();
        for job in &mut self.jobs {
            if let Place::Leased { taken_up, ends_at, .. } = job.place
                && ends_at <= self.now
            {
                job.attempts -= u32::from(!taken_up);
                let jitter = (JITTER + f64::from(job.id.as_bytes()[15]) / 256.0).fract();
                job.place = match policy.after_end(job.attempts, job.fence, self.now, job.expires_at, jitter) {
                    AfterLease::Queued { due_at, .. } => Place::Delayed { due_at },
                    AfterLease::NotExecuted(_) => Place::Concluded { by: None },
                };
            }
            if let Place::Delayed { due_at } = job.place
                && due_at <= self.now
            {
                job.place = Place::Ready { since: self.now };
            }
            if matches!(job.place, Place::Ready { .. }) && job.expires_at <= self.now {
                job.place = Place::Concluded { by: None };
            }
        }
    }
}
