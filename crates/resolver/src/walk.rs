//! The HTTP engine: walks from hop to hop as a browser's navigation would, and keeps the evidence of each.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use protocol::Context;
use protocol::result::{Engine, Hop, HopKind, Observed};
use tokio::time::Instant;
use url::Url;

use crate::answer::{Head, text};
use crate::budgets::Budgets;
use crate::chain::{Chain, Content, End, Page};
use crate::context::Identity;
use crate::fetch::{Failure, FetchError, Fetched, Fetcher, Request};
use crate::location::{self, Location, OtherScheme};
use crate::proxy::ProxyProfile;

/// What a walk is made with.
pub(crate) struct Walk<'a> {
    fetcher: &'a Fetcher,
    budgets: &'a Budgets,
    identity: Identity,
    proxy: Option<(&'a str, &'a ProxyProfile)>,
    hops: Vec<Hop>,
    /// Redirects of this navigation so far.
    redirects: u32,
    /// Requests that were sent, by what makes them the same one, with the hop that sent them.
    sent: HashMap<u64, u32>,
}

/// The next request of a chain.
struct Step {
    url: Url,
    kind: HopKind,
}

/// What a hop led to.
enum Outcome {
    Goes(Step),
    Ends(End),
}

impl<'a> Walk<'a> {
    pub(crate) fn new(fetcher: &'a Fetcher, budgets: &'a Budgets, context: &Context, proxy: Option<(&'a str, &'a ProxyProfile)>) -> Self {
        Self { fetcher, budgets, identity: Identity::of(context), proxy, hops: Vec::new(), redirects: 0, sent: HashMap::new() }
    }

    /// Walks from `url` to wherever it ends, within the chain's budget.
    pub(crate) async fn run(mut self, url: Url) -> Chain {
        let start = Instant::now();
        let deadline = start + self.budgets.chain;
        let mut step = Step { url, kind: HopKind::Start };
        let end = loop {
            match self.hop(step, deadline).await {
                Outcome::Goes(next) => step = next,
                Outcome::Ends(end) => break end,
            }
        };
        let observed = self.observed();
        Chain { engine: Engine::Http, hops: self.hops, end, delayed_refresh: None, handover: None, observed, duration: start.elapsed() }
    }

    fn observed(&self) -> Observed {
        let family = |address: &String| if address.starts_with('[') { "ipv6" } else { "ipv4" };
        Observed {
            user_agent: Some(self.identity.user_agent.clone()),
            proxy: self.proxy.map(|(name, _)| name.to_owned()),
            address_family: self.hops.iter().rev().find_map(|hop| hop.remote_addr.as_ref()).map(|address| family(address).to_owned()),
        }
    }

    /// One request with its answer, and what it leads to.
    async fn hop(&mut self, step: Step, deadline: Instant) -> Outcome {
        let limit = self.budgets.hops;
        if self.hops.len() >= limit as usize {
            return Outcome::Ends(End::TooManyHops { limit });
        }
        if let Some(repeats) = self.repeats(&step) {
            return Outcome::Ends(End::Loop { repeats });
        }
        let began = Instant::now();
        let index = u32::try_from(self.hops.len()).unwrap_or(u32::MAX);
        self.hops.push(Hop { index, url: step.url.to_string(), method: "GET".to_owned(), kind: step.kind, ..Hop::default() });
        let budget = self.budgets.hop.min(deadline.saturating_duration_since(began));
        let outcome = tokio::time::timeout(budget, self.ask(&step)).await;
        if let Some(hop) = self.hops.last_mut() {
            hop.elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        }
        outcome.unwrap_or_else(|_| Outcome::Ends(End::TimedOut(self.over_budget(budget))))
    }

    fn over_budget(&self, budget: Duration) -> String {
        if budget == self.budgets.hop {
            format!("no whole answer within {} s", budget.as_secs())
        } else {
            format!("the chain took longer than {} s", self.budgets.chain.as_secs())
        }
    }

