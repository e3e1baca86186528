//! Everyone at once: callers, desktops, cancellations and upkeep of several accounts, over few rows, and on PostgreSQL
//! over two stores, as two relays have them. Nothing fails, nothing is lost, nothing happens twice.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use domain::audit::Actor;
use protocol::device::Outcome;
use protocol::{AccountId, DeviceId, Environment, JobId, JobState, UnixMillis};
use store::{Admission, Cancelled, Store};

use crate::fixture::{Backend, Fixture};
use crate::words::{NOW, Pull, Submission, held, of, valid};

const ACCOUNTS: usize = 3;
const CALLERS: u32 = 4;
const REQUESTS: u32 = 40;
/// Rows of an account that all its callers ask for again and again.
const ROWS: u32 = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite() {
    everyone_at_once(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgres() {
    everyone_at_once(Backend::Postgres).await;
}

async fn everyone_at_once(backend: Backend) {
    let fixture = Fixture::open(backend).await;
    let stores = match backend {
        Backend::Sqlite => vec![fixture.store.clone()],
        Backend::Postgres => vec![fixture.store.clone(), fixture.another_relay().await],
    };
    let bustle = Arc::new(Bustle { now: AtomicI64::new(NOW.0), stores, fates: Mutex::default() });
    let mut accounts = Vec::new();
    let mut work = tokio::task::JoinSet::new();
    for number in 0..ACCOUNTS {
        let account = fixture.store.ensure_account(&format!("account-{number}"), "unlimited", NOW).await.unwrap().id;
        accounts.push(account);
        for caller in 0..CALLERS {
            work.spawn(Arc::clone(&bustle).call(account, number as u32, caller));
        }
        for desk in 0..2 {
            let device = fixture.device_of(account).await;
            work.spawn(Arc::clone(&bustle).resolve(account, device, desk));
        }
    }
    for relay in 0..bustle.stores.len() {
        work.spawn(Arc::clone(&bustle).keep_up(relay));
    }
    while let Some(done) = work.join_next().await {
        done.unwrap();
    }
    bustle.settle(&fixture, &accounts).await;
}

/// What is known of one job.
#[derive(Debug, Default)]
struct Fate {
    account: Option<AccountId>,
    applied: u32,
}

struct Bustle {
    now: AtomicI64,
    stores: Vec<Store>,
    fates: Mutex<BTreeMap<JobId, Fate>>,
}

impl Bustle {
    fn now(&self) -> UnixMillis {
        UnixMillis(self.now.load(Ordering::Relaxed))
    }

    fn store(&self, number: u32) -> &Store {
        &self.stores[number as usize % self.stores.len()]
    }

    fn fate<T>(&self, job_id: JobId, change: impl FnOnce(&mut Fate) -> T) -> T {
        change(self.fates.lock().unwrap().entry(job_id).or_default())
    }

    /// Asks for rows, some requests twice at once, and takes some back.
    async fn call(self: Arc<Self>, account: AccountId, number: u32, caller: u32) {
        for request in 0..REQUESTS {
            let ask = |store: u32| {
                let nonce = format!("nonce-{number}-{caller}-{request}-{store}");
                let submission = Submission::new(account, &format!("{caller}-{request}"), nonce);
                let submission = submission.row(&format!("row-{}", (request + caller) % ROWS)).at(self.now());
                self.store(store).admit(submission.into_request())
            };
            let (first, second) = tokio::join!(ask(caller), ask(caller + 1));
            let [first, second] = [first, second].map(|answer| match answer.unwrap().admission {
                Admission::Accepted(job) => (job.job_id, true),
                Admission::Replayed(job) => (job.job_id, false),
                other => panic!("{other:?}"),
            });
            assert_eq!(first.0, second.0, "one job");
            assert_ne!(first.1, second.1, "made once");
            self.fate(first.0, |fate| fate.account = Some(account));
            if request % 4 == caller % 4 {
                let (nonce, now) = (format!("reads-{number}-{caller}-{request}"), self.now());
                let read = self.store(request).spend_nonce((account, Environment::Live), ("reads", &nonce, now.seconds()), now);
                let (cancelled, read) =
                    tokio::join!(self.store(request).cancel(account, Environment::Live, first.0, Actor::Machine, now), read);
                read.unwrap();
                assert!(matches!(cancelled.unwrap(), Cancelled::Done(_) | Cancelled::AlreadyConcluded));
            }
        }
    }

    /// Takes jobs, and keeps, hands in, gives back or forgets them by turns, until all is quiet.
    async fn resolve(self: Arc<Self>, account: AccountId, device: DeviceId, desk: u32) {
        let mut turn = desk;
        let mut quiet = 0;
        while quiet < 20 {
            turn += 1;
            let store = self.store(turn);
            let jobs = store.pull(Pull::by(device).max(3).at(self.now()).into_order(account)).await.unwrap().jobs;
            quiet = if jobs.is_empty() { quiet + 1 } else { 0 };
            for (number, job) in (0_u32..).zip(&jobs) {
                match (turn + number) % 8 {
                    0 => {
                        store.release(account, device, vec![held(job)], self.now()).await.unwrap();
                    }
                    1 => {} // forgotten: the lease ends by itself
                    2 => {
                        // Hands in with the next pull, of the other relay.
                        let pull = Pull::by(device).max(0).running(&[job]).results(vec![of(job, valid(self.now()))]).at(self.now());
                        let outcomes = self.store(turn + 1).pull(pull.into_order(account)).await.unwrap().outcomes;
                        self.note(outcomes[0].job_id, outcomes[0].outcome);
                    }
                    _ => {
                        let twice = [0, 1].map(|_| vec![of(job, valid(self.now()))]);
                        let [one, other] = twice;
                        let (one, other) = tokio::join!(
                            store.report(account, device, one, self.now()),
                            self.store(turn + 1).report(account, device, other, self.now())
                        );
                        for outcome in [one.unwrap()[0], other.unwrap()[0]] {
                            self.note(outcome.job_id, outcome.outcome);
                        }
                    }
                }
            }
            tokio::task::yield_now().await;
        }
    }

    fn note(&self, job_id: JobId, outcome: Outcome) {
        match outcome {
            Outcome::Applied => self.fate(job_id, |fate| fate.applied += 1),
            Outcome::Duplicate | Outcome::Superseded => {}
            Outcome::Unknown => panic!("{job_id} is known"),
        }
    }

    /// Lets time pass, a second with each step.
    async fn keep_up(self: Arc<Self>, relay: usize) {
        for _ in 0..150 {
            let now = UnixMillis(self.now.fetch_add(1_000, Ordering::Relaxed));
            self.stores[relay].upkeep(now, 0.5).await.unwrap();
            tokio::task::yield_now().await;
        }
    }

    /// Brings what is left to its end, and balances the books.
    async fn settle(&self, fixture: &Fixture, accounts: &[AccountId]) {
        for &account in accounts {
            let device = fixture.device_of(account).await;
            for _ in 0..8 {
                // Whatever is still leased or delayed comes back.
                let now = UnixMillis(self.now.fetch_add(400_000, Ordering::Relaxed) + 400_000);
                while self.stores[0].upkeep(now, 0.5).await.unwrap().more {}
                self.stores[0].upkeep(now, 0.5).await.unwrap();
                let jobs = self.stores[0].pull(Pull::by(device).max(128).at(now).into_order(account)).await.unwrap().jobs;
                let results = jobs.iter().map(|job| of(job, valid(now))).collect();
                for outcome in self.stores[0].report(account, device, results, now).await.unwrap() {
                    self.note(outcome.job_id, outcome.outcome);
                }
            }
        }
        let fates = std::mem::take(&mut *self.fates.lock().unwrap());
        assert_eq!(fates.len(), ACCOUNTS * (CALLERS * REQUESTS) as usize);
        let mut made: BTreeMap<AccountId, (u64, u64)> = BTreeMap::new();
        for (job_id, fate) in &fates {
            let account = fate.account.unwrap();
            let job = fixture.store.job(account, Environment::Live, *job_id).await.unwrap().unwrap();
            assert!(job.state.has_ended(), "{job:?}");
            assert_eq!(fate.applied, u32::from(job.state == JobState::Concluded), "{job:?}");
            let (jobs, cancelled) = made.entry(account).or_default();
            *jobs += 1;
            *cancelled += u64::from(job.state == JobState::Cancelled);
        }
        for &account in accounts {
            let (jobs, cancelled) = made[&account];
            let used = fixture.used(account, Environment::Live, NOW).await;
            // A job that was cancelled while a desktop had it has cost its fetch.
            assert!((jobs - cancelled..=jobs).contains(&used), "{used} used by {jobs} jobs, {cancelled} of them cancelled");
            self.assert_nothing_waits(fixture, account).await;
        }
    }

    /// The counter of waiting jobs must be at nothing: as many fit as the limit allows.
    async fn assert_nothing_waits(&self, fixture: &Fixture, account: AccountId) {
        fixture.store.set_plan(account, "three_waiting", Actor::Machine, NOW).await.unwrap();
        for number in 0..3 {
            fixture.accept(fixture.submission_of(account, &format!("fits-{number}")).at(self.now())).await;
        }
        let full = fixture.admit(fixture.submission_of(account, "one too many").at(self.now())).await;
        assert_eq!(full, Admission::BacklogFull { waiting: 3, limit: 3 });
    }
}
