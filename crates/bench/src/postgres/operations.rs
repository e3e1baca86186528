//! The store's operations in this process, without HTTP before them: what libraries can be compared with, whose callers
//! speak to the database themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use protocol::device::Outcome;
use protocol::{AccountId, Clock, DeviceId, Environment, FetchRequest, KeyId, PollId, SystemClock};
use store::{Admission, AdmissionRequest, PreparedResult, PullOrder, Store};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::desktops::Cycles;
use crate::device;
use crate::latency::Latencies;
use crate::load::Measured;
use crate::processor::Shares;

/// Seconds until a job is given up.
const DEADLINE_SECONDS: u32 = 86_400;

/// So many submitters admit one job after another, each waiting until its own is durable.
pub(super) fn admit(
    runtime: &Runtime,
    store: &Store,
    account: AccountId,
    name: &str,
    submitters: usize,
    time: Duration,
) -> anyhow::Result<Measured> {
    runtime.block_on(async {
        let (started, next) = (Instant::now(), Arc::new(AtomicU64::new(0)));
        let mut tasks = JoinSet::new();
        for _ in 0..submitters {
            let (store, next, name, key_id) = (store.clone(), Arc::clone(&next), name.to_owned(), KeyId::generate(Environment::Live));
            tasks.spawn(async move {
                let mut latencies = Latencies::default();
                while started.elapsed() < time {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let asked = Instant::now();
                    let answer = store.admit(request(account, &key_id, &name, number)).await?;
                    latencies.record(asked.elapsed());
                    if !matches!(answer.admission, Admission::Accepted(_)) {
                        bail!("not accepted: {:?}", answer.admission);
                    }
                }
                Ok(latencies)
            });
        }
        let mut latencies = Latencies::default();
        while let Some(done) = tasks.join_next().await {
            latencies.merge(done.context("a submitter failed")??);
        }
        let requests = latencies.count();
        #[expect(clippy::cast_precision_loss, reason = "counts of one run")]
        let a_second = requests as f64 / started.elapsed().as_secs_f64();
        Ok(Measured { connections: submitters, requests, a_second, latency: latencies.percentiles(), shares: Shares::default() })
    })
}

/// What a caller's verified request is when it comes to the store.
fn request(account: AccountId, key_id: &KeyId, name: &str, number: u64) -> AdmissionRequest {
    let now = SystemClock.now();
    let fetch = FetchRequest {
        idempotency_key: format!("{name}-{number}"),
        tracking_url: format!("https://trk.example/{name}/{number}"),
        source: "platform_api".to_owned(),
        row_id: format!("offer-{name}-{number}"),
        expected_domain: None,
        context: protocol::Context::default(),
        deadline_seconds: DEADLINE_SECONDS,
    };
    let nonce = format!("{name}-nonce-{number:016}");
    AdmissionRequest::new((account, Environment::Live), (key_id, &nonce, now.seconds()), fetch, now)
}

/// Every device pulls and reports batches until the time or the backlog is over.
pub(super) fn work(
    runtime: &Runtime,
    store: &Store,
    account: AccountId,
    devices: &[DeviceId],
    batch: u32,
    time: Duration,
) -> anyhow::Result<Cycles> {
    runtime.block_on(async {
        let started = Instant::now();
        let mut tasks = JoinSet::new();
        for &device in devices {
            tasks.spawn(one_desktop(store.clone(), account, device, batch, started, time));
        }
        let (mut jobs, mut pulls, mut reports) = (0, Latencies::default(), Latencies::default());
        while let Some(done) = tasks.join_next().await {
            let (done, of_pulls, of_reports) = done.context("a device failed")??;
            jobs += done;
            pulls.merge(of_pulls);
            reports.merge(of_reports);
        }
        if jobs == 0 {
            bail!("no job was waiting");
        }
        #[expect(clippy::cast_precision_loss, reason = "counts of one run")]
        let jobs_a_second = jobs as f64 / started.elapsed().as_secs_f64();
        let (pull, report) = (pulls.percentiles(), reports.percentiles());
        Ok(Cycles { batch, devices: devices.len(), jobs, jobs_a_second, pull, report, shares: Shares::default() })
    })
}

async fn one_desktop(
    store: Store,
    account: AccountId,
    device: DeviceId,
    max: u32,
    started: Instant,
    time: Duration,
) -> anyhow::Result<(usize, Latencies, Latencies)> {
    let (mut done, mut pulls, mut reports) = (0, Latencies::default(), Latencies::default());
    while started.elapsed() < time {
        let now = SystemClock.now();
        let order = PullOrder { account, device, poll_id: PollId::random(now), max, running: Vec::new(), results: Vec::new(), now };
        let asked = Instant::now();
        let jobs = store.pull(order).await?.jobs;
        pulls.record(asked.elapsed());
        if jobs.is_empty() {
            break;
        }
        let results = jobs.iter().map(|job| PreparedResult::new(device::landed(job))).collect();
        let asked = Instant::now();
        let outcomes = store.report(account, device, results, SystemClock.now()).await?;
        reports.record(asked.elapsed());
        if let Some(outcome) = outcomes.iter().find(|outcome| outcome.outcome != Outcome::Applied) {
            bail!("the result of {} did not take effect: {:?}", outcome.job_id, outcome.outcome);
        }
        done += jobs.len();
    }
    Ok((done, pulls, reports))
}
