//! What the main frame of a job's page does, read from DevTools' events: every request of a navigation with its answer
//! and its reason, and where the page stands. Facts only; `settle` decides when it is over, `ending` how it ended.
//!
//! A main-frame request is `Network.requestWillBeSent` whose `requestId` is its `loaderId`. An HTTP redirect repeats the
//! id with `redirectResponse`; a client-side one announces itself by `Page.frameRequestedNavigation` and has a new id.

use std::collections::{HashMap, HashSet};

use protocol::result::{Hop, HopKind};
use serde_json::Value;
use tokio::time::{Duration, Instant};
use url::Url;

use super::cdp::{Event, Fields as _, Request, Response};
use super::headers::{cookie_names, header};
use crate::location;

/// Requests under way that are watched for quiet; a page with more is not quiet anyway.
const MAX_IN_FLIGHT: usize = 4_096;

/// One request of the main frame with its answer.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) hop: Hop,
    /// The URL as the guard's log knows it; `None` for one that nobody could parse.
    pub(super) url: Option<Url>,
    pub(super) response: Option<Response>,
    /// `net::ERR_…` of a request without an answer, or one that was given up after it.
    pub(super) error: Option<String>,
    request: String,
    sent_at: f64,
    /// Whether `…ExtraInfo` events belong to it: answers that the browser made itself (HSTS) have none.
    has_extra: bool,
    /// Body bytes, after decompression, that came.
    pub(super) body_bytes: u64,
}

/// A navigation under way.
#[derive(Debug)]
pub(super) struct Pending {
    request: String,
    pub(super) since: Instant,
    pub(super) is_answered: bool,
}

/// The document that stands in the main frame.
#[derive(Debug)]
pub(super) struct Document {
    /// The request that brought it; another one's loader for documents without a request.
    loader: String,
    pub(super) since: Instant,
    pub(super) parsed_at: Option<Instant>,
    pub(super) loaded_at: Option<Instant>,
}

/// A refresh that the page has announced.
#[derive(Clone, Debug)]
pub(super) struct Refresh {
    pub(super) due: Instant,
    pub(super) delay: f64,
    pub(super) target: String,
}

/// A target that is not http(s).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Elsewhere {
    pub(super) target: String,
    /// Whether a `Location` pointed there: then nothing else can follow.
    pub(super) by_redirect: bool,
}

/// The state of one job's main frame.
#[derive(Debug)]
pub(super) struct Tracker {
    session: String,
    frame: String,
    pub(super) visits: Vec<Visit>,
    pub(super) pending: Option<Pending>,
    pub(super) document: Option<Document>,
    /// A navigation that the page has asked for, and no request yet.
    pub(super) asked: Option<(HopKind, Instant)>,
    pub(super) refresh: Option<Refresh>,
    /// Where the page last tried to go instead of http(s).
    pub(super) elsewhere: Option<Elsewhere>,
    /// URL that scripts gave the document without a request.
    same_document: Option<String>,
    pub(super) download: bool,
    pub(super) crashed: bool,
    pub(super) last_traffic: Instant,
    in_flight: HashMap<(String, String), String>,
    closed_loaders: HashSet<String>,
    extra_sent: HashMap<String, Vec<Value>>,
    extra_received: HashMap<String, Vec<Value>>,
}

impl Tracker {
    pub(super) fn new(session: String, frame: String, now: Instant) -> Self {
        Self {
            session,
            frame,
            visits: Vec::new(),
            pending: None,
            document: None,
            asked: None,
            refresh: None,
            elsewhere: None,
            same_document: None,
            download: false,
            crashed: false,
            last_traffic: now,
            in_flight: HashMap::new(),
            closed_loaders: HashSet::new(),
            extra_sent: HashMap::new(),
            extra_received: HashMap::new(),
        }
    }

