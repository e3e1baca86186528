//! Whether the relay lives, and whether it can serve.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::metrics;
use crate::state::Shared;

/// `GET /healthz`: the process answers.
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: the database answers and takes what is written, and the relay is not shutting down.
pub(crate) async fn readyz(State(state): State<Shared>) -> Response {
    if state.draining.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "shutting down\n").into_response();
    }
    match state.store.check().await {
        Ok(()) => "ready\n".into_response(),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer, or takes nothing\n").into_response()
        }
    }
}

/// `GET /metrics`, on an address of its own.
pub(crate) async fn metrics(State(state): State<Shared>) -> Response {
    state.metrics.writer_queue.set(i64::try_from(state.store.queued_operations()).unwrap_or(i64::MAX));
    ([(header::CONTENT_TYPE, metrics::MEDIA_TYPE)], state.metrics.render()).into_response()
}
