//! Answers that are no refusals.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use protocol::{Job, JobResult};
use serde::Serialize;
use store::{JobRecord, StoreError};

use crate::problem::Refusal;

/// Names one request, in the answer and in the log.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A JSON answer. Nothing that the relay says about jobs may be kept by a cache.
pub(crate) fn json<T: Serialize>(status: StatusCode, value: &T) -> Result<Response, Refusal> {
    let body = serde_json::to_vec(value).map_err(|error| {
        tracing::error!(%error, "an answer cannot be written");
        Refusal::Internal
    })?;
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// A stored job as its caller sees it.
pub(crate) fn job(record: JobRecord, replayed: bool, public_url: &str) -> Result<Job, Refusal> {
    let result = record.result.map(|json| serde_json::from_str::<JobResult>(&json)).transpose();
    let result = result.map_err(|error| StoreError::Corrupt(format!("result of {}: {error}", record.job_id)))?;
    Ok(Job {
        status_url: format!("{public_url}/api/links/jobs/{}", record.job_id),
        job_id: record.job_id,
        state: record.state,
        replayed,
        environment: record.environment,
        source: record.source,
        row_id: record.row_id,
        tracking_url: record.tracking_url,
        created_at: record.created_at,
        expires_at: record.expires_at,
        result,
    })
}
