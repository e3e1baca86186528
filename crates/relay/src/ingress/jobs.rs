//! Jobs for their callers: one (with a wait for its end), a page, cancel.

use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use domain::audit::Actor;
use protocol::{Conclusion, JobId, JobPage, JobState};
use store::{Asker, Cancelled, JobFilter, JobRecord};
use tokio::time::Instant;

use crate::answer;
use crate::ingress::query::Query;
use crate::ingress::read::signed_read;
use crate::ingress::signature::{Caller, NoBody, Signed, ToCancel};
use crate::path::PathParts;
use crate::problem::{Received, Refusal, Refused};
use crate::state::Shared;

/// Seconds that `wait` may ask for: below what proxies cut.
const MAX_WAIT_SECONDS: usize = 60;
/// A lost wake-up costs no more than this.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// Jobs and rows of one page.
pub(super) const PAGE: std::ops::RangeInclusive<usize> = 1..=200;
/// Jobs and rows of a page whose caller says nothing.
pub(super) const DEFAULT_PAGE: usize = 50;

/// `GET /api/links/jobs/{jobId}?wait=SECONDS`
pub(crate) async fn one(
    State(state): State<Shared>,
    PathParts(job_id): PathParts<String>,
    uri: Uri,
    Signed { caller, .. }: Signed<NoBody>,
) -> Result<Response, Refused> {
    signed_read(&state, &caller, (&uri, &["wait"]), async |query| {
        let wait = query.number("wait", 0..=MAX_WAIT_SECONDS, 0)?;
        let job_id: JobId = job_id.parse().map_err(|_| Refusal::NotFound)?;
        let record = wait_for_end(&state, &caller, job_id, Duration::from_secs(wait as u64)).await?;
        answer::json(StatusCode::OK, &answer::job(record, false, &state.public_url)?)
    })
    .await
}

async fn wait_for_end(state: &Shared, caller: &Caller, job_id: JobId, wait: Duration) -> Result<JobRecord, Refusal> {
    let deadline = Instant::now() + wait;
    let watch = state.store.watch_ended(job_id);
    let mut has_waited = false;
    loop {
        // Listen before looking, or the end falls between.
        let ended = watch.listen();
        let record = state.store.job(caller.key.account, caller.key.environment, job_id).await?.ok_or(Refusal::NotFound)?;
        if has_waited && !state.keys.still_signs(&caller.key.key_id, state.now()).await {
            // Revoked while it waited: it is told what its next request would be told.
            return Err(Refusal::InvalidCredentials(Received::nothing()));
        }
        if record.state.has_ended() || Instant::now() >= deadline || state.draining.is_cancelled() {
            return Ok(record);
        }
        has_waited = true;
        tokio::select! {
            () = ended => {}
            () = state.draining.cancelled() => {}
            () = tokio::time::sleep_until(deadline.min(Instant::now() + LOOK_AGAIN)) => {}
        }
    }
}

/// `GET /api/links/jobs?state=&source=&rowId=&conclusion=&cursor=&limit=`
pub(crate) async fn page(State(state): State<Shared>, uri: Uri, Signed { caller, .. }: Signed<NoBody>) -> Result<Response, Refused> {
    signed_read(&state, &caller, (&uri, PARAMETERS), async |query| {
        let page = state.store.jobs(filter(&caller, &query)?).await?;
        let jobs = page.jobs.into_iter().map(|record| answer::job(record, false, &state.public_url)).collect::<Result<_, _>>()?;
        answer::json(StatusCode::OK, &JobPage { jobs, next_cursor: page.next.map(|job_id| job_id.to_string()) })
    })
    .await
}

/// The parameters of a page.
const PARAMETERS: &[&str] = &["state", "source", "rowId", "conclusion", "cursor", "limit"];

fn filter(caller: &Caller, query: &Query) -> Result<JobFilter, Refusal> {
    Ok(JobFilter {
        account: caller.key.account,
        asker: Some(Asker::named(&caller.key.key_id.to_string())),
        environment: caller.key.environment,
        state: query.parsed::<JobState>("state", "`queued`, `leased`, `concluded` or `cancelled`")?,
        source: query.text("source").map(str::to_owned),
        row_id: query.text("rowId").map(str::to_owned),
        conclusion: query.parsed::<Conclusion>("conclusion", "the code of a conclusion")?,
        before: query.parsed::<JobId>("cursor", "the nextCursor of an earlier page")?,
        limit: query.number("limit", PAGE, DEFAULT_PAGE)?,
    })
}

/// `DELETE /api/links/jobs/{jobId}`
pub(crate) async fn cancel(
    State(state): State<Shared>,
    PathParts(job_id): PathParts<String>,
    uri: Uri,
    Signed { caller, .. }: Signed<NoBody<ToCancel>>,
) -> Result<Response, Refused> {
    signed_read(&state, &caller, (&uri, &[]), async |_| {
        let job_id: JobId = job_id.parse().map_err(|_| Refusal::NotFound)?;
        let key = &caller.key;
        let record =
            match state.store.cancel(key.account, key.environment, job_id, Actor::Key(key.key_id.clone()), caller.received_at).await? {
                Cancelled::Done(record) => *record,
                Cancelled::AlreadyConcluded => return Err(Refusal::AlreadyConcluded),
                Cancelled::Unknown => return Err(Refusal::NotFound),
            };
        tracing::info!(job.id = %job_id, key.id = %key.key_id, "job cancelled");
        answer::json(StatusCode::OK, &answer::job(record, false, &state.public_url)?)
    })
    .await
}
