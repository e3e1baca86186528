//! A route as a value: whom it is for, how it is asked, what answers. The router is built from a list of these and the list
//! can be asked for, so that a test which must hold for every route takes them from here and misses none that is new.

use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter, on};

use super::Shared;

/// Whom a route is for, and with it what a request must prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Whoever has a one-time URL.
    Door,
    /// A browser that has entered by one.
    Owner,
    /// Programs of this user, by the token in the data folder.
    Program,
    /// Any page of ours: nothing that belongs to anybody.
    Anybody,
}

/// One method of one path, without what answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// In upper case.
    pub method: &'static str,
    /// With its variable parts in braces: `/jobs/{job_id}`.
    pub path: &'static str,
    /// Whom it is for.
    pub audience: Audience,
}

/// An endpoint with what answers it.
pub(super) struct Route {
    pub(super) endpoint: Endpoint,
    pub(super) handler: MethodRouter<Shared>,
}

impl Route {
    /// A route that reads.
    pub(super) fn get<H: Handler<T, Shared>, T: 'static>(audience: Audience, path: &'static str, handler: H) -> Self {
        Self { endpoint: Endpoint { method: "GET", path, audience }, handler: on(MethodFilter::GET, handler) }
    }

    /// A route that does something.
    pub(super) fn post<H: Handler<T, Shared>, T: 'static>(audience: Audience, path: &'static str, handler: H) -> Self {
        Self { endpoint: Endpoint { method: "POST", path, audience }, handler: on(MethodFilter::POST, handler) }
    }
}

/// A router of these routes; each goes through `guarded`, which knows whom it is for.
pub(super) fn router_of(
    routes: impl IntoIterator<Item = Route>,
    guarded: impl Fn(Audience, MethodRouter<Shared>) -> MethodRouter<Shared>,
) -> Router<Shared> {
    routes
        .into_iter()
        .fold(Router::new(), |router, Route { endpoint, handler }| router.route(endpoint.path, guarded(endpoint.audience, handler)))
}
