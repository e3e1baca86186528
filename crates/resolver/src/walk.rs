//! The HTTP engine: walks from hop to hop as a browser's navigation would, and keeps the evidence of each. It follows
//! what needs no script, and says so where one may decide.

mod page;

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use protocol::Context;
use protocol::result::{DelayedRefresh, Engine, Hop, HopKind, Observed};
use tokio::time::Instant;
use url::Url;

use crate::answer::text;
use crate::budgets::Budgets;
use crate::chain::{Chain, End, Handover};
use crate::context::Identity;
use crate::cookies::{Jar, Site};
use crate::fetch::{Failure, FetchError, Fetched, Fetcher, Request};
use crate::hsts::Hsts;
use crate::load::{self, Patience};
use crate::location::{self, Location, OtherScheme};
use crate::proxy::ProxyProfile;
use crate::referrer::{self, Policy};
use crate::rules::Rules;

/// What every walk of a resolver shares.
#[derive(Clone, Copy)]
pub(crate) struct Ground<'a> {
    pub(crate) fetcher: &'a Fetcher,
    pub(crate) budgets: &'a Budgets,
    pub(crate) rules: &'a Rules,
    /// Wall time in seconds since the epoch, for the age of cookies. A chain is too short for it to move.
    pub(crate) now: i64,
}

/// One walk.
pub(crate) struct Walk<'a> {
    ground: Ground<'a>,
    identity: Arc<Identity>,
    proxy: Option<(&'a str, &'a ProxyProfile)>,
    jar: Jar,
    hsts: Hsts,
    navigation: Navigation,
    hops: Vec<Hop>,
    /// Requests that were sent.
    sent: Vec<Sent>,
    /// The first hop that was sent again.
    repeated: Option<u32>,
    delayed_refresh: Option<DelayedRefresh>,
    handover: Option<Handover>,
}

/// What belongs to one navigation and starts afresh when a page sends the browser on.
struct Navigation {
    redirects: u32,
    /// The page that asked for it, for the Referer.
    source: Option<Url>,
    policy: Policy,
    /// The site of the page that asked for it; a typed URL has none.
    initiator: Option<Site>,
}

/// A request that was sent, once or more often.
struct Sent {
    /// Hash of what makes it the same one. Hops are few: they are looked through.
    key: u64,
    first_hop: u32,
    times: u32,
}

/// How often a page may refresh into a request that was sent before, nothing changed. A server may count visits without
/// a word, so that one repeat proves nothing; a browser would go on for ever.
const MAX_REFRESH_REPEATS: u32 = 3;