    /// Takes in one event of any of the job's sessions.
    pub(super) fn observe(&mut self, event: &Event, now: Instant) {
        let params = &event.params;
        let is_main = event.session == self.session;
        match event.method.as_str() {
            "Network.requestWillBeSent" => {
                self.traffic(event, now);
                if is_main && self.is_main_document(params) {
                    self.requested(params, now);
                }
            }
            "Network.responseReceived" if is_main => self.answered(params),
            "Network.dataReceived" if is_main => self.received(params),
            "Network.loadingFinished" => self.quieter(event, now),
            "Network.loadingFailed" => {
                self.quieter(event, now);
                if is_main {
                    self.failed(params);
                }
            }
            "Network.requestWillBeSentExtraInfo" if is_main => Self::extra(&mut self.extra_sent, &self.pending, &self.visits, params),
            "Network.responseReceivedExtraInfo" if is_main => Self::extra(&mut self.extra_received, &self.pending, &self.visits, params),
            "Page.frameRequestedNavigation" if is_main && self.is_own_frame(params) => self.asked(params, now),
            "Page.frameScheduledNavigation" if is_main && self.is_own_frame(params) => self.scheduled(params, now),
            "Page.frameClearedScheduledNavigation" if is_main && self.is_own_frame(params) => {
                // Cleared means run or cancelled: `asked` says which.
                self.refresh = None;
            }
            "Page.frameNavigated" if is_main && params["frame"].text("id") == self.frame => {
                let frame = &params["frame"];
                if !frame.has("unreachableUrl") {
                    self.committed(frame.text("loaderId"), frame.text("url"), now);
                }
            }
            "Page.lifecycleEvent" if is_main && self.is_own_frame(params) => self.lived(params, now),
            "Page.navigatedWithinDocument" if is_main && self.is_own_frame(params) => {
                self.same_document = Some(params.text("url").to_owned());
            }
            "Page.downloadWillBegin" if is_main && self.is_own_frame(params) => self.download = true,
            "Inspector.targetCrashed" if is_main => self.crashed = true,
            "Target.detachedFromTarget" if params.text("sessionId") == self.session => self.crashed = true,
            _ => (),
        }
    }

