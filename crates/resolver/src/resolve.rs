//! The resolver: from a request to a result, whatever happens in between.

use std::sync::Arc;

use protocol::clock::Clock;
use protocol::result::Engine;
use protocol::tracking_url::InvalidTrackingUrl;
use protocol::{EngineChoice, JobResult, tracking_url};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use url::Url;

use crate::chain::{Chain, End};
use crate::conclude::{Expectation, Verdict, conclude};
use crate::confirm::{self, confirmed, needs_confirmation};
use crate::connect::Tls;
use crate::fetch::Fetcher;
use crate::guard::Guard;
use crate::report;
use crate::request::ResolveRequest;
use crate::settings::{Settings, SetupError};
use crate::walk::{Ground, Walk};

/// Resolves tracking URLs. Cheap to clone; clones share connections and bounds.
#[derive(Clone)]
pub struct Resolver {
    shared: Arc<Shared>,
}

struct Shared {
    settings: Settings,
    fetcher: Fetcher,
    chains: Semaphore,
}

impl Resolver {
    /// A resolver with these settings.
    ///
    /// # Errors
    /// [`SetupError`] when the system's trust cannot be read, or a budget is empty.
    pub fn new(settings: Settings) -> Result<Self, SetupError> {
        let budgets = &settings.budgets;
        for (name, is_empty) in [
            ("hop", budgets.hop.is_zero()),
            ("chain", budgets.chain.is_zero()),
            ("hops", budgets.hops == 0),
            ("chains_at_once", budgets.chains_at_once == 0),
            ("connections_per_host", budgets.connections_per_host == 0),
            ("head_bytes", budgets.head_bytes == 0),
            ("body_bytes", budgets.body_bytes == 0),
        ] {
            if is_empty {
                return Err(SetupError::EmptyBudget(name));
            }
        }
        let tls = Tls::new(settings.extra_roots.clone()).map_err(SetupError::Trust)?;
        let guard = Guard::new(settings.exceptions.clone(), Arc::clone(&settings.names));
        let fetcher = Fetcher::new(guard, tls, budgets);
        let chains = Semaphore::new(budgets.chains_at_once);
        Ok(Self { shared: Arc::new(Shared { settings, fetcher, chains }) })
    }

    /// The evidence alone, by the engine that the context asks for: one attempt, nothing concluded, nothing confirmed.
    ///
    /// # Errors
    /// When the tracking URL is none.
    pub async fn chain(&self, request: &ResolveRequest) -> Result<Chain, InvalidTrackingUrl> {
        let url = tracking_url::parse(&request.tracking_url)?;
        Ok(self.shared.chain(crate::location::escape_path(url), request).await)
    }

    /// Resolves one tracking URL. Always ends in a result; waits first when as many chains as allowed are under way.
    pub async fn resolve(&self, request: &ResolveRequest) -> JobResult {
        let shared = &*self.shared;
        // Nobody closes the semaphore; were it closed, one chain too many would do no harm.
        let _permit = shared.chains.acquire().await.ok();
        let now = || shared.settings.clock.now();
        let url = match tracking_url::parse(&request.tracking_url) {
            Ok(url) => crate::location::escape_path(url),
            Err(fault) => return report::input_invalid(&fault, now()),
        };
        let expectation = Expectation { domain: request.expected_domain.clone(), ..Expectation::default() };
        let (chain, verdict) = shared.attempts(url, request, &expectation).await;
        log(&chain, &verdict);
        report::result(chain, verdict, now())
    }
}

impl Shared {
    /// The chain that counts: the first, or a second one that confirms it or knows better.
    async fn attempts(&self, url: Url, request: &ResolveRequest, expectation: &Expectation) -> (Chain, Verdict) {
        let rules = &self.settings.rules;
        let chain = self.chain(url.clone(), request).await;
        let verdict = conclude(&chain, expectation, rules);
        if !needs_confirmation(verdict.conclusion) {
            return (chain, verdict);
        }
        confirm::pause(Instant::now(), self.settings.budgets.confirm_after).await;
        let chain = self.chain(url, request).await;
        let second = conclude(&chain, expectation, rules);
        (chain, confirmed(verdict.conclusion, second))
    }

    async fn chain(&self, url: Url, request: &ResolveRequest) -> Chain {
        let context = &request.context;
        let proxy = match &context.proxy {
            None => None,
            Some(name) => match self.settings.proxies.get_key_value(name) {
                Some((name, profile)) => Some((name.as_str(), profile)),
                None => return unavailable(Engine::Http, format!("this desktop has no proxy named `{name}`")),
            },
        };
        match context.engine.unwrap_or_default() {
            // A desktop without a browser has the HTTP engine's word; what that cannot know, it says.
            EngineChoice::Auto | EngineChoice::Http => Walk::new(self.ground(), context, proxy).run(url).await,
            EngineChoice::Browser => unavailable(Engine::Browser, "this desktop has no browser".to_owned()),
        }
    }
}

impl Shared {
    fn ground(&self) -> Ground<'_> {
        let Settings { budgets, rules, clock, .. } = &self.settings;
        Ground { fetcher: &self.fetcher, budgets, rules, now: clock.now().seconds() }
    }
}

fn unavailable(engine: Engine, cause: String) -> Chain {
    Chain::without_hops(engine, End::ContextUnavailable(cause))
}

fn log(chain: &Chain, verdict: &Verdict) {
    let duration_ms = u64::try_from(chain.duration.as_millis()).unwrap_or(u64::MAX);
    tracing::debug!(conclusion = %verdict.conclusion, hops = chain.hops.len(), duration_ms, "resolved");
}
