//! `POST /api/links/fetch`: one signed request in, one durable job out.

use std::time::Instant;

use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use domain::admission::Standing;
use protocol::{FetchRequest, Job};
use store::{Admission, AdmissionRequest, JobRecord};

use crate::answer;
use crate::ingress::limits::Limits;
use crate::ingress::signature::{Caller, Signed};
use crate::problem::{Refusal, Refused};
use crate::state::{RelayState, Shared};

const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

pub(crate) async fn fetch(State(state): State<Shared>, Signed { caller, payload, .. }: Signed<FetchRequest>) -> Result<Response, Refused> {
    let known = Limits::known(&caller, caller.last_standing());
    let admitted = admit(&state, &caller, &caller.nonce, payload).await;
    let Admitted { job, replayed, standing } = admitted.map_err(|(standing, refusal)| {
        let limits = standing.map_or(known, |standing| Limits::known(&caller, Some(standing)));
        Refused(Some(limits), refusal)
    })?;
    Ok(Limits::known(&caller, Some(standing)).on(job_answer(&state, job, replayed)))
}

/// A job that an admission has made or found.
pub(super) struct Admitted {
    pub(super) job: JobRecord,
    pub(super) replayed: bool,
    pub(super) standing: Standing,
}

/// Admits one request under a one-time value. A refusal tells how the account stands, where the store has said so.
pub(super) async fn admit(
    state: &RelayState,
    caller: &Caller,
    nonce: &str,
    payload: FetchRequest,
) -> Result<Admitted, (Option<Standing>, Refusal)> {
    let started = Instant::now();
    let key = &caller.key;
    let signed = (&key.key_id, nonce, caller.timestamp_seconds);
    let request = AdmissionRequest::new((key.account, key.environment), signed, payload, caller.received_at).received_as(caller.received);
    let answer = state.store.admit(request).await.map_err(|error| (None, error.into()))?;
    state.metrics.admitted(word(&answer.admission), started.elapsed().as_secs_f64());
    let standing = answer.standing;
    key.remember(standing);
    let refusal = match answer.admission {
        Admission::Accepted(job) => {
            tracing::info!(job.id = %job.job_id, key.id = %key.key_id, "job admitted");
            return Ok(Admitted { job: *job, replayed: false, standing });
        }
        Admission::Replayed(job) => return Ok(Admitted { job: *job, replayed: true, standing }),
        Admission::NonceReused => Refusal::NonceReused,
        Admission::NonceForgotten => Refusal::NonceForgotten { server_time: caller.received_at },
        Admission::IdempotencyMismatch { first } => Refusal::IdempotencyMismatch { first },
        Admission::PlanRequired => Refusal::PlanRequired,
        Admission::QuotaExceeded => {
            let renews_at = standing.month.renews_at();
            let retry_after = u64::try_from((renews_at.0 - caller.received_at.0) / 1_000 + 1).unwrap_or(1);
            Refusal::QuotaExceeded { used: standing.used, limit: standing.limit.unwrap_or(standing.used), renews_at, retry_after }
        }
        Admission::BacklogFull { waiting, limit } => Refusal::BacklogFull { waiting, limit },
    };
    Err((Some(standing), refusal))
}

/// The answer to a request that made or found a job.
fn job_answer(state: &RelayState, record: JobRecord, replayed: bool) -> Result<Response, Refusal> {
    let job = answer::job(record, replayed, &state.public_url)?;
    let mut response = answer::json(status_of(&job), &job)?;
    let headers = response.headers_mut();
    if let Ok(location) = HeaderValue::from_str(&job.status_url) {
        headers.insert(header::LOCATION, location);
    }
    if replayed {
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// 202 while the job goes on, 200 once it has ended: a caller that asks again until 200 comes to an end after a
/// cancellation too.
pub(super) const fn status_of(job: &Job) -> StatusCode {
    if job.state.has_ended() { StatusCode::OK } else { StatusCode::ACCEPTED }
}

const fn word(admission: &Admission) -> &'static str {
    match admission {
        Admission::Accepted(_) => "accepted",
        Admission::Replayed(_) => "replayed",
        Admission::NonceReused => "nonce_reused",
        Admission::NonceForgotten => "nonce_forgotten",
        Admission::IdempotencyMismatch { .. } => "idempotency_mismatch",
        Admission::PlanRequired => "plan_required",
        Admission::QuotaExceeded => "quota_exceeded",
        Admission::BacklogFull { .. } => "backlog_full",
    }
}
