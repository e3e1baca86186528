//! Destinations that mean harm, or are broken in ways that look like it: each is concluded by its rule, within its budget
//! and a second.

#![allow(clippy::unwrap_used)]

mod bodies;
mod chains;
mod http2;
mod neighbours;
mod proxies;
mod rebinding;
mod server;
mod tls;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::{Context, EngineChoice, JobResult};
use resolver::guard::{Answer, Exceptions, Names, UnresolvedName};
use resolver::{Budgets, ProxyProfile, ResolveRequest, Resolver, Settings};

/// One hop of these tests.
pub(crate) const HOP: Duration = Duration::from_millis(1_500);
/// A whole chain.
pub(crate) const CHAIN: Duration = Duration::from_secs(4);
/// The wait before a second attempt.
const CONFIRM_AFTER: Duration = Duration::from_millis(20);

pub(crate) fn settings(address: SocketAddr) -> Settings {
    let budgets = Budgets { hop: HOP, chain: CHAIN, confirm_after: CONFIRM_AFTER, ..Budgets::default() };
    Settings { exceptions: Exceptions::parse([format!("*.test={address}")]).unwrap(), budgets, ..Settings::default() }
}

/// Resolves `url` and checks that it took no longer than `attempts` of `budget`, and a second.
pub(crate) async fn resolve_within(settings: Settings, url: &str, budget: Duration, attempts: u32) -> JobResult {
    let proxy = settings.proxies.keys().next().cloned();
    let resolver = Resolver::new(settings).unwrap();
    let context = Context { engine: Some(EngineChoice::Http), proxy, ..Context::default() };
    let request = ResolveRequest { tracking_url: url.to_owned(), context, ..ResolveRequest::default() };
    let start = Instant::now();
    let result = resolver.resolve(&request).await;
    let took = start.elapsed();
    assert!(took < (budget + CONFIRM_AFTER) * attempts + Duration::from_secs(1), "took {took:?}: {} {}", result.conclusion, result.detail);
    assert_eq!(result.check(), Ok(()), "{}", result.detail);
    result
}

/// The conclusion's code of a link that is dialled at `address`.
pub(crate) async fn concluded(address: SocketAddr, url: &str) -> &'static str {
    resolve_within(settings(address), url, HOP, 2).await.conclusion.code()
}

/// `.example` is public, but for names that begin with an address, as services such as nip.io have them; nothing else is known.
pub(crate) struct PublicExamples;

impl Names for PublicExamples {
    fn addresses<'a>(&'a self, name: &'a str) -> Answer<'a> {
        let first = name.split('.').next().unwrap_or_default();
        let answer = match first.replace('-', ".").parse::<IpAddr>() {
            Ok(address) => Ok(vec![address]),
            Err(_) if name.ends_with(".example") => Ok(vec!["93.184.215.14".parse().unwrap()]),
            Err(_) => Err(UnresolvedName { name: name.to_owned(), cause: "nobody knows it".to_owned() }),
        };
        Box::pin(std::future::ready(answer))
    }
}

/// Settings with one proxy, and exceptions for nothing.
pub(crate) fn through(proxy: &str) -> Settings {
    let profile: ProxyProfile = proxy.parse().unwrap();
    let mut settings = settings("127.0.0.1:1".parse().unwrap());
    settings.exceptions = Exceptions::default();
    settings.names = Arc::new(PublicExamples);
    settings.proxies.insert("p".to_owned(), profile);
    settings
}