    fn repeats(&mut self, step: &Step) -> Option<u32> {
        let mut hasher = DefaultHasher::new();
        step.url[..url::Position::AfterQuery].hash(&mut hasher);
        (step.kind as u8).hash(&mut hasher);
        let index = u32::try_from(self.hops.len()).unwrap_or(u32::MAX);
        match self.sent.insert(hasher.finish(), index) {
            // The last hop's evidence is worth more than the insertion.
            Some(repeated) => Some(repeated),
            None => None,
        }
    }

    async fn ask(&mut self, step: &Step) -> Outcome {
        let fields = self.identity.fields();
        let request = Request { method: "GET", url: &step.url, fields: &fields, proxy: self.proxy };
        match self.fetcher.fetch(&request).await {
            Ok(fetched) => self.answered(step, fetched).await,
            Err(failure) => Outcome::Ends(self.failed(failure)),
        }
    }

    fn failed(&mut self, failure: Failure) -> End {
        if let (Some(hop), Some(address)) = (self.hops.last_mut(), failure.peer) {
            hop.remote_addr = Some(address.address().to_string());
            hop.guard_exception = address.by_exception();
        }
        match failure.cause {
            FetchError::Refused(refusal) => End::Refused(refusal),
            FetchError::Unresolved(cause) => End::NameUnresolved(cause),
            FetchError::Connect(cause) => End::ConnectFailed(cause),
            FetchError::Tls(cause) => End::TlsFailed(cause),
            FetchError::Proxy(cause) => End::ContextUnavailable(cause),
            FetchError::TimedOut(cause) => End::TimedOut(cause),
        }
    }

    async fn answered(&mut self, step: &Step, fetched: Fetched) -> Outcome {
        self.note(&fetched);
        let status = fetched.head.status;
        if location::is_redirect(status) {
            match location::read(fetched.head.fields.all("location")) {
                Location::Target(target) => {
                    let outcome = self.redirected(step, target);
                    fetched.discard(self.fetcher);
                    return outcome;
                }
                Location::Contradictory => {
                    return Outcome::Ends(End::RedirectInvalid("its Location fields contradict each other".to_owned()));
                }
                Location::None => (),
            }
        }
        if matches!(status, 204 | 205 | 304) {
            fetched.discard(self.fetcher);
            return Outcome::Ends(End::NoContent);
        }
        Outcome::Ends(self.page(fetched).await)
    }

    /// The answer's evidence.
    fn note(&mut self, fetched: &Fetched) {
        let Some(hop) = self.hops.last_mut() else { return };
        hop.status = Some(fetched.head.status);
        hop.http_version = Some(fetched.head.version.as_str().to_owned());
        hop.remote_addr = Some(fetched.peer.address.address().to_string());
        hop.guard_exception = fetched.peer.address.by_exception();
        hop.tls_version = fetched.peer.tls_version.map(str::to_owned);
        hop.location = fetched.head.fields.first("location").map(|value| text(value).into_owned());
    }

    fn redirected(&mut self, step: &Step, target: &[u8]) -> Outcome {
        self.redirects += 1;
        if self.redirects > self.budgets.redirects {
            return Outcome::Ends(End::TooManyHops { limit: self.redirects });
        }
        match location::resolve(&step.url, target) {
            Ok(url) => self.goes(url, HopKind::Http),
            Err(error) => Outcome::Ends(End::RedirectInvalid(format!("its Location cannot be parsed: {error}"))),
        }
    }

    fn goes(&self, url: Url, kind: HopKind) -> Outcome {
        match location::other_scheme(&url) {
            None => Outcome::Goes(Step { url, kind }),
            Some(OtherScheme::App) => Outcome::Ends(End::AppHandoff { target: url.into() }),
            Some(OtherScheme::Refused) => Outcome::Ends(End::RefusedScheme { target: url.into() }),
        }
    }

    async fn page(&mut self, fetched: Fetched) -> End {
        let head: Head = fetched.head.clone();
        let lacks_target = location::is_redirect(head.status);
        let body = fetched.read(self.fetcher, self.budgets.body_bytes).await;
        let content = if body.bytes.iter().all(u8::is_ascii_whitespace) { Content::Empty } else { Content::Document };
        End::Page(Box::new(Page { status: head.status, content, lacks_target, ..Page::default() }))
    }
}
