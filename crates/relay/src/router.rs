//! Every route of the relay, on one screen.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use crate::path::PathParts;
use crate::problem::{self, Refusal};
use crate::route::{Audience, Endpoint, Route, router_of};
use crate::state::Shared;
use crate::{console, device_api, edge, health, help, ingress, openapi, operator};

/// Every route.
fn routes() -> Vec<Route> {
    use Audience::{Anybody, Caller, Device, Linking, LocalOperator};
    vec![
        Route::post(Caller, "/api/links/fetch", ingress::fetch::fetch),
        Route::post(Caller, "/api/links/fetch/batch", ingress::batch::fetch),
        Route::get(Caller, "/api/links/jobs", ingress::jobs::page),
        Route::get(Caller, "/api/links/jobs/{job_id}", ingress::jobs::one),
        Route::delete(Caller, "/api/links/jobs/{job_id}", ingress::jobs::cancel),
        Route::get(Caller, "/api/links/events", ingress::events::events),
        Route::get(Caller, "/api/links/verify", ingress::verify::verify),
        Route::get(Caller, "/api/rows", ingress::rows::page),
        Route::get(Caller, "/api/rows/{source}/{row_id}", ingress::rows::one),
        Route::get(Caller, "/api/channel", ingress::channel::channel),
        Route::post(Linking, "/api/device/link", device_api::start_link),
        Route::post(Linking, "/api/device/link/token", device_api::link_token),
        Route::post(Device, "/api/device/pull", device_api::pull),
        Route::post(Device, "/api/device/report", device_api::report),
        Route::post(Device, "/api/device/release", device_api::release),
        Route::get(Device, "/api/device/keys", device_api::list_keys),
        Route::post(Device, "/api/device/keys", device_api::create_key),
        Route::post(Device, "/api/device/keys/{key_id}/revoke", device_api::revoke_key),
        Route::post(Device, "/api/device/keys/{key_id}/rotate", device_api::rotate_key),
        Route::post(Device, "/api/device/keys/{key_id}/rename", device_api::rename_key),
        Route::get(LocalOperator, "/api/operator/links", operator::list_links),
        Route::post(LocalOperator, "/api/operator/links/{user_code}/approve", operator::approve_link),
        Route::post(LocalOperator, "/api/operator/links/{user_code}/deny", operator::deny_link),
        Route::get(LocalOperator, "/api/operator/devices", operator::list_devices),
        Route::post(LocalOperator, "/api/operator/devices/{device_id}/revoke", operator::revoke_device),
        Route::get(LocalOperator, "/api/operator/accounts", operator::accounts::list),
        Route::post(LocalOperator, "/api/operator/accounts", operator::accounts::create),
        Route::post(LocalOperator, "/api/operator/accounts/{account}/plan", operator::accounts::set_plan),
        Route::get(LocalOperator, "/api/operator/accounts/{account}/operators", operator::people::list),
        Route::post(LocalOperator, "/api/operator/accounts/{account}/operators/{operator}/remove", operator::people::remove),
        Route::post(LocalOperator, "/api/operator/accounts/{account}/invitations", operator::people::invite),
        Route::post(LocalOperator, "/api/operator/accounts/{account}/setup-link", operator::people::setup_link),
        Route::get(LocalOperator, "/api/operator/accounts/{account}/channel", operator::channel::show),
        Route::post(LocalOperator, "/api/operator/accounts/{account}/channel", operator::channel::set),
        Route::get(Anybody, "/assets/{name}", asset),
        Route::get(Anybody, "/problems/{code}", help::problem_page),
        Route::get(Anybody, "/docs", openapi::docs),
        Route::get(Anybody, "/openapi.json", openapi::document),
        Route::get(Anybody, "/healthz", health::healthz),
        Route::get(Anybody, "/readyz", health::readyz),
    ]
}

/// Every endpoint that a relay answers at, as its router knows it: for whatever must hold for all of them.
#[must_use]
pub fn endpoints() -> Vec<Endpoint> {
    routes().iter().chain(&console::routes()).map(|route| route.endpoint().clone()).collect()
}

/// What callers, desktops and operators reach.
pub(crate) fn router(state: Shared) -> Router {
    let mut router = router_of(routes()).merge(console::router(&state));
    if state.bench_noop {
        router = router.route("/bench/noop", post(noop));
    }
    router
        .fallback(|| async { Refusal::NotFound })
        .method_not_allowed_fallback(|| async { Refusal::MethodNotAllowed })
        .layer(axum::middleware::from_fn_with_state(state.clone(), edge::admit))
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

/// What pages are drawn with.
async fn asset(PathParts(name): PathParts<String>, headers: HeaderMap) -> Result<Response, Refusal> {
    ui::assets::respond(&name, &headers).map(|asset| asset.map(Body::from)).ok_or(Refusal::NotFound)
}

/// What a request costs that does nothing but arrive.
async fn noop(body: axum::body::Bytes) -> Response {
    let _ = body;
    StatusCode::NO_CONTENT.into_response()
}
