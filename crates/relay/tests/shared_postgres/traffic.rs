//! Callers and desktops that never rest and keep book of what they were told. They behave as real ones: what was not
//! answered, or answered with 503, is sent again, to the other relay when there is one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use protocol::device::Outcome;
use protocol::{Clock, JobId, PollId, SystemClock};
use tokio::task::JoinHandle;

use crate::caller::{Answer, Caller};
use crate::desktop::{Device, leased, outcomes};

/// Pause before something is sent again.
const AGAIN: Duration = Duration::from_millis(20);

/// A caller looks after one in so many of its jobs.
const LOOKS_EVERY: usize = 8;

/// Running callers and desktops.
pub(crate) struct Traffic {
    stop: Arc<AtomicBool>,
    accepted: Arc<AtomicUsize>,
    callers: Vec<JoinHandle<Book>>,
    desktops: Vec<JoinHandle<Book>>,
}

/// What was said to them.
#[derive(Debug, Default)]
pub(crate) struct Book {
    /// Jobs that were acknowledged, by the name that the caller gave them.
    pub(crate) accepted: BTreeMap<String, JobId>,
    /// Jobs whose result was acknowledged.
    pub(crate) concluded: BTreeSet<JobId>,
    /// How often each job's result was said to have been applied.
    applied: BTreeMap<JobId, usize>,
    /// How often each status and code was seen.
    pub(crate) seen: BTreeMap<String, usize>,
}

impl Traffic {
    /// So many callers, and these devices, over these relays.
    pub(crate) fn start(name: &str, relays: &[String], caller: &Caller, callers: usize, devices: &[Device]) -> Self {
        let (stop, accepted) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let relays: Arc<[String]> = relays.into();
        let callers = (0..callers)
            .map(|number| {
                let work = Work { relays: Arc::clone(&relays), stop: Arc::clone(&stop), at: number, book: Book::default() };
                tokio::spawn(work.call(caller.dialling_anew(), format!("{name}-{number}"), Arc::clone(&accepted)))
            })
            .collect();
        let desktops = (devices.iter().enumerate())
            .map(|(number, device)| {
                let work = Work { relays: Arc::clone(&relays), stop: Arc::clone(&stop), at: number, book: Book::default() };
                tokio::spawn(work.resolve(device.clone()))
            })
            .collect();
        Self { stop, accepted, callers, desktops }
    }

    /// Jobs that were acknowledged so far.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Waits until so many more jobs have been acknowledged.
    pub(crate) async fn flow(&self, jobs: usize) -> Duration {
        let enough = self.accepted() + jobs;
        crate::patience::until("the traffic flows", async || self.accepted() >= enough).await
    }

    /// Lets everyone finish what they are at, and collects their books.
    pub(crate) async fn stop(self) -> Book {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Book::default();
        for task in self.callers.into_iter().chain(self.desktops) {
            all.add(task.await.unwrap());
        }
        all
    }

    /// Cuts everyone off where they are, and collects what those had written who had finished; for tests that look at what
    /// was acknowledged before a moment.
    pub(crate) fn stopper(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stop)
    }
}

struct Work {
    relays: Arc<[String]>,
    stop: Arc<AtomicBool>,
    at: usize,
    book: Book,
}

impl Work {
    async fn call(mut self, caller: Caller, name: String, accepted: Arc<AtomicUsize>) -> Book {
        for number in 0_usize.. {
            let name = format!("{name}-{number}");
            loop {
                if self.stop.load(Ordering::Relaxed) {
                    return self.book;
                }
                let answer = caller.fetch(self.relay(), &name).await;
                if let Some(answer) = self.note("fetch", answer).await {
                    let job = answer.job().job_id;
                    self.book.accepted.insert(name, job);
                    accepted.fetch_add(1, Ordering::Relaxed);
                    if number % LOOKS_EVERY == 0 {
                        let answer = caller.wait_for(self.relay(), job, 0).await;
                        self.note("get", answer).await;
                    }
                    break;
                }
            }
        }
        self.book
    }

    async fn resolve(mut self, device: Device) -> Book {
        while !self.stop.load(Ordering::Relaxed) {
            let poll_id = PollId::random(SystemClock.now());
            let jobs = loop {
                if self.stop.load(Ordering::Relaxed) {
                    return self.book;
                }
                let answer = device.pull_as(self.relay(), poll_id, 8, 1).await;
                if let Some(answer) = self.note("pull", answer).await {
                    break leased(&answer);
                }
            };
            let outcomes = loop {
                if jobs.is_empty() || self.stop.load(Ordering::Relaxed) {
                    break Vec::new();
                }
                let answer = device.try_report(self.relay(), &jobs).await;
                if let Some(answer) = self.note("report", answer).await {
                    break outcomes(&answer);
                }
            };
            for (job, outcome) in jobs.iter().zip(outcomes) {
                match outcome {
                    Outcome::Applied => {
                        *self.book.applied.entry(job.job_id).or_default() += 1;
                        self.book.concluded.insert(job.job_id);
                    }
                    Outcome::Duplicate => {
                        self.book.concluded.insert(job.job_id);
                    }
                    Outcome::Superseded | Outcome::Unknown => {}
                }
            }
        }
        self.book
    }

