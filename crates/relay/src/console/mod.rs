//! The console: the relay's pages for operators. [`routes`] shows every page on one screen; [`defence`] stands before all of
//! them, and [`signed_in::SignedIn`] says who asks, for which account, and as what.
//!
//! A page of an account lies below `/console/{account}`, so that two tabs can show two accounts, and no form acts on another
//! one than it was shown for. A page is added here: a [`Route`] with a handler that takes a
//! [`signed_in::SignedIn`] with the least role
//! that may have it, and answers with its `page`.

mod accounts;
mod audit;
mod browser;
mod compare;
mod cookie;
mod defence;
mod devices;
mod evidence;
mod fault;
mod form;
mod here;
mod invitation;
mod job;
mod jobs;
mod keys;
mod known_browser;
mod linking;
mod live;
mod me;
mod navigation;
mod newcomer;
mod oidc;
mod overview;
mod packing;
mod page;
mod passphrase;
mod people;
mod place;
mod received;
mod requests;
mod rows;
mod settings;
mod setup;
mod sign_in;
mod signed_in;
mod start;
mod still_may;
mod throttle;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::Response;

use fault::Fault;
pub(crate) use oidc::Providers;
pub use oidc::{InvalidProvider, OidcProvider};
pub(crate) use passphrase::Passphrases;
pub(crate) use people::offer_place;
pub(crate) use setup::new_link as new_setup_link;
pub use setup::setup_link_on;
pub(crate) use throttle::{SignInThrottle, network_of};

use crate::route::Audience::Console;
use crate::route::{Route, router_of};
use crate::state::Shared;

/// Every page. Only forms that post change anything, and all of them pass [`defence`].
pub(crate) fn routes() -> Vec<Route> {
    vec![
        // Anybody: how one comes in.
        Route::get(Console, "/", sign_in::start),
        Route::get(Console, "/setup", setup::page),
        Route::post(Console, "/setup", setup::set_up),
        Route::get(Console, "/sign-in", sign_in::page),
        Route::post(Console, "/sign-in", sign_in::sign_in),
        Route::get(Console, "/sign-in/{provider}", oidc::routes::begin),
        Route::get(Console, "/sign-in/{provider}/callback", oidc::routes::callback),
        Route::get(Console, "/invitation", invitation::page),
        Route::post(Console, "/invitation", invitation::accept),
        Route::post(Console, "/theme", page::choose_theme),
        // Whoever is signed in.
        Route::post(Console, "/sign-out", sign_in::sign_out),
        Route::get(Console, "/accounts", accounts::page),
        Route::get(Console, "/me", me::page),
        Route::post(Console, "/me/passphrase", me::change_passphrase),
        Route::post(Console, "/me/sessions/{session}/end", me::end_session),
        Route::get(Console, "/link", linking::page),
        Route::post(Console, "/link/approve", linking::approve),
        Route::post(Console, "/link/deny", linking::deny),
        // Members of an account.
        Route::get(Console, "/console/{account}/requests", requests::page),
        Route::get(Console, "/console/{account}/audit", audit::page),
        Route::get(Console, "/console/{account}/audit/export", audit::export),
        Route::get(Console, "/console/{account}/events", live::events),
        Route::get(Console, "/console/{account}", overview::page),
        Route::get(Console, "/console/{account}/start", start::page),
        Route::post(Console, "/console/{account}/start/check", start::check),
        Route::get(Console, "/console/{account}/rows", rows::list::page),
        Route::get(Console, "/console/{account}/rows/export.csv", rows::export::csv),
        Route::get(Console, "/console/{account}/rows/export.json", rows::export::json),
        Route::get(Console, "/console/{account}/rows/export.ndjson", rows::export::ndjson),
        Route::get(Console, "/console/{account}/rows/import", rows::import::page),
        Route::post(Console, "/console/{account}/rows/import", rows::import::import),
        Route::post(Console, "/console/{account}/rows/act", rows::act),
        Route::get(Console, "/console/{account}/rows/{env}/{source}/{row}", rows::detail::page),
        Route::post(Console, "/console/{account}/rows/edit/{env}/{source}/{row}/expect", rows::edit::expect),
        Route::get(Console, "/console/{account}/jobs", jobs::page),
        Route::get(Console, "/console/{account}/jobs/{job}", job::page),
        Route::get(Console, "/console/{account}/jobs/{job}/evidence.json", job::download),
        Route::get(Console, "/console/{account}/jobs/{job}/screenshot.webp", job::screenshot),
        Route::post(Console, "/console/{account}/jobs/{job}/cancel", job::cancel),
        Route::get(Console, "/console/{account}/devices", devices::page),
        Route::get(Console, "/console/{account}/devices/{device}", devices::one),
        Route::post(Console, "/console/{account}/devices/{device}/rename", devices::rename),
        Route::post(Console, "/console/{account}/devices/{device}/revoke", devices::revoke),
        Route::get(Console, "/console/{account}/keys", keys::page),
        Route::get(Console, "/console/{account}/keys/{key}", keys::one),
        Route::post(Console, "/console/{account}/keys/{key}/revoke", keys::revoke),
        Route::get(Console, "/console/{account}/settings", settings::page),
        Route::post(Console, "/console/{account}/settings/channel", settings::set_channel),
        Route::post(Console, "/console/{account}/settings/retention", settings::set_retention),
        Route::get(Console, "/console/{account}/people", people::page),
        Route::post(Console, "/console/{account}/people/invite", people::invite),
        Route::post(Console, "/console/{account}/people/invitations/{invitation}/withdraw", people::withdraw),
        Route::get(Console, "/console/{account}/people/{operator}", people::member),
        Route::post(Console, "/console/{account}/people/{operator}/role", people::set_role),
        Route::post(Console, "/console/{account}/people/{operator}/remove", people::remove),
    ]
}

/// Every page, behind the one defence.
pub(crate) fn router(state: &Shared) -> Router<Shared> {
    router_of(routes())
        .method_not_allowed_fallback(|| async { Fault::MethodNotAllowed })
        .layer(middleware::from_fn(errors_for_people))
        .layer(middleware::from_fn_with_state(state.clone(), defence::guard))
}

/// A refusal of a shared extractor is made a page, too.
async fn errors_for_people(request: Request, next: Next) -> Response {
    let look = page::Look::of(request.headers());
    let mut response = next.run(request).await;
    if let Some(refusal) = response.extensions_mut().remove::<crate::problem::Refusal>() {
        response.extensions_mut().insert(Fault::of_refusal(&refusal));
    }
    match response.extensions_mut().remove::<Fault>() {
        Some(fault) => fault.page(look),
        None => response,
    }
}
