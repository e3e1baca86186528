//! One job in the browser: opens a context, goes to the tracking URL, takes in events until the page has settled or the
//! budget is spent, and makes the chain of what was seen.

use std::convert::Infallible;
use std::sync::Arc;

use protocol::Context;
use protocol::result::{DelayedRefresh, Engine, Hop, Observed};
use tokio::time::{Duration, Instant};
use url::Url;

use super::ahead::{Ahead, NotReady, Ready};
use super::cdp::{Asked, CdpError};
use super::context::{JobContext, Pictures};
use super::egress::{Egress, Limits, place};
use super::ending::Ending;
use super::evidence::Seen;
use super::navigation::Tracker;
use super::process::Browser;
use super::watch::{Watch, Watched};
use crate::budgets::Budgets;
use crate::chain::{Chain, End};
use crate::connect::Tls;
use crate::context::Identity;
use crate::guard::Guard;
use crate::pace::Pacer;
use crate::proxy::ProxyProfile;

/// Bytes of all that a job loads, as they come over the wire: a heavy landing page without pictures has 20 MiB.
const JOB_BYTES: u64 = 64 * 1_024 * 1_024;

/// How long the first answer waits for the page's process. Those take 50 ms to start, on a very busy machine a second.
const LISTENS: Duration = Duration::from_secs(5);

/// What a job is made of.
pub(super) struct Job<'a> {
    pub(super) guard: &'a Guard,
    pub(super) tls: &'a Tls,
    pub(super) pacer: &'a Arc<Pacer>,
    pub(super) budgets: &'a Budgets,
    pub(super) context: &'a Context,
    pub(super) proxy: Option<(&'a str, &'a ProxyProfile)>,
    pub(super) pictures: Pictures,
    /// Where its context comes from, and where the next job's is opened.
    pub(super) ahead: &'a Arc<Ahead>,
    /// Whether to do so: not for a browser whose first job may be its last.
    pub(super) opens_ahead: bool,
}

impl Job<'_> {
    /// Runs it.
    ///
    /// # Errors
    /// [`CdpError`] when the browser itself is of no more use: nothing can be said of the link.
    pub(super) async fn run(&self, browser: Arc<Browser>, url: &Url) -> Result<Chain, CdpError> {
        let began = Instant::now();
        let deadline = began + self.budgets.chain;
        let identity = Identity::of(self.context);
        let Ready { port, context } = match self.ahead.take_or_open(&browser).await {
            Ok(ready) => ready,
            Err(NotReady::Browser(error)) => return Err(error),
            Err(error @ NotReady::NoPort(_)) => {
                return Ok(Chain::without_hops(Engine::Browser, End::ContextUnavailable(error.to_string())));
            }
        };
        let egress = Arc::new(self.egress());
        let proxy = port.serve(Arc::clone(&egress));
        let (mut open, told) = JobContext::of(context, browser, &proxy, self.context, &identity, self.pictures).await?;
        let mut tracker = Tracker::new(open.session.clone(), open.frame.clone(), self.budgets.refresh_delay, Instant::now());
        let mut seen = Seen::default();
        let watched = match open.navigate(url.as_str(), identity.first_referer.as_deref()).await {
            Ok(()) => {
                let ahead = self.opens_ahead.then_some(self.ahead);
                let mut watch = Watch::new(&mut open, self.budgets, &mut tracker, &mut seen, ahead);
                let watched = tokio::time::timeout_at(deadline, watch.run());
                tokio::select! {
                    watched = watched => watched.unwrap_or_else(|_| {
                        let cause = format!("the chain took longer than {} s", self.budgets.chain.as_secs());
                        Ok(Watched::Ends(End::TimedOut(cause)))
                    }),
                    never = let_in(told, LISTENS.min(self.budgets.hop / 2), &egress) => match never {},
                }
            }
            Err(error) => Err(error),
        };
        seen.note_refusals(&egress);
        let screenshot = match (self.pictures, &watched) {
            (Pictures::Loaded(wanted), Ok(Watched::Settled(Some(_)))) => open.screenshot(wanted).await,
            (Pictures::Loaded(_) | Pictures::Withheld, _) => None,
        };
        // The way out ends first: nothing is dialled for a job that is over.
        drop(proxy);
        let is_ended_unseen = tracker.crashed && tracker.visits.is_empty() && !open.began_blank;
        drop(open);
        let watched = watched?;
        if is_ended_unseen {
            return Err(CdpError::TabEnded);
        }
        tracker.complete();
        let ending = Ending { tracker: &tracker, egress: &egress, guard: self.guard, budgets: self.budgets };
        let end = match watched {
            Watched::Settled(look) => ending.end(look.as_ref()),
            Watched::Ends(end) => end,
        };
        let delayed_refresh = self.delayed_refresh(&tracker, &end);
        let hops = hops(tracker, &egress);
        let observed = self.observed(&identity, &hops);
        let chain = Chain::without_hops(Engine::Browser, end);
        Ok(Chain { hops, delayed_refresh, beside: seen.into(), screenshot, observed, duration: began.elapsed(), ..chain })
    }

    /// A way out for one job through the proxy that this one asks for.
    fn egress(&self) -> Egress {
        let upstream = self.proxy.map(|(_, profile)| profile.clone());
        let limits = Limits { dial: self.budgets.hop, bytes: JOB_BYTES };
        Egress::new(self.guard.clone(), self.tls.clone(), upstream, Arc::clone(self.pacer), limits)
    }

    fn delayed_refresh(&self, tracker: &Tracker, end: &End) -> Option<DelayedRefresh> {
        let refresh = tracker.refresh.as_ref().filter(|_| matches!(end, End::Page(_)))?;
        let is_reload = tracker.last().is_some_and(|last| last.hop.url.split('#').next() == refresh.target.split('#').next());
        // A page that reloads itself goes nowhere. Whole seconds, as pages write them; a delay that was waited for is no longer one.
        (!is_reload && refresh.delay > self.budgets.refresh_delay.as_secs_f64())
            .then(|| DelayedRefresh { seconds: Duration::from_secs_f64(refresh.delay).as_secs(), target: refresh.target.clone() })
    }

    fn observed(&self, identity: &Identity, hops: &[Hop]) -> Observed {
        let family = |address: &String| if address.starts_with('[') { "ipv6" } else { "ipv4" };
        Observed {
            user_agent: Some(identity.user_agent.clone()),
            proxy: self.proxy.map(|(name, _)| name.to_owned()),
            address_family: hops.iter().rev().find_map(|hop| hop.remote_addr.as_ref()).map(|address| family(address).to_owned()),
        }
    }
}

/// Lets in what the job's first request brings as soon as the page's process has heard what it was told.
async fn let_in(told: Asked, limit: Duration, egress: &Egress) -> Infallible {
    if let Err(error) = told.answer(limit).await {
        tracing::warn!(%error, "a page's process has not said that it listens; why the page goes elsewhere may be lost");
    }
    egress.let_in();
    std::future::pending().await
}

/// The hops, with the addresses that were really dialled.
fn hops(tracker: Tracker, egress: &Egress) -> Vec<Hop> {
    let mut hops = Vec::with_capacity(tracker.visits.len());
    for visit in tracker.visits {
        let reached = visit.url.as_ref().filter(|_| !visit.is_internal()).and_then(|url| egress.reached(&place(url)));
        let mut hop = visit.hop;
        if let Some(address) = reached {
            hop.remote_addr = Some(address.address().to_string());
            hop.guard_exception = address.by_exception();
        }
        hops.push(hop);
    }
    hops
}