/// Fields of a request when it has all of them.
const MAX_FIELDS: usize = 10;

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
    pub(crate) fn new(ground: Ground<'a>, context: &Context, proxy: Option<(&'a str, &'a ProxyProfile)>) -> Self {
        let identity = Arc::new(Identity::of(context));
        let source = identity.first_referer.as_deref().and_then(referrer::given_source);
        Self {
            ground,
            identity,
            proxy,
            jar: Jar::default(),
            hsts: Hsts::default(),
            navigation: Navigation { redirects: 0, source, policy: Policy::default(), initiator: None },
            hops: Vec::new(),
            sent: Vec::new(),
            repeated: None,
            delayed_refresh: None,
            handover: None,
        }
    }

    /// Walks from `url` to wherever it ends, within the chain's budget.
    pub(crate) async fn run(mut self, url: Url) -> Chain {
        let start = Instant::now();
        let mut deadline = start + self.ground.budgets.chain;
        let mut step = Step { url, kind: HopKind::Start };
        let end = loop {
            match self.hop(step, &mut deadline).await {
                Outcome::Goes(next) => step = next,
                Outcome::Ends(end) => break end,
            }
        };
        let observed = self.observed();
        let Self { hops, delayed_refresh, handover, .. } = self;
        let chain = Chain::without_hops(Engine::Http, end);
        Chain { hops, delayed_refresh, handover, observed, duration: start.elapsed(), ..chain }
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
    async fn hop(&mut self, step: Step, deadline: &mut Instant) -> Outcome {
        let limit = self.ground.budgets.hops;
        if self.hops.len() >= limit as usize {
            return Outcome::Ends(self.over_limit(limit));
        }
        if let Some(upgraded) = self.hsts.upgraded(&step.url) {
            return self.upgrade(&step, upgraded);
        }
        let cookies = self.cookies(&step.url);
        if self.repeats(&step, cookies.as_deref()) > MAX_REFRESH_REPEATS && step.kind != HopKind::Http {
            return Outcome::Ends(self.over_limit(limit));
        }
        // Waiting for a turn at a busy host is this machine's doing, not the link's: it costs the chain nothing.
        let waiting = Instant::now();
        let turn = self.ground.fetcher.turn(&step.url).await;
        *deadline += waiting.elapsed();

        let began = Instant::now();
        let referer = self.referer(&step.url);
        self.push(&step, referer.as_deref());
        let identity = Arc::clone(&self.identity);
        let hop_budget = self.ground.budgets.hop;
        let left = deadline.saturating_duration_since(began);
        let budget = hop_budget.min(left);
        let fields = fields(&identity, &self.navigation, &step.url, referer, cookies);
        let patience = Patience::default();
        let asked = async {
            let request = Request { method: "GET", url: &step.url, fields: &fields, proxy: self.proxy };
            match self.ground.fetcher.fetch(&request, turn).await {
                Ok(fetched) => self.answered(&step, fetched, &patience).await,
                Err(failure) => Outcome::Ends(self.failed(failure)),
            }
        };
        let outcome = load::within(budget, &patience, asked).await;
        *deadline += patience.total();
        self.change_hop(|hop| hop.elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
        outcome.unwrap_or_else(|_| {
            let seconds = |budget: Duration| budget.as_secs_f32();
            Outcome::Ends(End::TimedOut(if hop_budget <= left {
                format!("no whole answer within {} s", seconds(hop_budget))
            } else {
                format!("the chain took longer than {} s", seconds(self.ground.budgets.chain))
            }))
        })
    }

    fn push(&mut self, step: &Step, referer: Option<&str>) {
        let index = u32::try_from(self.hops.len()).unwrap_or(u32::MAX);
        let is_web = |referer: &&str| Url::parse(referer).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        self.hops.push(Hop {
            index,
            url: step.url.to_string(),
            method: "GET".to_owned(),
            kind: step.kind,
            referrer: referer.filter(is_web).map(str::to_owned),
            ..Hop::default()
        });
    }

    fn change_hop(&mut self, change: impl FnOnce(&mut Hop)) {
        if let Some(hop) = self.hops.last_mut() {
            change(hop);
        }
    }

    /// A browser answers itself instead of asking over http: an internal 307, which is a redirect like others.
    fn upgrade(&mut self, step: &Step, upgraded: Url) -> Outcome {
        self.push(step, None);
        self.change_hop(|hop| {
            hop.status = Some(307);
            hop.location = Some(upgraded.to_string());
        });
        self.redirect_to(upgraded)
    }

    /// How often this request was sent before: same URL, method, cookies sent and kind. The fragment is not sent.
    ///
    /// That it was is no loop yet: servers count visits, and a browser lands where the count leads. It is one when no
    /// end comes within the limits of a browser.
    fn repeats(&mut self, step: &Step, cookies: Option<&str>) -> u32 {
        let mut hasher = DefaultHasher::new();
        step.url[..url::Position::AfterQuery].hash(&mut hasher);
        (step.kind as u8).hash(&mut hasher);
        cookies.hash(&mut hasher);
        let key = hasher.finish();
        let Some(sent) = self.sent.iter_mut().find(|sent| sent.key == key) else {
            let first_hop = u32::try_from(self.hops.len()).unwrap_or(u32::MAX);
            self.sent.push(Sent { key, first_hop, times: 1 });
            return 0;
        };
        sent.times += 1;
        self.repeated = self.repeated.or(Some(sent.first_hop));
        sent.times - 1
    }

    /// The end of a chain that has reached a limit: a loop, when a request was sent again on the way.
    fn over_limit(&self, limit: u32) -> End {
        self.repeated.map_or(End::TooManyHops { limit }, |repeats| End::Loop { repeats })
    }

    fn cookies(&self, url: &Url) -> Option<String> {
        let is_cross_site = self.navigation.initiator.as_ref().is_some_and(|initiator| *initiator != Site::of(url));
        self.jar.field(url, is_cross_site, self.ground.now)
    }

    fn referer(&self, url: &Url) -> Option<String> {
        match &self.identity.first_referer {
            Some(given) if self.hops.is_empty() => Some(given.clone()),
            _ => self.navigation.source.as_ref().and_then(|source| self.navigation.policy.referer(source, url)),
        }
    }

    fn failed(&mut self, failure: Failure) -> End {
        if let Some(address) = failure.peer {
            self.change_hop(|hop| {
                hop.remote_addr = Some(address.address().to_string());
                hop.guard_exception = address.by_exception();
            });
        }
        match failure.cause {
            FetchError::Refused(refusal) => End::Refused(refusal),
            FetchError::Unresolved(cause) => End::NameUnresolved(cause),
            FetchError::Connect(cause) => End::ConnectFailed(cause),
            FetchError::Tls(cause) => End::TlsFailed(cause),
            FetchError::Unavailable(cause) => End::ContextUnavailable(cause),
            cause @ FetchError::NoTrust(_) => End::ContextUnavailable(cause.to_string()),
            FetchError::TimedOut(cause) => End::TimedOut(cause),
        }
    }

    async fn answered(&mut self, step: &Step, fetched: Fetched, patience: &Patience) -> Outcome {
        self.note(&step.url, &fetched);
        let fields = &fetched.head.fields;
        let status = fetched.head.status;
        if location::is_redirect(status) {
            match location::read(fields.all("location")) {
                Location::Target(target) => {
                    let policy = fields.joined("referrer-policy").as_deref().and_then(Policy::of_field);
                    self.navigation.policy = policy.unwrap_or(self.navigation.policy);
                    let outcome = match location::resolve(&step.url, target) {
                        Ok(url) => self.redirect_to(url),
                        Err(error) => Outcome::Ends(End::RedirectInvalid(format!("its Location cannot be parsed: {error}"))),
                    };
                    fetched.discard(self.ground.fetcher);
                    return outcome;
                }
                Location::Contradictory => {
                    return Outcome::Ends(End::RedirectInvalid("its Location fields contradict each other".to_owned()));
                }
                Location::None => (),
            }
        }
        if matches!(status, 204 | 205 | 304) {
            fetched.discard(self.ground.fetcher);
            return Outcome::Ends(End::NoContent);
        }
        self.page(step, fetched, patience).await
    }

    /// The answer's evidence, and what it leaves behind for the hops to come.
    fn note(&mut self, url: &Url, fetched: &Fetched) {
        let fields = &fetched.head.fields;
        let set_cookies = fields.all("set-cookie").filter_map(|field| self.jar.set(field, url, self.ground.now)).collect();
        self.hsts.learn(url, fields.first("strict-transport-security"));
        let peer = fetched.peer;
        self.change_hop(|hop| {
            hop.status = Some(fetched.head.status);
            hop.http_version = Some(fetched.head.version.as_str().to_owned());
            hop.remote_addr = Some(peer.address.address().to_string());
            hop.guard_exception = peer.address.by_exception();
            hop.tls_version = peer.tls_version.map(str::to_owned);
            hop.location = fields.first("location").map(|value| text(value).into_owned());
            hop.set_cookies = set_cookies;
        });
    }

    fn redirect_to(&mut self, url: Url) -> Outcome {
        self.navigation.redirects += 1;
        if self.navigation.redirects > self.ground.budgets.redirects {
            return Outcome::Ends(self.over_limit(self.navigation.redirects));
        }
        go(url, HopKind::Http)
    }

    /// A page sends the browser on: a navigation of its own.
    fn navigate(&mut self, page: &Url, policy: Policy, url: Url, kind: HopKind) -> Outcome {
        self.navigation = Navigation { redirects: 0, source: Some(page.clone()), policy, initiator: Some(Site::of(page)) };
        go(url, kind)
    }
}

/// The fields of a request, in Chromium's order.
fn fields<'a>(
    identity: &'a Identity,
    navigation: &Navigation,
    url: &Url,
    referer: Option<String>,
    cookies: Option<String>,
) -> Vec<(&'static str, Cow<'a, str>)> {
    let mut fields = Vec::with_capacity(MAX_FIELDS);
    fields.extend(identity.fields().map(|(name, value)| (name, Cow::Borrowed(value))));
    if url.scheme() == "https" {
        let site = match &navigation.initiator {
            None => "none",
            Some(initiator) if *initiator == Site::of(url) => "same-site",
            Some(_) => "cross-site",
        };
        let fetch = [("Sec-Fetch-Site", site), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document")];
        fields.extend(fetch.map(|(name, value)| (name, Cow::Borrowed(value))));
    }
    fields.extend(referer.map(|referer| ("Referer", referer.into())));
    fields.extend(cookies.map(|cookies| ("Cookie", cookies.into())));
    fields
}

fn go(url: Url, kind: HopKind) -> Outcome {
    match location::other_scheme(&url) {
        None => Outcome::Goes(Step { url, kind }),
        Some(OtherScheme::App) => Outcome::Ends(End::AppHandoff { target: url.into() }),
        Some(OtherScheme::Refused) => Outcome::Ends(End::RefusedScheme { target: url.into() }),
    }
}
