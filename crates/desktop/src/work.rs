//! The work on one job: resolve, keep the result, free the slot. Stopped from outside when the lease is gone.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use protocol::device::{HeldJob, LeasedJob, ReportedResult};
use protocol::{Conclusion, JobResult, UnixMillis};
use resolver::ResolveRequest;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::run::Run;

/// Past this a job is given up here. The resolver's own budgets (60 s a chain, a second attempt, the browser after that)
/// end far below; this is for the day they do not, since renewals would keep such a job for ever.
const JOB_LIMIT: Duration = Duration::from_secs(600);

/// Takes up a lease that arrived just now, in an answer that the relay dated `relay_time`, and starts its work.
pub(crate) fn take_up(run: &Arc<Run>, job: LeasedJob, relay_time: UnixMillis) {
    let Some(stop) = run.held.take_up(&job, Instant::now(), relay_time) else { return };
    run.journal.leased(&job);
    run.work.spawn(work(Arc::clone(run), job, stop));
}

async fn work(run: Arc<Run>, job: LeasedJob, stop: CancellationToken) {
    let lease = HeldJob { job_id: job.job_id, fence: job.fence };
    let request = ResolveRequest {
        tracking_url: job.tracking_url,
        expected_domain: job.expected_domain,
        expectation: job.expectation,
        context: run.station.preferences.read().fill_in(job.context),
    };
    let began = Instant::now();
    let resolver = run.station.resolving.resolver();
    let resolving = tokio::time::timeout(JOB_LIMIT, AssertUnwindSafe(resolver.resolve(&request)).catch_unwind());
    let ended = tokio::select! {
        biased;
        () = stop.cancelled() => return,
        ended = resolving => ended,
    };
    let given_up = |conclusion, detail: String| JobResult {
        conclusion,
        duration_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        ..JobResult::not_executed(detail, run.client.relay_time())
    };
    let result = match ended {
        // The chain ended just now. By the relay's clock, since what follows from the time is decided there.
        Ok(Ok(result)) => JobResult { checked_at: run.client.relay_time(), ..result },
        Ok(Err(_)) => {
            tracing::error!(job.id = %job.job_id, "the resolver panicked");
            given_up(Conclusion::ContextUnavailable, "the desktop failed at this link; nothing is known about it".to_owned())
        }
        Err(_) => given_up(Conclusion::TimedOut, format!("no end after {} s", JOB_LIMIT.as_secs())),
    };
    let reported = ReportedResult { job_id: lease.job_id, fence: lease.fence, result };
    run.journal.resolved(request, &reported);
    // Kept first, freed second: the pull that fills this slot again carries the result along.
    if let Err(error) = run.outbox.keep(reported).await {
        tracing::error!(%error, job.id = %lease.job_id, "could not keep a result on the disk; reporting it all the same");
    }
    run.held.let_go(lease);
}