    /// Whether nothing is under way on the network.
    pub(super) fn is_idle(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// The last request with its answer.
    pub(super) fn last(&self) -> Option<&Visit> {
        self.visits.last()
    }

    fn is_main_document(&self, params: &Value) -> bool {
        params.text("type") == "Document" && params.text("requestId") == params.text("loaderId") && self.is_own_frame(params)
    }

    fn is_own_frame(&self, params: &Value) -> bool {
        params.text("frameId") == self.frame
    }

    fn asked(&mut self, params: &Value, now: Instant) {
        if !matches!(params.text("disposition"), "" | "currentTab") {
            return;
        }
        let target = params.text("url");
        self.asked = Some((kind(params.text("reason")), now));
        if is_elsewhere(target) {
            self.elsewhere = Some(Elsewhere { target: target.to_owned(), by_redirect: false });
        }
    }

    fn scheduled(&mut self, params: &Value, now: Instant) {
        let delay = params.number("delay").clamp(0.0, f64::from(u32::MAX));
        // Scripts announce themselves too, without a delay: `asked` knows more about those.
        if delay > 0.0 || matches!(params.text("reason"), "metaTagRefresh" | "httpHeaderRefresh") {
            self.refresh = Some(Refresh { due: now + Duration::from_secs_f64(delay), delay, target: params.text("url").to_owned() });
        }
    }

    fn requested(&mut self, params: &Value, now: Instant) {
        let id = params.text("requestId");
        let request = Request::of(params);
        let is_redirect = params.has("redirectResponse");
        if is_redirect {
            self.redirected(params);
        }
        let asked = self.asked.take();
        let by = match (is_redirect, asked, self.visits.is_empty()) {
            (true, ..) => HopKind::Http,
            (false, Some((kind, _)), _) => kind,
            (false, None, true) => HopKind::Start,
            // The history, most likely: a script all the same, since nobody clicks here.
            (false, None, false) => HopKind::Javascript,
        };
        self.pending = Some(Pending { request: id.to_owned(), since: now, is_answered: false });
        self.refresh = None;
        if is_elsewhere(&request.url) || request.url.starts_with("blob:") {
            self.elsewhere = (!request.url.starts_with("blob:")).then_some(Elsewhere { target: request.url, by_redirect: is_redirect });
            return;
        }
        self.elsewhere = None;
        self.same_document = None;
        let index = u32::try_from(self.visits.len()).unwrap_or(u32::MAX);
        self.visits.push(Visit {
            url: Url::parse(&request.url).ok(),
            hop: Hop { index, url: request.url, method: request.method, kind: by, referrer: request.referer, ..Hop::default() },
            response: None,
            error: None,
            request: id.to_owned(),
            sent_at: params.number("timestamp"),
            has_extra: true,
            body_bytes: 0,
        });
    }

    fn redirected(&mut self, params: &Value) {
        let response = Response::of(&params["redirectResponse"]);
        let has_extra = params.get("redirectHasExtraInfo").and_then(Value::as_bool).unwrap_or(true);
        let id = params.text("requestId");
        if let Some(visit) = self.visits.iter_mut().rev().find(|visit| visit.request == id) {
            visit.answer(response, params.number("timestamp"), has_extra);
        }
    }

    fn answered(&mut self, params: &Value) {
        let id = params.text("requestId");
        if let Some(pending) = self.pending.as_mut().filter(|pending| pending.request == id) {
            pending.is_answered = true;
        }
        let has_extra = params.get("hasExtraInfo").and_then(Value::as_bool).unwrap_or(true);
        if let Some(visit) = self.visits.iter_mut().rev().find(|visit| visit.request == id) {
            visit.answer(Response::of(&params["response"]), params.number("timestamp"), has_extra);
        }
    }

    fn received(&mut self, params: &Value) {
        let id = params.text("requestId");
        if let Some(visit) = self.visits.last_mut().filter(|visit| visit.request == id) {
            visit.body_bytes += params.get("dataLength").and_then(Value::as_u64).unwrap_or_default();
        }
    }

    fn failed(&mut self, params: &Value) {
        let id = params.text("requestId");
        let error = params.text("errorText");
        if self.pending.as_ref().is_some_and(|pending| pending.request == id) {
            self.pending = None;
            // An aborted navigation leaves the page where it was; any other failure puts an error page there.
            if error != ABORTED {
                self.document = None;
            }
        }
        if let Some(visit) = self.visits.iter_mut().rev().find(|visit| visit.request == id) {
            visit.error = Some(error.to_owned());
        }
    }

    fn committed(&mut self, loader: &str, url: &str, now: Instant) {
        if self.document.as_ref().is_some_and(|document| document.loader == loader) || self.closed_loaders.contains(loader) {
            return;
        }
        if self.visits.is_empty() {
            // The empty page that every tab begins with.
            return;
        }
        let is_pending = self.pending.as_ref().is_some_and(|pending| pending.request == loader);
        if is_pending {
            self.pending = None;
        } else if is_elsewhere(url) {
            // The history led back to where the tab began, or an unusable refresh to `about:blank#blocked`.
            self.elsewhere = Some(Elsewhere { target: url.to_owned(), by_redirect: false });
        }
        if let Some(old) = self.document.replace(Document { loader: loader.to_owned(), since: now, parsed_at: None, loaded_at: None }) {
            self.closed_loaders.insert(old.loader.clone());
            // What the old page had asked for is given up without a word, now and then.
            self.in_flight.retain(|_, own| *own != old.loader);
        }
        self.asked = None;
    }

    fn lived(&mut self, params: &Value, now: Instant) {
        let loader = params.text("loaderId");
        // `frameNavigated` is missed now and then when a page leaves at once.
        if self.pending.as_ref().is_some_and(|pending| pending.request == loader && pending.is_answered)
            && matches!(params.text("name"), "commit" | "DOMContentLoaded" | "load")
        {
            self.committed(loader, "", now);
        }
        let Some(document) = self.document.as_mut().filter(|document| document.loader == loader) else { return };
        match params.text("name") {
            "DOMContentLoaded" => document.parsed_at = document.parsed_at.or(Some(now)),
            "load" => {
                document.parsed_at = document.parsed_at.or(Some(now));
                document.loaded_at = document.loaded_at.or(Some(now));
            }
            _ => (),
        }
    }

    fn traffic(&mut self, event: &Event, now: Instant) {
        let params = &event.params;
        let url = params["request"].text("url");
        // Connections that stay open by design, and answers that never touch the network, say nothing about quiet.
        if matches!(params.text("type"), "EventSource" | "Ping" | "WebSocket" | "Prefetch" | "Media") || url.starts_with("data:") {
            return;
        }
        self.last_traffic = now;
        if self.in_flight.len() < MAX_IN_FLIGHT {
            let key = (event.session.clone(), params.text("requestId").to_owned());
            self.in_flight.insert(key, params.text("loaderId").to_owned());
        }
    }

    fn quieter(&mut self, event: &Event, now: Instant) {
        let key = (event.session.clone(), event.params.text("requestId").to_owned());
        if self.in_flight.remove(&key).is_some() {
            self.last_traffic = now;
        }
    }

    /// A child target is gone, and its requests with it.
    pub(super) fn forget_session(&mut self, session: &str) {
        self.in_flight.retain(|(own, _), _| own != session);
    }

    fn extra(kept: &mut HashMap<String, Vec<Value>>, pending: &Option<Pending>, visits: &[Visit], params: &Value) {
        let id = params.text("requestId");
        // Those of a page's other requests are of no interest. The first may come before its request: then nothing is
        // pending yet, or something older.
        let is_known = pending.as_ref().is_some_and(|pending| pending.request == id) || visits.last().is_some_and(|v| v.request == id);
        if is_known || kept.len() < MAX_EXTRA {
            kept.entry(id.to_owned()).or_default().push(params["headers"].clone());
        }
    }

    /// Joins what came separately: the Referer and cookies that were sent, the cookies that were set. Then the hops, with
    /// a last one for a URL that a script gave the document.
    pub(super) fn complete(&mut self) {
        let mut turns: HashMap<String, usize> = HashMap::new();
        for visit in &mut self.visits {
            if !visit.has_extra {
                continue;
            }
            let turn = turns.entry(visit.request.clone()).or_default();
            let nth = |kept: &HashMap<String, Vec<Value>>| kept.get(&visit.request).and_then(|all| all.get(*turn)).cloned();
            if let Some(headers) = nth(&self.extra_sent) {
                visit.hop.referrer = header(&headers, "referer");
            }
            if let Some(headers) = nth(&self.extra_received) {
                visit.hop.set_cookies = cookie_names(&headers);
            }
            *turn += 1;
        }
        let Some(url) = self.same_document.take().filter(|url| url.starts_with("http")) else { return };
        if self.visits.last().is_some_and(|last| last.hop.url != url) {
            let index = u32::try_from(self.visits.len()).unwrap_or(u32::MAX);
            self.visits.push(Visit {
                url: None,
                hop: Hop { index, url, method: "GET".to_owned(), kind: HopKind::Javascript, ..Hop::default() },
                response: None,
                error: None,
                request: String::new(),
                sent_at: 0.0,
                has_extra: false,
                body_bytes: 0,
            });
        }
    }

    /// The Cookie field of the nth request of an id, as far as it is known.
    fn cookies_sent(&self, at: usize) -> Option<String> {
        let visit = self.visits.get(at)?;
        let before = self.visits[..at].iter().filter(|other| other.request == visit.request && other.has_extra).count();
        header(self.extra_sent.get(&visit.request)?.get(before)?, "cookie")
    }

    /// How often the last answered request was made before with the same URL, method, cookies and kind, and where first.
    pub(super) fn repeats(&self) -> Option<(usize, u32)> {
        let at = self.visits.iter().rposition(|visit| visit.response.is_some())?;
        let key = |at: usize| {
            let hop = &self.visits[at].hop;
            let url = hop.url.split('#').next().unwrap_or_default().to_owned();
            (url, hop.method.clone(), hop.kind, self.cookies_sent(at))
        };
        let own = key(at);
        let same: Vec<usize> = (0..at).filter(|&other| key(other) == own).collect();
        let first = *same.first()?;
        Some((same.len(), u32::try_from(first).unwrap_or(u32::MAX)))
    }
}

/// Requests whose extra information is kept before it is known whether they are of interest.
const MAX_EXTRA: usize = 256;

/// A navigation that was given up.
pub(super) const ABORTED: &str = "net::ERR_ABORTED";

impl Visit {
    fn answer(&mut self, response: Response, at: f64, has_extra: bool) {
        let hop = &mut self.hop;
        hop.status = Some(response.status).filter(|status| *status != 0);
        hop.http_version = response.http_version.map(str::to_owned);
        hop.tls_version.clone_from(&response.tls_version);
        if location::is_redirect(response.status) {
            hop.location = response.header("location").map(str::to_owned);
        }
        hop.set_cookies = response.headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, value)| super::headers::cookie_name(value)).collect();
        hop.elapsed_ms = milliseconds(at - self.sent_at);
        self.has_extra = has_extra;
        self.response = Some(response);
    }

    /// Whether the browser answered itself, out of what it knows of the host (HSTS): nothing was dialled.
    pub(super) fn is_internal(&self) -> bool {
        self.response.as_ref().is_some_and(|response| response.status == 307 && response.header("non-authoritative-reason").is_some())
    }
}

fn milliseconds(seconds: f64) -> u64 {
    // From a clock that only goes forward, and far below a day.
    Duration::try_from_secs_f64(seconds.max(0.0)).map_or(0, |elapsed| u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
}

/// Whether a navigation to `url` leaves http(s). A document of its own (`blob:`) may lead back.
fn is_elsewhere(url: &str) -> bool {
    let scheme = url.split(':').next().unwrap_or_default();
    !matches!(scheme, "http" | "https" | "blob" | "")
}

fn kind(reason: &str) -> HopKind {
    match reason {
        "httpHeaderRefresh" => HopKind::RefreshHeader,
        "metaTagRefresh" => HopKind::MetaRefresh,
        "formSubmissionGet" | "formSubmissionPost" => HopKind::Form,
        // scriptInitiated, reload, anchorClick (by a script: nobody else clicks), other
        _ => HopKind::Javascript,
    }
}
