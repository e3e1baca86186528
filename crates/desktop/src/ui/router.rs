//! Every route of the pages on one screen, and what each request goes through.

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::defence::{self, Asked};
use super::route::{Audience, Route, router_of};
use super::{Office, Shared, control, entry, pages, session};

/// Bytes of a form: the longest has a proxy's URL in it.
const MAX_FORM_BYTES: usize = 16 * 1_024;

/// Every route.
pub(super) fn routes() -> Vec<Route> {
    use Audience::{Anybody, Door, Owner, Program};
    vec![
        Route::get(Door, "/open/{ticket}", entry::enter),
        Route::get(Anybody, "/assets/{name}", async |Path(name): Path<String>, headers: HeaderMap| Office::asset(&name, &headers)),
        Route::post(Anybody, "/theme", entry::theme),
        Route::post(Owner, "/leave", entry::leave),
        // Status
        Route::get(Owner, "/", pages::status::show),
        Route::get(Owner, "/live/status", pages::status::live),
        Route::post(Owner, "/pause", pages::status::pause),
        Route::post(Owner, "/resume", pages::status::resume),
        // Jobs
        Route::get(Owner, "/jobs", pages::jobs::list),
        Route::get(Owner, "/live/jobs", pages::jobs::live),
        Route::get(Owner, "/jobs/{job_id}", pages::job::show),
        Route::get(Owner, "/jobs/{job_id}/screenshot.webp", pages::job::screenshot),
        Route::get(Owner, "/history/clear", pages::jobs::ask_to_clear),
        Route::post(Owner, "/history/clear", pages::jobs::clear),
        // API keys
        Route::get(Owner, "/keys", pages::keys::list),
        Route::post(Owner, "/keys", pages::keys::make),
        Route::get(Owner, "/keys/made", pages::keys::made),
        Route::get(Owner, "/keys/{key_id}/rotate", pages::keys::ask_to_rotate),
        Route::post(Owner, "/keys/{key_id}/rotate", pages::keys::rotate),
        Route::get(Owner, "/keys/{key_id}/revoke", pages::keys::ask_to_revoke),
        Route::post(Owner, "/keys/{key_id}/revoke", pages::keys::revoke),
        // Contexts
        Route::get(Owner, "/contexts", pages::contexts::show),
        Route::post(Owner, "/contexts/identity", pages::contexts::set_identity),
        Route::post(Owner, "/contexts/browser", pages::contexts::set_browser),
        Route::post(Owner, "/contexts/proxies", pages::proxies::add),
        Route::post(Owner, "/contexts/proxies/test", pages::proxies::test),
        Route::post(Owner, "/contexts/proxies/remove", pages::proxies::remove),
        // Guard
        Route::get(Owner, "/guard", pages::guard::show),
        Route::post(Owner, "/guard/exceptions", pages::guard::add),
        Route::post(Owner, "/guard/exceptions/remove", pages::guard::remove),
        // The rest
        Route::get(Owner, "/log", pages::log::show),
        Route::get(Owner, "/live/log", pages::log::live),
        Route::get(Owner, "/settings", pages::settings::show),
        Route::post(Owner, "/settings/autostart", pages::settings::set_autostart),
        // Programs of this user
        Route::get(Program, "/control/status", control::status),
        Route::post(Program, "/control/open", control::open),
        Route::post(Program, "/control/pause", control::pause),
        Route::post(Program, "/control/resume", control::resume),
    ]
}

/// The router. Nothing answers that has not been through the defence, a path that is none included.
pub(super) fn router(office: &Shared) -> Router {
    let guarded = |audience, handler: axum::routing::MethodRouter<Shared>| {
        let gate = Gate { office: Shared::clone(office), audience };
        handler.layer(from_fn_with_state(gate, pass))
    };
    let nothing = axum::routing::any(async || StatusCode::NOT_FOUND);
    router_of(routes(), guarded)
        .fallback_service(guarded(Audience::Anybody, nothing).with_state(Shared::clone(office)))
        .layer(DefaultBodyLimit::max(MAX_FORM_BYTES))
        .with_state(Shared::clone(office))
}

#[derive(Clone)]
struct Gate {
    office: Shared,
    audience: Audience,
}

async fn pass(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let Gate { office, audience } = gate;
    let asked = Asked { method: request.method(), uri: request.uri(), version: request.version(), headers: request.headers() };
    if let Err(defence::TurnedAway { status, why }) = defence::check(&office.names, audience, &asked) {
        tracing::warn!(method = %asked.method, path = asked.uri.path(), status = status.as_u16(), why, "turned a request to the pages away");
        return with_headers(entry::turned_away(status, why));
    }
    let may = match audience {
        Audience::Door | Audience::Anybody => true,
        Audience::Owner => office.door.knows(request.headers()),
        Audience::Program => defence::bearer(request.headers()).is_some_and(|token| session::hash(token) == office.program),
    };
    with_headers(match (may, audience) {
        (true, _) => next.run(request).await,
        (false, Audience::Program) => StatusCode::UNAUTHORIZED.into_response(),
        (false, Audience::Owner | Audience::Door | Audience::Anybody) => entry::outside(request.headers()),
    })
}

/// Every answer has the headers of a page, whoever made it; where it has its own, those stay.
fn with_headers(mut answer: Response) -> Response {
    for (name, value) in ui::response::PAGE_HEADERS {
        answer.headers_mut().entry(HeaderName::from_static(name)).or_insert(HeaderValue::from_static(value));
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_something_is_for_the_owner_or_a_program_and_never_a_get() {
        for Route { endpoint, .. } in routes() {
            let does = endpoint.method == "POST";
            let is_open = matches!(endpoint.audience, Audience::Anybody | Audience::Door);
            assert!(!(does && is_open) || endpoint.path == "/theme", "{endpoint:?} changes something for anybody");
        }
    }
}
