//! `POST /api/links/fetch`: one signed request in, one durable job out.

use std::time::Instant;

use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use protocol::FetchRequest;
use store::{Admission, AdmissionRequest, JobRecord};

use crate::answer;
use crate::ingress::limits::Limits;
use crate::ingress::signature::Signed;
use crate::problem::{Refusal, Refused};
use crate::state::{RelayState, Shared};

const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

pub(crate) async fn fetch(State(state): State<Shared>, Signed { caller, payload, .. }: Signed<FetchRequest>) -> Result<Response, Refused> {
    let started = Instant::now();
    let key = &caller.key;
    let request = AdmissionRequest::new(
        (key.account, key.environment),
        (key.key_id.as_str(), &caller.nonce, caller.timestamp_seconds),
        payload,
        caller.received_at,
    );
    let known = Limits::known(&caller, caller.last_standing());
    let answer = state.store.admit(request).await.map_err(|error| Refused(Some(known), error.into()))?;
    state.metrics.admitted(word(&answer.admission), started.elapsed().as_secs_f64());
    key.remember(answer.standing);
    let limits = Limits::known(&caller, Some(answer.standing));
    let standing = answer.standing;
    let refused = |refusal| Err(Refused(Some(limits), refusal));
    let response = match answer.admission {
        Admission::Accepted(job) => {
            tracing::info!(job.id = %job.job_id, key.id = %key.key_id, "job admitted");
            job_answer(&state, *job, false)
        }
        Admission::Replayed(job) => job_answer(&state, *job, true),
        Admission::NonceReused => return refused(Refusal::NonceReused),
        Admission::NonceForgotten => return refused(Refusal::NonceForgotten { server_time: caller.received_at }),
        Admission::IdempotencyMismatch { first } => return refused(Refusal::IdempotencyMismatch { first }),
        Admission::PlanRequired => return refused(Refusal::PlanRequired),
        Admission::QuotaExceeded => {
            let renews_at = standing.month.renews_at();
            let retry_after = u64::try_from((renews_at.0 - caller.received_at.0) / 1_000 + 1).unwrap_or(1);
            return refused(Refusal::QuotaExceeded {
                used: standing.used,
                limit: standing.limit.unwrap_or(standing.used),
                renews_at,
                retry_after,
            });
        }
        Admission::BacklogFull { waiting, limit } => return refused(Refusal::BacklogFull { waiting, limit }),
    };
    Ok(limits.on(response))
}

/// 202 while the job goes on, 200 once it has concluded.
fn job_answer(state: &RelayState, record: JobRecord, replayed: bool) -> Result<Response, Refusal> {
    let job = answer::job(record, replayed, &state.public_url)?;
    let status = if job.result.is_some() { StatusCode::OK } else { StatusCode::ACCEPTED };
    let mut response = answer::json(status, &job)?;
    let headers = response.headers_mut();
    if let Ok(location) = HeaderValue::from_str(&job.status_url) {
        headers.insert(header::LOCATION, location);
    }
    if replayed {
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
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
