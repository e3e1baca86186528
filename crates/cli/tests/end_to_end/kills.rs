//! Relay and desktops die without a word, at any moment, under load. Whatever a caller was told is kept: every job ends,
//! with the conclusion of its link, and exactly one result counts.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lab::Lab;
use protocol::{Conclusion, Job, JobId};

use crate::caller::Caller;
use crate::desktop::Desktop;
use crate::noise::Noise;
use crate::process::until;
use crate::relay::Relay;

const ROUNDS: usize = 20;
/// The same moments in every run, as far as a machine can be the same.
const SEED: u64 = 20_260_526;
/// A kill comes within this time after all has been seen to go on, and a new start within it after the kill.
const MOMENT: Duration = Duration::from_millis(300);
/// Jobs that conclude between two kills, at least.
const GOES_ON: usize = 20;
/// Callers that each have one job under way.
const CALLERS: usize = 24;
/// Jobs that one desktop has under way.
const AT_ONCE: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_job_concludes_exactly_once_whoever_is_killed() {
    let lab = Lab::start("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let folders: [tempfile::TempDir; 3] = std::array::from_fn(|_| tempfile::tempdir().unwrap());
    let mut relay = Relay::start(folders[0].path()).await;
    let sites = [lab.address()];
    let (first, second) =
        tokio::join!(Desktop::start(&relay, folders[1].path(), &sites), Desktop::start(&relay, folders[2].path(), &sites));
    let mut desktops = [first, second];
    let load = Arc::new(Load::new(relay.new_caller().await, lab.url()));
    let mut callers = tokio::task::JoinSet::new();
    for number in 0..CALLERS {
        callers.spawn(Arc::clone(&load).call(number));
    }

    let mut noise = Noise(SEED);
    let mut kills_of_desktops = 0;
    for round in 0..ROUNDS {
        let before = load.concluded();
        until(&format!("round {round}: jobs conclude"), async || (load.concluded() >= before + GOES_ON).then_some(())).await;
        tokio::time::sleep(noise.moment(MOMENT)).await;
        match noise.below(3) {
            0 => {
                relay.kill();
                tokio::time::sleep(noise.moment(MOMENT)).await;
                relay.start_again().await;
            }
            number => {
                let desktop = &mut desktops[number as usize - 1];
                desktop.kill();
                tokio::time::sleep(noise.moment(MOMENT)).await;
                desktop.start_again().await;
                kills_of_desktops += 1;
            }
        }
    }
    load.stopping.store(true, Ordering::Relaxed);
    callers.join_all().await;

    let concluded = std::mem::take(&mut *load.jobs.lock().unwrap());
    for (job_id, job) in &concluded {
        let still = until("the relay answers", async || load.caller.job(*job_id).await).await;
        assert_eq!(still, *job, "what was concluded stays as it was");
    }
    let mut applied = BTreeMap::<String, usize>::new();
    for settled in desktops.iter().flat_map(Desktop::settled).filter(|settled| settled["outcome"] == "applied") {
        *applied.entry(settled["jobId"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    println!("{ROUNDS} kills, {kills_of_desktops} of them desktops; {} jobs, {} results applied", concluded.len(), applied.len());
    assert!(applied.values().all(|times| *times == 1), "{applied:?}");
    // A desktop that was killed between an answer and its telling has told less than it did.
    assert!(applied.len() + kills_of_desktops * AT_ONCE >= concluded.len());
}

/// Callers that ask for links of the lab, each wish until it is acknowledged, and each job until it has ended.
struct Load {
    caller: Caller,
    url: String,
    stopping: AtomicBool,
    /// Every job, as it was when it had ended.
    jobs: Mutex<BTreeMap<JobId, Job>>,
}

impl Load {
    fn new(caller: Caller, url: String) -> Self {
        Self { caller, url, stopping: AtomicBool::new(false), jobs: Mutex::default() }
    }

    fn concluded(&self) -> usize {
        self.jobs.lock().unwrap().len()
    }

    async fn call(self: Arc<Self>, number: usize) {
        let mut wish = number;
        while !self.stopping.load(Ordering::Relaxed) {
            wish += 1;
            let (path, landing) = [("/chain/302/3", "/landing"), ("/slow", "/slow/page"), ("/relative/a/b/c", "/landing")][wish % 3];
            let tracking_url = format!("{}{path}", self.url);
            let acknowledged = self.acknowledged(&format!("{number}-{wish}"), &tracking_url).await;
            let ended = self.ended(acknowledged.job_id).await;
            let result = ended.result.as_ref().unwrap_or_else(|| panic!("no result: {ended:?}"));
            assert_eq!(result.conclusion, Conclusion::Valid, "{result:?}");
            assert_eq!(result.final_url, Some(format!("{}{landing}", self.url)));
            self.jobs.lock().unwrap().insert(ended.job_id, ended);
        }
    }

    /// Asks until there is an answer: the same idempotency key, signed anew each time.
    async fn acknowledged(&self, name: &str, tracking_url: &str) -> Job {
        loop {
            if let Some(job) = self.caller.fetch(name, tracking_url).await {
                return job;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn ended(&self, job_id: JobId) -> Job {
        loop {
            if let Some(job) = self.caller.job(job_id).await.filter(|job| job.state.has_ended()) {
                return job;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
