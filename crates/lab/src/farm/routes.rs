//! Which route answers a request.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::corpus::{FarmCase, Route};
use super::exchange::Received;

/// The routes of all cases, by host.
#[derive(Debug)]
pub(super) struct Routes {
    by_host: HashMap<String, Vec<Route>>,
    /// How often each host and path was asked for.
    asked: Mutex<HashMap<(String, String), u64>>,
}

impl Routes {
    pub(super) fn of(cases: &[FarmCase]) -> Self {
        let mut by_host: HashMap<String, Vec<Route>> = HashMap::new();
        for route in cases.iter().flat_map(|case| &case.routes) {
            by_host.entry(route.host.to_ascii_lowercase()).or_default().push(route.clone());
        }
        Self { by_host, asked: Mutex::default() }
    }

    /// Hosts that have a route for https.
    pub(super) fn tls_hosts(&self) -> Vec<String> {
        let has_tls = |routes: &&Vec<Route>| routes.iter().any(|route| route.scheme.as_deref() == Some("https"));
        let mut hosts: Vec<String> = self.by_host.iter().filter(|(_, routes)| has_tls(routes)).map(|(host, _)| host.clone()).collect();
        hosts.sort();
        hosts
    }

    /// How often a host and path (with its query) was asked for.
    pub(super) fn asked(&self, host: &str, target: &str) -> u64 {
        self.counts().get(&(host.to_owned(), target.to_owned())).copied().unwrap_or_default()
    }

    fn counts(&self) -> std::sync::MutexGuard<'_, HashMap<(String, String), u64>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first route that fits.
    pub(super) fn find(&self, request: &Received) -> Option<&Route> {
        let nth = {
            let mut counts = self.counts();
            let count = counts.entry((request.host.clone(), request.target.clone())).or_default();
            *count += 1;
            *count
        };
        self.by_host.get(&request.host)?.iter().find(|route| fits(route, request, nth))
    }
}

fn fits(route: &Route, request: &Received, nth: u64) -> bool {
    let path = request.target.split('?').next().unwrap_or_default();
    let is_path = match route.path.as_str() {
        "*" => true,
        whole if whole.contains('?') => whole == request.target,
        prefix if prefix.ends_with('*') => path.starts_with(prefix.trim_end_matches('*')),
        exact => exact == path,
    };
    let cookies = request.field("cookie").unwrap_or_default();
    let when = &route.when;
    is_path
        && route.method.as_ref().is_none_or(|method| *method == request.method)
        && route.scheme.as_deref().is_none_or(|scheme| (scheme == "https") == request.is_tls)
        && when.cookie_contains.as_ref().is_none_or(|part| cookies.contains(part.as_str()))
        && when.cookie_absent.as_ref().is_none_or(|part| !cookies.contains(part.as_str()))
        && when.header_contains.as_ref().is_none_or(|(name, part)| request.field(name).is_some_and(|value| value.contains(part.as_str())))
        && when.header_absent.as_ref().is_none_or(|name| request.field(name).is_none())
        && when.body_contains.as_ref().is_none_or(|part| request.body.contains(part.as_str()))
        && when.nth.is_none_or(|own| own == nth)
}
