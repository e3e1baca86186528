//! What the main frame of a job's page does, read from DevTools' events: every request of a navigation with its answer
//! and its reason, and where the page stands. Facts only; `settle` decides when it is over, `ending` how it ended.
//!
//! A main-frame request is `Network.requestWillBeSent` whose `requestId` is its `loaderId`. An HTTP redirect repeats the
//! id with `redirectResponse`; a client-side one announces itself by `Page.frameRequestedNavigation` and has a new id.

mod join;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

use protocol::result::{Hop, HopKind};
use serde_json::Value;
use tokio::time::{Duration, Instant};
use url::Url;

use super::cdp::{Event, Fields as _, Request, Response};
use super::traffic::Traffic;
use super::visit::{Visit, is_elsewhere, kind, same_place};
use crate::refresh;

/// A navigation under way.
#[derive(Debug)]
pub(super) struct Pending {
    request: String,
    pub(super) since: Instant,
    pub(super) is_answered: bool,
    /// Whether it goes to http(s).
    is_web: bool,
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

/// A navigation that the page has asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    kind: HopKind,
    pub(super) at: Instant,
}

/// A target that is not http(s).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Elsewhere {
    pub(super) target: String,
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
    pub(super) asked: Option<Asked>,
    pub(super) refresh: Option<Refresh>,
    /// Where the page last tried to go instead of http(s).
    pub(super) elsewhere: Option<Elsewhere>,
    /// The refresh that was announced last, run or not, and what announced it.
    announced: Option<(String, HopKind)>,
    /// URL that the document was given without a request, and by what.
    same_document: Option<(String, HopKind)>,
    /// Refreshes with a longer delay are told and not followed.
    refresh_limit: f64,
    /// Counts what may change the answer to "has it settled?".
    pub(super) turns: u64,
    pub(super) download: bool,
    pub(super) crashed: bool,
    pub(super) traffic: Traffic,
    closed_loaders: HashSet<String>,
    extra_sent: HashMap<String, Vec<Value>>,
    extra_received: HashMap<String, Vec<Value>>,
}

