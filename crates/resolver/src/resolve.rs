//! The resolver: from a request to a result, whatever happens in between.

use std::path::Path;
use std::sync::Arc;

use protocol::clock::Clock;
use protocol::result::Engine;
use protocol::tracking_url::InvalidTrackingUrl;
use protocol::{Context, EngineChoice, JobResult, tracking_url};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use url::Url;

use crate::browser::BrowserEngine;
use crate::chain::{Chain, End, HandoverReason, Screenshot};
use crate::conclude::{Expectation, Verdict, conclude};
use crate::confirm::{self, confirmed, needs_confirmation};
use crate::connect::Tls;
use crate::fetch::Fetcher;
use crate::guard::Guard;
use crate::handover::settle;
use crate::pace::Pacer;
use crate::proxy::ProxyProfile;
use crate::report;
use crate::request::ResolveRequest;
use crate::settings::{Screenshots, Settings, SetupError};
use crate::walk::{Ground, Walk};

/// Resolves tracking URLs. Cheap to clone; clones share connections and bounds.
#[derive(Clone)]
pub struct Resolver {
    shared: Arc<Shared>,
}

struct Shared {
    settings: Settings,
    fetcher: Fetcher,
    browser: BrowserEngine,
    chains: Semaphore,
}

impl Resolver {
    /// A resolver with these settings.
    ///
    /// # Errors
    /// [`SetupError`] when a budget is empty.
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
        let tls = Tls::new(settings.extra_roots.clone());
        let guard = Guard::new(settings.exceptions.clone(), Arc::clone(&settings.names))
            .with_interfaces(Arc::clone(&settings.interfaces))
            .with_own_ports(&settings.own_ports);
        let pacer = Arc::new(Pacer::new(budgets.pace_per_host));
        let browser = BrowserEngine::new(&settings, guard.clone(), tls.clone(), Arc::clone(&pacer));
        let fetcher = Fetcher::new(guard, tls, pacer, budgets);
        let chains = Semaphore::new(budgets.chains_at_once);
        Ok(Self { shared: Arc::new(Shared { settings, fetcher, browser, chains }) })
    }

    /// Reads what TLS trusts, which otherwise happens with the first `https` hop. A program that runs for long learns here,
    /// when it starts, that no such hop will succeed.
    ///
    /// # Errors
    /// [`SetupError::Trust`].
    pub fn check_trust(&self) -> Result<(), SetupError> {
        self.shared.fetcher.tls.check().map_err(SetupError::Trust)
    }

    /// Whether there is a browser for what needs one.
    #[must_use]
    pub fn has_browser(&self) -> bool {
        self.shared.has_browser()
    }

    /// The browser for links that need one.
    ///
    /// # Errors
    /// Why there is none, for a person.
    pub fn browser(&self) -> Result<&Path, &str> {
        self.shared.browser.availability()
    }

    /// The evidence alone, by the engine that the context asks for: one attempt, nothing concluded, nothing confirmed.
    ///
    /// # Errors
    /// When the tracking URL is none.
    pub async fn chain(&self, request: &ResolveRequest) -> Result<Chain, InvalidTrackingUrl> {
        let url = tracking_url::parse(&request.tracking_url)?;
        Ok(self.shared.try_once(&crate::location::escape_path(url), request).await.chain)
    }

    /// Resolves one tracking URL. Always ends in a result; waits first when as many chains as allowed are under way.
    pub async fn resolve(&self, request: &ResolveRequest) -> JobResult {
        self.resolve_with_screenshot(request).await.0
    }

    /// As [`Self::resolve`], with the full picture of the page, where settings ask for one and a browser resolved.
    pub async fn resolve_with_screenshot(&self, request: &ResolveRequest) -> (JobResult, Option<Screenshot>) {
        let shared = &*self.shared;
        // Nobody closes the semaphore; were it closed, one chain too many would do no harm.
        let _permit = shared.chains.acquire().await.ok();
        let now = || shared.settings.clock.now();
        let url = match tracking_url::parse(&request.tracking_url) {
            Ok(url) => crate::location::escape_path(url),
            Err(fault) => return (report::input_invalid(&fault, now()), None),
        };
        let expectation = Expectation { domain: request.expected_domain.clone(), row: request.expectation.clone() };
        let (mut chain, verdict) = shared.attempts(url, request, &expectation).await;
        log(&chain, &verdict);
        let full = chain.screenshot.take_if(|_| matches!(shared.settings.screenshots, Screenshots::Full(_)));
        (report::result(chain, verdict, now()), full)
    }
}

