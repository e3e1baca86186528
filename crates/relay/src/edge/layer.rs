//! What every request passes before a handler sees it.

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::came_from::CameFrom;
use crate::connection::Ends;
use crate::problem::Refusal;
use crate::state::Shared;

/// Browsers that have seen a page over TLS never ask for it without, for a year. Not for other hosts of the domain: they
/// are none of our business.
const STRICT: (HeaderName, HeaderValue) = (header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));

/// Works out where a request came from and takes it from its address's limit, before anything of it is read but its head.
pub(crate) async fn admit(State(state): State<Shared>, mut request: Request, next: Next) -> Response {
    let Some(ends) = request.extensions().get::<Ends>().copied() else { return next.run(request).await };
    let came_from = CameFrom::of(ends, request.headers(), &state.trusted_proxies);
    let address = came_from.address();
    // Loopback is this machine: its programs can hurt it more easily than by asking, and a proxy here that nobody has
    // declared would else be one address for the whole world.
    if !address.is_loopback()
        && let Some(limits) = &state.address_limits
    {
        if let Err(wait) = limits.take(address) {
            state.metrics.address_limited.inc();
            return Refusal::AddressLimited { retry_after: wait.as_secs() + 1 }.into_response();
        }
        came_from.owes();
    }
    let is_secure = came_from.is_secure();
    request.extensions_mut().insert(came_from);
    let mut response = next.run(request).await;
    if is_secure && is_page(&response) {
        response.headers_mut().insert(STRICT.0, STRICT.1);
    }
    response
}

fn is_page(response: &Response) -> bool {
    response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"))
}
