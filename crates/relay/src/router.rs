//! Every route of the relay, on one screen.

use axum::Router;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use protocol::ProblemCode;

use crate::path::PathParts;
use crate::problem::{self, Refusal};
use crate::state::Shared;
use crate::{device_api, health, ingress, operator};

/// What callers, desktops and operators reach.
pub(crate) fn router(state: Shared) -> Router {
    let mut router = Router::new()
        // Callers. Each takes a signed request.
        .route("/api/links/fetch", post(ingress::fetch::fetch))
        .route("/api/links/fetch/batch", post(ingress::batch::fetch))
        .route("/api/links/jobs", get(ingress::jobs::page))
        .route("/api/links/jobs/{job_id}", get(ingress::jobs::one).delete(ingress::jobs::cancel))
        .route("/api/links/verify", get(ingress::verify::verify))
        .route("/api/rows", get(ingress::rows::page))
        .route("/api/rows/{source}/{row_id}", get(ingress::rows::one))
        // Desktops. Each takes a device's signature, but for linking, which makes one.
        .route("/api/device/link", post(device_api::start_link))
        .route("/api/device/link/token", post(device_api::link_token))
        .route("/api/device/pull", post(device_api::pull))
        .route("/api/device/report", post(device_api::report))
        .route("/api/device/release", post(device_api::release))
        .route("/api/device/keys", get(device_api::list_keys).post(device_api::create_key))
        .route("/api/device/keys/{key_id}/revoke", post(device_api::revoke_key))
        // The operator on this machine.
        .route("/api/operator/links", get(operator::list_links))
        .route("/api/operator/links/{user_code}/approve", post(operator::approve_link))
        .route("/api/operator/links/{user_code}/deny", post(operator::deny_link))
        .route("/api/operator/devices", get(operator::list_devices))
        .route("/api/operator/devices/{device_id}/revoke", post(operator::revoke_device))
        // Anybody.
        .route("/problems/{code}", get(problem_page))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz));
    if state.bench_noop {
        router = router.route("/bench/noop", post(noop));
    }
    router
        .fallback(|| async { Refusal::NotFound })
        .method_not_allowed_fallback(|| async { Refusal::MethodNotAllowed })
        .layer(axum::middleware::from_fn_with_state(state.clone(), problem::write))
        .with_state(state)
}

/// What only the operator's monitoring reaches.
pub(crate) fn metrics_router(state: Shared) -> Router {
    Router::new()
        .route("/metrics", get(health::metrics))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .with_state(state)
}

/// The page behind a problem's `type`.
async fn problem_page(PathParts(code): PathParts<String>) -> Response {
    let Some(code) = ProblemCode::ALL.iter().find(|known| known.as_str() == code) else { return Refusal::NotFound.into_response() };
    let (title, status) = (code.title(), code.status());
    let page = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\"><title>{code}: {title}</title>\
         <h1>{title}</h1><p>Code <code>{code}</code>, status {status}. The answer's <code>detail</code> says what is wrong in the request at \
         hand and what to do; <code>requestId</code> names it in the relay's log.</p></html>"
    );
    (StatusCode::OK, Html(page)).into_response()
}

/// What a request costs that does nothing but arrive.
async fn noop(body: axum::body::Bytes) -> Response {
    let _ = body;
    StatusCode::NO_CONTENT.into_response()
}