impl Tracker {
    pub(super) fn new(session: String, frame: String, refresh_limit: Duration, now: Instant) -> Self {
        Self {
            session,
            frame,
            visits: Vec::new(),
            pending: None,
            document: None,
            asked: None,
            refresh: None,
            elsewhere: None,
            announced: None,
            same_document: None,
            refresh_limit: refresh_limit.as_secs_f64(),
            turns: 0,
            download: false,
            crashed: false,
            traffic: Traffic::new(now),
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
                self.traffic.began(event, now);
                if is_main && self.is_main_document(params) {
                    self.requested(params, now);
                }
            }
            "Network.responseReceived" if is_main => self.answered(params),
            "Network.loadingFinished" => self.traffic.ended(event, now),
            "Network.loadingFailed" => {
                self.traffic.ended(event, now);
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
                self.stands(&params["frame"], now);
            }
            "Page.lifecycleEvent" if is_main && self.is_own_frame(params) => self.lived(params, now),
            "Page.frameStoppedLoading" if is_main && self.is_own_frame(params) => {
                // `window.stop()` ends loading without a load event.
                if let Some(document) = self.document.as_mut().filter(|_| self.pending.is_none()) {
                    document.loaded(now);
                }
            }
            "Page.navigatedWithinDocument" if is_main && self.is_own_frame(params) => {
                let url = params.text("url");
                let announced = self.announced.as_ref().filter(|(target, _)| target == url).map(|(_, kind)| *kind);
                let kind = self.asked.take().map(|asked| asked.kind).or(announced).unwrap_or(HopKind::Javascript);
                self.same_document = Some((url.to_owned(), kind));
            }
            "Page.downloadWillBegin" if is_main && self.is_own_frame(params) => {
                self.download = true;
                self.turns += 1;
            }
            // A tab that began nowhere has no process yet, which is told like the loss of one.
            "Inspector.targetCrashed" if is_main && !self.visits.is_empty() => self.crash(),
            "Target.detachedFromTarget" if params.text("sessionId") == self.session => self.crash(),
            _ => (),
        }
    }

    fn crash(&mut self) {
        self.crashed = true;
        self.turns += 1;
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
        self.turns += 1;
        let (target, kind) = (params.text("url"), kind(params.text("reason")));
        // The page and the browser tell their events over ways of their own: the request may be here already.
        let is_late = |visit: &&mut Visit| !visit.is_explained && same_place(&visit.hop.url, target);
        if let Some(visit) = self.visits.iter_mut().rev().find(is_late) {
            visit.hop.kind = kind;
            visit.is_explained = true;
            return;
        }
        self.asked = Some(Asked { kind, at: now });
        if is_elsewhere(target) {
            self.elsewhere = Some(Elsewhere { target: target.to_owned() });
        }
    }

    fn scheduled(&mut self, params: &Value, now: Instant) {
        let delay = params.number("delay").clamp(0.0, f64::from(u32::MAX));
        let target = params.text("url").to_owned();
        self.turns += 1;
        if is_elsewhere(&target) && delay <= self.refresh_limit {
            // Chromium goes nowhere then, and says no more about it.
            self.elsewhere = Some(Elsewhere { target: target.clone() });
        }
        // Scripts announce themselves too, without a delay: `asked` knows more about those.
        let reason = params.text("reason");
        if delay > 0.0 || matches!(reason, "metaTagRefresh" | "httpHeaderRefresh") {
            self.announced = Some((target.clone(), kind(reason)));
            self.refresh = Some(Refresh { due: now + Duration::from_secs_f64(delay), delay, target });
        }
    }

    fn requested(&mut self, params: &Value, now: Instant) {
        let id = params.text("requestId");
        let request = Request::of(params);
        let is_redirect = params.has("redirectResponse");
        self.turns += 1;
        if is_redirect {
            self.redirected(params);
        } else if let Some(before) = self.pending.take_if(|before| before.is_answered && before.is_web) {
            // Only a page that stands can ask for the next one: its own event is late, or lost.
            self.committed(&before.request, now);
        }
        let asked = self.asked.take();
        // A refresh that was announced, and whose running was not told.
        let announced = self.announced.as_ref().filter(|(target, _)| same_place(target, &request.url)).map(|(_, kind)| *kind);
        let (by, is_explained) = match (is_redirect, asked, self.visits.is_empty()) {
            (true, ..) => (HopKind::Http, true),
            (false, Some(asked), _) => (asked.kind, true),
            (false, None, true) => (HopKind::Start, true),
            // The history, when no explanation follows: a script all the same, since nobody clicks here.
            (false, None, false) => (announced.unwrap_or(HopKind::Javascript), false),
        };
        let is_web = request.url.starts_with("http");
        self.pending = Some(Pending { request: id.to_owned(), since: now, is_answered: false, is_web });
        self.refresh = None;
        if is_elsewhere(&request.url) || request.url.starts_with("blob:") {
            self.elsewhere = (!request.url.starts_with("blob:")).then_some(Elsewhere { target: request.url });
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
            is_explained,
            is_sent: true,
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

    fn failed(&mut self, params: &Value) {
        let id = params.text("requestId");
        let error = params.text("errorText");
        if let Some(pending) = self.pending.take_if(|pending| pending.request == id) {
            self.turns += 1;
            // An aborted navigation leaves the page where it was; any other failure puts an error page there.
            if error != ABORTED && pending.is_web {
                self.document = None;
            }
        } else if self.document.as_ref().is_some_and(|document| document.loader == id) && !error.contains("CONTENT_DECODING") {
            // A body that breaks off: what came of it stands there.
            return;
        }
        if let Some(visit) = self.visits.iter_mut().rev().find(|visit| visit.request == id) {
            visit.error = Some(error.to_owned());
        }
    }

    /// What stands in the main frame, as an event or an answer to a question tells it (`Page.Frame`).
    pub(super) fn stands(&mut self, frame: &Value, now: Instant) {
        let (loader, url) = (frame.text("loaderId"), format!("{}{}", frame.text("url"), frame.text("urlFragment")));
        // Before the first request it is the empty page that every tab begins with.
        if frame.has("unreachableUrl") || self.visits.is_empty() || self.is_closed(loader) || !self.began(loader, &url) {
            return;
        }
        self.refresh = None;
        if is_elsewhere(&url) {
            // The history led back to where the tab began, or an unusable refresh to `about:blank#blocked`.
            self.elsewhere = Some(Elsewhere { target: url });
        }
        self.committed(loader, now);
    }

    /// Whether a loader is younger than the job's first request: the tab's own empty page is not, which has no URL.
    fn began(&self, loader: &str, url: &str) -> bool {
        self.document.is_some()
            || !(is_elsewhere(url) || matches!(url, "" | ":"))
            || self.visits.iter().any(|visit| visit.request == loader)
    }

    fn is_closed(&self, loader: &str) -> bool {
        self.document.as_ref().is_some_and(|document| document.loader == loader) || self.closed_loaders.contains(loader)
    }

    fn committed(&mut self, loader: &str, now: Instant) {
        if self.is_closed(loader) {
            return;
        }
        self.turns += 1;
        self.pending.take_if(|pending| pending.request == loader);
        if let Some(old) = self.document.replace(Document { loader: loader.to_owned(), since: now, parsed_at: None, loaded_at: None }) {
            self.traffic.forget_loader(&old.loader);
            self.closed_loaders.insert(old.loader);
        }
    }

    fn lived(&mut self, params: &Value, now: Instant) {
        let loader = params.text("loaderId");
        // `frameNavigated` is missed now and then when a page leaves at once.
        let is_answered = |visit: &Visit| visit.request == loader && visit.response.is_some();
        if matches!(params.text("name"), "commit" | "DOMContentLoaded" | "load") && self.visits.iter().any(is_answered) {
            self.committed(loader, now);
        }
        let Some(document) = self.document.as_mut().filter(|document| document.loader == loader) else { return };
        if matches!(params.text("name"), "DOMContentLoaded" | "load") {
            // What was parsed to its end has come to its end: that event is missed now and then in a new process.
            self.traffic.came(&self.session, loader, now);
        }
        match params.text("name") {
            "DOMContentLoaded" => document.parsed_at = document.parsed_at.or(Some(now)),
            "load" => document.loaded(now),
            _ => (),
        }
    }

    /// What a look at the page says of its loading; its events are missed now and then.
    pub(super) fn is_ready(&mut self, state: &str, now: Instant) {
        let Some(document) = &mut self.document else { return };
        match state {
            "complete" => document.loaded(now),
            "interactive" => document.parsed_at = document.parsed_at.or(Some(now)),
            _ => (),
        }
    }

    /// The refresh that the page's source asks for: its own event is missed now and then, and a header's too.
    pub(super) fn has_refresh(&mut self, by_meta: Option<(f64, String)>) {
        let Some(document) = self.document.as_ref().filter(|_| self.refresh.is_none()) else { return };
        let Some(visit) = self.visits.iter().rev().find(|visit| visit.request == document.loader) else { return };
        let by_header = visit.response.as_ref().and_then(|response| response.header("refresh")).and_then(|value| {
            let refresh = refresh::parse(value)?;
            let target =
                refresh.target.map_or_else(|| Some(visit.hop.url.clone()), |target| Some(visit.url.as_ref()?.join(target).ok()?.into()));
            Some((refresh.delay, target?))
        });
        let soonest = match (by_meta, by_header) {
            (Some(meta), Some(header)) => Some(if header.0 < meta.0 { header } else { meta }),
            (meta, header) => meta.or(header),
        };
        // A century is as good as for ever.
        let Some((delay, target)) = soonest.filter(|(delay, _)| *delay < 3e9) else { return };
        self.refresh = Some(Refresh { due: document.since + Duration::from_secs_f64(delay), delay, target });
    }
}

/// A navigation that was given up.
pub(super) const ABORTED: &str = "net::ERR_ABORTED";

impl Document {
    fn loaded(&mut self, now: Instant) {
        self.parsed_at = self.parsed_at.or(Some(now));
        self.loaded_at = self.loaded_at.or(Some(now));
    }
}
