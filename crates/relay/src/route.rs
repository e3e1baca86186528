//! A route as a value: who calls it, how, and what answers. The router is built from a list of these and the list can be
//! asked for, so that a test which must hold for every endpoint takes them from here and misses none that is new.

use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter, on};

use crate::state::Shared;

/// Whom a route is for, and with it how a request proves whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Audience {
    /// Callers: a request that an API key has signed.
    Caller,
    /// Desktops: a request that a device's key has signed.
    Device,
    /// Desktops that have no key yet that anybody knows.
    Linking,
    /// The operator on the relay's machine: the bearer of its token.
    LocalOperator,
    /// Operators in the console: a session.
    Console,
    /// Anybody: nothing that belongs to an account.
    Anybody,
}

/// One method of one path, without what answers it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// In upper case.
    pub method: &'static str,
    /// As the router knows it, with its variable parts in braces: `/api/links/jobs/{job_id}`.
    pub path: &'static str,
    /// Whom it is for.
    pub audience: Audience,
}

/// An endpoint with what answers it.
pub(crate) struct Route {
    endpoint: Endpoint,
    handler: MethodRouter<Shared>,
}

impl Route {
    /// A route that reads. `HEAD` is answered as `GET` without the body.
    pub(crate) fn get<H: Handler<T, Shared>, T: 'static>(audience: Audience, path: &'static str, handler: H) -> Self {
        Self::of(("GET", MethodFilter::GET), audience, path, handler)
    }

    /// A route that does something.
    pub(crate) fn post<H: Handler<T, Shared>, T: 'static>(audience: Audience, path: &'static str, handler: H) -> Self {
        Self::of(("POST", MethodFilter::POST), audience, path, handler)
    }

    /// A route that ends something.
    pub(crate) fn delete<H: Handler<T, Shared>, T: 'static>(audience: Audience, path: &'static str, handler: H) -> Self {
        Self::of(("DELETE", MethodFilter::DELETE), audience, path, handler)
    }

    fn of<H: Handler<T, Shared>, T: 'static>(
        (method, filter): (&'static str, MethodFilter),
        audience: Audience,
        path: &'static str,
        handler: H,
    ) -> Self {
        Self { endpoint: Endpoint { method, path, audience }, handler: on(filter, handler) }
    }

    /// The route without what answers it.
    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}

/// A router of these routes. Those of one path are one entry of it, with a method each.
pub(crate) fn router_of(routes: impl IntoIterator<Item = Route>) -> Router<Shared> {
    routes.into_iter().fold(Router::new(), |router, Route { endpoint, handler }| router.route(endpoint.path, handler))
}