impl Shared {
    /// The chain that counts: the first, or a second one that confirms it or knows better.
    async fn attempts(&self, url: Url, request: &ResolveRequest, expectation: &Expectation) -> (Chain, Verdict) {
        let judge = |chain: &Chain| conclude(chain, expectation, &self.settings.rules);
        let Tried { chain, handed_over } = self.try_once(&url, request).await;
        let verdict = judge(&chain);
        if !needs_confirmation(verdict.conclusion) {
            return (chain, verdict);
        }
        // Two engines that say the same are two attempts: a third click would show nothing new.
        if let Some(first) = handed_over.as_ref().map(judge)
            && first.conclusion == verdict.conclusion
        {
            return (chain, confirmed(first.conclusion, verdict));
        }
        self.pause(Instant::now()).await;
        let chain = match (chain.engine, self.proxy(&request.context)) {
            (Engine::Http, Ok(proxy)) => self.walk(&url, &request.context, proxy).await,
            (Engine::Browser, Ok(proxy)) => self.browse(&url, &request.context, proxy).await,
            (_, Err(cause)) => unavailable(Engine::Http, cause),
        };
        let second = judge(&chain);
        (chain, confirmed(verdict.conclusion, second))
    }

    /// One chain by the engine that the context asks for; in `auto` the browser's, where the HTTP engine hands over.
    async fn try_once(&self, url: &Url, request: &ResolveRequest) -> Tried {
        let context = &request.context;
        let alone = |chain| Tried { chain, handed_over: None };
        let proxy = match self.proxy(context) {
            Ok(proxy) => proxy,
            Err(cause) => return alone(unavailable(Engine::Http, cause)),
        };
        match context.engine.unwrap_or_default() {
            EngineChoice::Http => alone(self.walk(url, context, proxy).await),
            EngineChoice::Browser => alone(self.browse(url, context, proxy).await),
            EngineChoice::Auto => {
                let walked = self.walk(url, context, proxy).await;
                let Some(handover) = walked.handover.as_ref().filter(|_| self.has_browser()) else { return alone(walked) };
                if handover.reason == HandoverReason::HttpStatus {
                    // It may be the second attempt that an error page needs, and so comes no sooner than one.
                    self.pause(Instant::now()).await;
                }
                let browsed = self.browse(url, context, proxy).await;
                Tried { chain: settle(walked.clone(), browsed), handed_over: Some(walked) }
            }
        }
    }

    fn proxy(&self, context: &Context) -> Result<Option<(&str, &ProxyProfile)>, String> {
        let Some(name) = &context.proxy else { return Ok(None) };
        match self.settings.proxies.get_key_value(name) {
            Some((name, profile)) => Ok(Some((name.as_str(), profile))),
            None => Err(format!("this desktop has no proxy named `{name}`")),
        }
    }

    async fn pause(&self, since: Instant) {
        confirm::pause(since, self.settings.budgets.confirm_after).await;
    }

    async fn walk(&self, url: &Url, context: &Context, proxy: Option<(&str, &ProxyProfile)>) -> Chain {
        Walk::new(self.ground(), context, proxy).run(url.clone()).await
    }

    /// Whether there is a browser to hand over to.
    fn has_browser(&self) -> bool {
        self.browser.availability().is_ok()
    }

    /// One chain by the browser, from the tracking URL on with a fresh context: click identifiers may be spent.
    async fn browse(&self, url: &Url, context: &Context, proxy: Option<(&str, &ProxyProfile)>) -> Chain {
        // Boxed: most chains never get here, and each would carry the room for it.
        Box::pin(self.browser.run(url, context, proxy, &self.settings.budgets)).await
    }

    fn ground(&self) -> Ground<'_> {
        let Settings { budgets, rules, clock, .. } = &self.settings;
        Ground { fetcher: &self.fetcher, budgets, rules, now: clock.now().seconds() }
    }
}

/// What one attempt came to.
struct Tried {
    /// The chain that counts.
    chain: Chain,
    /// The HTTP engine's, when it has handed over.
    handed_over: Option<Chain>,
}

fn unavailable(engine: Engine, cause: String) -> Chain {
    Chain::without_hops(engine, End::ContextUnavailable(cause))
}

fn log(chain: &Chain, verdict: &Verdict) {
    let duration_ms = u64::try_from(chain.duration.as_millis()).unwrap_or(u64::MAX);
    tracing::debug!(conclusion = %verdict.conclusion, hops = chain.hops.len(), duration_ms, "resolved");
}
