//! `POST /api/device/pull`: extend what runs, apply what has finished, and wait for new jobs.

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use protocol::device::{MAX_HELD_JOBS, MAX_PULL_JOBS, MAX_PULL_WAIT_SECONDS, PullAnswer, PullRequest};
use protocol::fetch_request::PayloadError;
use store::{PullOrder, Pulled};
use tokio::time::Instant;

use super::signature::FromDevice;
use super::{last_heard, results};
use crate::answer;
use crate::problem::Refusal;
use crate::state::{RelayState, Shared};

/// A lost wake-up costs no more than this.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

pub(crate) async fn pull(State(state): State<Shared>, headers: HeaderMap, from: FromDevice<PullRequest>) -> Result<Response, Refusal> {
    let FromDevice { device, message, received_at, pace, place, target_uri, .. } = from;
    let _waiting = pace.pull()?;
    last_heard::note(&state, &device, &headers, received_at);
    check(&message)?;
    let wait = Duration::from_secs(message.wait_seconds.into());
    let reported = !message.results.is_empty();
    let mut order = PullOrder {
        account: device.account,
        device: device.id,
        poll_id: message.poll_id,
        max: message.max,
        running: message.running,
        results: results::check(message.results, received_at)?,
        now: received_at,
    };
    let deadline = Instant::now() + wait;
    let watch = state.store.watch_ready(device.account);
    let mut first = None;
    let mut place = Some(place);
    loop {
        // Listen before the last look, or a wake-up falls between.
        let woken = watch.listen();
        if state.devices.find(device.id).await.is_none() {
            // Revoked while it waited: it is told what its next request would be told.
            return Err(Refusal::UnknownDevice { target_uri });
        }
        order.now = state.now();
        let (again, pulled) = look(&state, order).await?;
        order = again;
        // What came with the request is in the database: waiting takes no memory.
        drop(place.take());
        let Pulled { jobs, .. } = &pulled;
        let found = !jobs.is_empty();
        // What the first look extended and applied is told with whatever a later look finds.
        let (lost, outcomes) = first.get_or_insert_with(|| (pulled.lost.clone(), pulled.outcomes.clone()));
        let has_news = found || reported || !lost.is_empty();
        if has_news || order.max == 0 || Instant::now() >= deadline || state.draining.is_cancelled() {
            state.metrics.leased(jobs.len());
            for job in jobs {
                tracing::info!(job.id = %job.job_id, device.id = %device.id, fence = job.fence, "job leased");
            }
            results::note(&state.metrics, outcomes);
            let answer = PullAnswer {
                lost: std::mem::take(lost),
                outcomes: std::mem::take(outcomes),
                jobs: pulled.jobs,
                server_time: order.now,
                lease_seconds: u32::try_from(state.store.settings().leases.lease_millis / 1_000).ok(),
                keys_version: Some(state.keys.version(device.account).await),
            };
            return answer::json(StatusCode::OK, &answer);
        }
        tokio::select! {
            () = woken => {}
            () = state.draining.cancelled() => {}
            () = tokio::time::sleep_until(deadline.min(Instant::now() + LOOK_AGAIN)) => {}
        }
    }
}

/// One transaction. Later looks of the same pull only look for jobs: the results are applied, the leases extended.
async fn look(state: &RelayState, order: PullOrder) -> Result<(PullOrder, Pulled), Refusal> {
    let again = PullOrder { running: Vec::new(), results: Vec::new(), ..order };
    let pulled = state.store.pull(PullOrder { running: order.running, results: order.results, ..again }).await?;
    Ok((again, pulled))
}

fn check(message: &PullRequest) -> Result<(), Refusal> {
    let bounds = [
        (message.max > MAX_PULL_JOBS, "/max", format!("must be at most {MAX_PULL_JOBS}")),
        (message.wait_seconds > MAX_PULL_WAIT_SECONDS, "/waitSeconds", format!("must be at most {MAX_PULL_WAIT_SECONDS}")),
        (message.running.len() > MAX_HELD_JOBS, "/running", format!("must have at most {MAX_HELD_JOBS} jobs")),
    ];
    let faults: Vec<_> =
        bounds.into_iter().filter(|(over, ..)| *over).map(|(_, pointer, detail)| PayloadError::new(pointer, detail)).collect();
    if faults.is_empty() { Ok(()) } else { Err(Refusal::InvalidPayload(faults)) }
}
