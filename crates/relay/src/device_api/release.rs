//! `POST /api/device/release`: a desktop that shuts down gives its leases back.

use axum::http::StatusCode;
use axum::response::Response;
use protocol::device::{MAX_HELD_JOBS, ReleaseAnswer, ReleaseRequest};
use protocol::fetch_request::PayloadError;

use super::signature::FromDevice;
use crate::answer;
use crate::problem::Refusal;

pub(crate) async fn release(from: FromDevice<ReleaseRequest>) -> Result<Response, Refusal> {
    let jobs = from.message.jobs;
    if jobs.len() > MAX_HELD_JOBS {
        return Err(Refusal::InvalidPayload(vec![PayloadError::new("/jobs", format!("must have at most {MAX_HELD_JOBS} jobs"))]));
    }
    let released = from.store.release(from.device.account, from.device.id, jobs, from.received_at).await?;
    tracing::info!(device.id = %from.device.id, released, "leases released");
    answer::json(StatusCode::OK, &ReleaseAnswer { released })
}
