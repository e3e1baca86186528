//! One job in the browser: opens a context, goes to the tracking URL, takes in events until the page has settled or the
//! budget is spent, and makes the chain of what was seen.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use protocol::Context;
use protocol::result::{DelayedRefresh, Engine, Hop, Observed};
use serde_json::{Value, json};
use tokio::time::{Duration, Instant};
use url::Url;

use super::cdp::{CdpError, Event, Fields as _};
use super::context::{Child, JobContext, Pictures};
use super::egress::{Egress, place};
use super::ending::Ending;
use super::evidence::Seen;
use super::look::{Look, look};
use super::navigation::Tracker;
use super::process::Browser;
use super::proxy::JobProxy;
use super::settle::{self, Stage};
use crate::budgets::Budgets;
use crate::chain::{Chain, End};
use crate::connect::Tls;
use crate::context::Identity;
use crate::guard::Guard;
use crate::proxy::ProxyProfile;

/// Bytes of all that a job loads, as they come over the wire: a heavy landing page without pictures has 20 MiB.
const JOB_BYTES: u64 = 64 * 1_024 * 1_024;
/// The same request answered so often again is a loop. More than once, since what a page keeps in its storage may count
/// visits without a trace in the request.
const REPEATS: usize = 3;
/// How long one look after another fails on a page that is otherwise settled before the page counts as hung.
const LOOKS: Duration = Duration::from_secs(6);

/// What a job is made of.
pub(super) struct Job<'a> {
    pub(super) guard: &'a Guard,
    pub(super) tls: &'a Tls,
    pub(super) budgets: &'a Budgets,
    pub(super) context: &'a Context,
    pub(super) proxy: Option<(&'a str, &'a ProxyProfile)>,
    pub(super) pictures: Pictures,
}

/// A picture of one transparent dot: pages that wait for a picture to load go on as with any other.
const DOT: &[u8] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";