    fn relay(&self) -> &str {
        &self.relays[self.at % self.relays.len()]
    }

    /// The answer, when it is one to go on with.
    async fn note(&mut self, what: &str, answer: reqwest::Result<Answer>) -> Option<Answer> {
        let word = match &answer {
            Ok(answer) => format!("{what} {} {}", answer.status, answer.code()),
            Err(_) => format!("{what} not answered"),
        };
        *self.book.seen.entry(word).or_default() += 1;
        match answer {
            Ok(answer) if matches!(answer.status, 200 | 202) => Some(answer),
            _ => {
                self.at += 1;
                // One pause, and then the loop around this asks again.
                for _ in 0..1 {
                    tokio::time::sleep(AGAIN).await;
                }
                None
            }
        }
    }
}

impl Book {
    /// Adds what somebody else was told.
    pub(crate) fn add(&mut self, other: Self) {
        self.accepted.extend(other.accepted);
        self.concluded.extend(other.concluded);
        for (job, times) in other.applied {
            *self.applied.entry(job).or_default() += times;
        }
        for (word, times) in other.seen {
            *self.seen.entry(word).or_default() += times;
        }
    }

    /// Nobody was told anything but yes, and "later" where that was allowed.
    pub(crate) fn assert_polite(&self) {
        let polite = |word: &str| {
            let (_, answer) = word.split_once(' ').unwrap();
            matches!(answer, "200 " | "202 " | "503 overloaded" | "503 outcome_unknown" | "not answered")
        };
        assert!(self.seen.keys().all(|word| polite(word)), "{:?}", self.seen);
    }

    /// Everything that was acknowledged and is not in the database of this URL.
    pub(crate) fn missing(&self, url: &str) -> Vec<String> {
        let sql = |text: &str| testkit::postgres::sql(url, text).unwrap();
        let stored = sql("SELECT idempotency_key || ' ' || encode(id, 'hex') FROM jobs");
        let stored: BTreeSet<&str> = stored.lines().collect();
        let ended =
            sql("SELECT encode(id, 'hex') FROM jobs JOIN results r ON r.account = jobs.account AND r.job_id = id WHERE ended_state = 2");
        let ended: BTreeSet<&str> = ended.lines().collect();
        let accepted = self.accepted.iter().map(|(name, job)| format!("{name} {}", hex(*job))).filter(|job| !stored.contains(job.as_str()));
        let concluded = self.concluded.iter().map(|job| hex(*job)).filter(|job| !ended.contains(job.as_str()));
        accepted.chain(concluded.map(|job| format!("result of {job}"))).collect()
    }

    /// Nothing that was acknowledged is missing, nothing was applied twice, and every job is in exactly one place.
    pub(crate) fn assert_kept(&self, url: &str) {
        let missing = self.missing(url);
        assert!(missing.is_empty(), "{} of {} are missing: {missing:?}", missing.len(), self.accepted.len());
        assert!(self.applied.values().all(|times| *times == 1), "{:?}", self.applied);
        assert_sound(url);
    }
}

/// Every job is queued, leased or ended, and in one of these only; and the counters are right.
pub(crate) fn assert_sound(url: &str) {
    const ASTRAY: &str = "
        SELECT count(*) FROM (
            SELECT j.id, (j.ended_state IS NOT NULL)::int + count(q.job_id) AS places
            FROM jobs j
            LEFT JOIN (SELECT account, job_id FROM ready UNION ALL SELECT account, job_id FROM delayed UNION ALL SELECT account, job_id FROM leased) q
                ON q.account = j.account AND q.job_id = j.id
            GROUP BY j.account, j.id) p
        WHERE places <> 1";
    const MISCOUNTED: &str = "
        SELECT count(*) FROM (
            SELECT b.waiting - (SELECT count(*) FROM ready r WHERE r.account = b.account)
                             - (SELECT count(*) FROM delayed d WHERE d.account = b.account) AS off
            FROM backlog b) o
        WHERE off <> 0";
    const MISUSED: &str = "
        SELECT count(*) FROM usage u
        WHERE used <> (SELECT count(*) FROM jobs j WHERE j.account = u.account AND j.environment = u.environment AND j.ended_state IS DISTINCT FROM 3)";
    let astray = [ASTRAY, MISCOUNTED, MISUSED].map(|text| testkit::postgres::sql(url, text).unwrap());
    assert_eq!(astray, ["0", "0", "0"], "jobs astray, backlogs miscounted, usage miscounted");
}

fn hex(job: JobId) -> String {
    job.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}
