//! The last requests of a run, or of a pull that is over: what came to a result is handed in, other leases are given back,
//! so that another desktop goes on at once. Each is tried once: leases end by themselves.

use std::time::Duration;

use protocol::device::{HeldJob, MAX_HELD_JOBS, PullAnswer, PullRequest, ReleaseAnswer, ReleaseRequest, ReportAnswer, ReportRequest};

use crate::run::Run;

/// What each request may take. A relay that is away is not waited for.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(3);

/// The pull that was open may have leased jobs just before it was given up: the same poll id names them.
pub(crate) async fn collect_leases(run: &Run, request: PullRequest) -> Vec<HeldJob> {
    match run.client.post::<PullAnswer>("/api/device/pull", &request, FAREWELL_TIMEOUT).await {
        Ok(answer) => answer.jobs.into_iter().map(|job| HeldJob { job_id: job.job_id, fence: job.fence }).collect(),
        Err(error) => {
            tracing::debug!(%error, "could not ask what the last pull leased; it ends by itself");
            Vec::new()
        }
    }
}

pub(crate) async fn hand_in_results(run: &Run) {
    loop {
        let results = run.outbox.take();
        if results.is_empty() {
            return;
        }
        let request = ReportRequest { results };
        match run.client.post::<ReportAnswer>("/api/device/report", &request, FAREWELL_TIMEOUT).await {
            Ok(answer) if !answer.outcomes.is_empty() => run.settled(request.results, &answer.outcomes).await,
            Ok(_) => return run.outbox.put_back(request.results),
            Err(error) => {
                tracing::info!(%error, results = request.results.len(), "results stay in the outbox until the next start");
                return run.outbox.put_back(request.results);
            }
        }
    }
}

pub(crate) async fn release(run: &Run, unfinished: Vec<HeldJob>) {
    for jobs in unfinished.chunks(MAX_HELD_JOBS) {
        let request = ReleaseRequest { jobs: jobs.to_vec() };
        match run.client.post::<ReleaseAnswer>("/api/device/release", &request, FAREWELL_TIMEOUT).await {
            Ok(answer) => tracing::info!(released = answer.released, "gave leases back"),
            Err(error) => {
                tracing::info!(%error, jobs = jobs.len(), "could not give leases back; they end by themselves");
                return;
            }
        }
    }
}