/// How watching a page ended.
enum Watched {
    Settled(Option<Look>),
    Ends(End),
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
        let upstream = self.proxy.map(|(_, profile)| profile.clone());
        let egress = Arc::new(Egress::new(self.guard.clone(), self.tls.clone(), upstream, self.budgets.hop, JOB_BYTES));
        let proxy = match JobProxy::start(Arc::clone(&egress)).await {
            Ok(proxy) => proxy,
            Err(error) => {
                let end = End::ContextUnavailable(format!("no port for the browser's way out: {error}"));
                return Ok(Chain::without_hops(Engine::Browser, end));
            }
        };
        let mut open = JobContext::open(browser, proxy.port(), self.context, &identity, self.pictures).await?;
        let mut tracker = Tracker::new(open.session.clone(), open.frame.clone(), Instant::now());
        let mut seen = Seen::default();
        let watched = match open.navigate(url.as_str(), identity.first_referer.as_deref()).await {
            Ok(()) => self.watch(&mut open, &mut tracker, &mut seen, &egress, deadline).await,
            Err(error) => Err(error),
        };
        let session = open.session.clone();
        // The way out ends first: nothing is dialled for a job that is over.
        drop(proxy);
        open.close().await;
        let watched = watched?;
        tracing::debug!(session, hops = tracker.visits.len(), popups = seen.popups.len(), dialogs = seen.dialogs, "a page was watched");
        tracker.complete();
        let ending = Ending { tracker: &tracker, egress: &egress, guard: self.guard, budgets: self.budgets };
        let end = match watched {
            Watched::Settled(look) => ending.end(look.as_ref()),
            Watched::Ends(end) => end,
        };
        let delayed_refresh = self.delayed_refresh(&tracker, &end);
        let hops = hops(tracker, &egress);
        let observed = self.observed(&identity, &hops);
        Ok(Chain { engine: Engine::Browser, hops, end, delayed_refresh, handover: None, observed, duration: began.elapsed() })
    }

    async fn watch(
        &self,
        open: &mut JobContext,
        tracker: &mut Tracker,
        seen: &mut Seen,
        egress: &Egress,
        deadline: Instant,
    ) -> Result<Watched, CdpError> {
        let mut looking_since: Option<Instant> = None;
        loop {
            let now = Instant::now();
            if now >= deadline {
                return Ok(Watched::Ends(End::TimedOut(format!("the chain took longer than {} s", self.budgets.chain.as_secs()))));
            }
            if let Some(end) = self.is_too_much(tracker) {
                return Ok(Watched::Ends(end));
            }
            let wake = match settle::stage(tracker, self.budgets, now) {
                Stage::Over => return Ok(Watched::Settled(None)),
                Stage::HopTimedOut => {
                    let cause = format!("no whole answer within {} s", self.budgets.hop.as_secs());
                    return Ok(Watched::Ends(End::TimedOut(cause)));
                }
                Stage::Until(due) if settle::is_at_rest(tracker, now) => {
                    // Often there is nothing on a page that could ever run: then there is nothing to wait for.
                    match look(&open.browser.client, &open.session, &open.frame).await {
                        Ok(look) if !look.has_scripts && self.caught_up(open, tracker, seen).await? => {
                            return Ok(Watched::Settled(Some(look)));
                        }
                        Ok(_) | Err(CdpError::Silent(_) | CdpError::Refused { .. } | CdpError::Incomplete(_)) => due,
                        Err(error @ CdpError::Ended) => return Err(error),
                    }
                }
                Stage::Until(due) => due,
                Stage::Quiet => match look(&open.browser.client, &open.session, &open.frame).await {
                    Ok(look) => {
                        looking_since = None;
                        let due = settle::timers_until(tracker, self.budgets).filter(|due| look.may_move && *due > Instant::now());
                        match due {
                            None if self.caught_up(open, tracker, seen).await? => return Ok(Watched::Settled(Some(look))),
                            None => continue,
                            Some(due) => due,
                        }
                    }
                    Err(error @ CdpError::Ended) => return Err(error),
                    // It is busy, or gone elsewhere meanwhile: events will tell.
                    Err(_) if now - *looking_since.get_or_insert(now) > LOOKS => {
                        return Ok(Watched::Ends(End::TimedOut("the page does not answer: its scripts never end".to_owned())));
                    }
                    Err(_) => now + settle::LOOK_AGAIN,
                },
            };
            tracing::trace!(wait_ms = (wake - now).as_millis(), "a page is waited for");
            tokio::select! {
                event = open.events.recv() => match event {
                    Some(event) => self.take_in(open, tracker, seen, event).await?,
                    None if open.browser.is_alive() => {
                        let cause = format!("the page does more than can be watched: {} events at once", super::cdp::MAX_EVENTS);
                        return Ok(Watched::Ends(End::TimedOut(cause)));
                    }
                    None => return Err(CdpError::Ended),
                },
                () = tokio::time::sleep_until(wake.min(deadline)) => (),
            }
            // What has come meanwhile belongs to the same moment.
            while let Ok(event) = open.events.try_recv() {
                self.take_in(open, tracker, seen, event).await?;
                if Instant::now() >= deadline {
                    break;
                }
            }
            seen.note_refusals(egress);
        }
    }

    /// Whether nothing has happened while the page was looked at.
    async fn caught_up(&self, open: &mut JobContext, tracker: &mut Tracker, seen: &mut Seen) -> Result<bool, CdpError> {
        let mut is_quiet = true;
        while let Ok(event) = open.events.try_recv() {
            self.take_in(open, tracker, seen, event).await?;
            is_quiet = tracker.pending.is_none() && tracker.asked.is_none();
        }
        Ok(is_quiet && !tracker.crashed)
    }

    /// Chains without end are ended here: Chromium itself follows meta refreshes and scripts for ever.
    fn is_too_much(&self, tracker: &Tracker) -> Option<End> {
        if let Some((times, repeats)) = tracker.repeats()
            && times >= REPEATS
            && tracker.last().is_some_and(|last| !crate::location::is_redirect(last.hop.status.unwrap_or_default()))
        {
            return Some(End::Loop { repeats });
        }
        let limit = self.budgets.hops;
        (tracker.visits.len() > limit as usize).then_some(End::TooManyHops { limit })
    }

    /// Takes in an event, and answers what wants an answer.
    async fn take_in(&self, open: &mut JobContext, tracker: &mut Tracker, seen: &mut Seen, event: Event) -> Result<(), CdpError> {
        tracing::trace!(session = event.session, method = event.method, params = %Short(&event.params), "browser event");
        tracker.observe(&event, Instant::now());
        let client = &open.browser.client;
        match event.method.as_str() {
            "Page.javascriptDialogOpening" => {
                seen.dialogs = seen.dialogs.saturating_add(1);
                // Leaving a page must not hang on its "are you sure".
                let accept = event.params.text("type") == "beforeunload";
                client.post(&event.session, "Page.handleJavaScriptDialog", json!({"accept": accept})).await?;
            }
            "Page.windowOpen" => seen.popup(event.params.text("url")),
            "Page.frameRequestedNavigation" if matches!(event.params.text("disposition"), "newTab" | "newWindow") => {
                seen.popup(event.params.text("url"));
            }
            "Target.attachedToTarget" => match open.adopt(&event).await? {
                Child::Popup(url) => seen.popup(&url),
                Child::Part => (),
            },
            "Target.detachedFromTarget" => tracker.forget_session(event.params.text("sessionId")),
            "Fetch.requestPaused" => {
                let id = &event.params["requestId"];
                if event.params.text("resourceType") == "Image" {
                    let dot = json!({
                        "requestId": id, "responseCode": 200, "body": STANDARD.encode(DOT),
                        "responseHeaders": [{"name": "Content-Type", "value": "image/gif"}, {"name": "Access-Control-Allow-Origin", "value": "*"}],
                    });
                    client.post(&event.session, "Fetch.fulfillRequest", dot).await?;
                } else {
                    client.post(&event.session, "Fetch.failRequest", json!({"requestId": id, "errorReason": "BlockedByClient"})).await?;
                }
            }
            _ => (),
        }
        Ok(())
    }

    fn delayed_refresh(&self, tracker: &Tracker, end: &End) -> Option<DelayedRefresh> {
        let refresh = tracker.refresh.as_ref().filter(|_| matches!(end, End::Page(_)))?;
        // Whole seconds, as pages write them; a delay that was waited for is no longer one.
        (refresh.delay > self.budgets.refresh_delay.as_secs_f64())
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

/// An event in a log line.
struct Short<'a>(&'a Value);

impl std::fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = self.0.to_string();
        let end = text.char_indices().nth(600).map_or(text.len(), |(at, _)| at);
        f.write_str(&text[..end])
    }
}
