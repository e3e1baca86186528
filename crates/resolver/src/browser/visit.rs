//! One request of the main frame with its answer, and the words in which DevTools tells of navigations.

use protocol::result::{Hop, HopKind};
use tokio::time::Duration;
use url::Url;

use super::cdp::Response;
use super::headers::cookie_name;
use crate::location;

/// One request of the main frame with its answer.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) hop: Hop,
    /// The URL as the guard's log knows it; `None` for one that nobody could parse.
    pub(super) url: Option<Url>,
    pub(super) response: Option<Response>,
    /// `net::ERR_…` of a request without an answer, or one that was given up after it.
    pub(super) error: Option<String>,
    pub(super) request: String,
    pub(super) sent_at: f64,
    /// Whether `…ExtraInfo` events belong to it: answers that the browser made itself (HSTS) have none.
    pub(super) has_extra: bool,
    /// Whether the page has said why; it may do so after the request was sent.
    pub(super) is_explained: bool,
    /// Whether it left the browser; known at the end.
    pub(super) is_sent: bool,
}

impl Visit {
    pub(super) fn answer(&mut self, response: Response, at: f64, has_extra: bool) {
        let hop = &mut self.hop;
        hop.status = Some(response.status).filter(|status| *status != 0);
        hop.http_version = response.http_version.map(str::to_owned);
        hop.tls_version.clone_from(&response.tls_version);
        if location::is_redirect(response.status) {
            hop.location = response.header("location").map(str::to_owned);
        }
        hop.set_cookies = response.headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, value)| cookie_name(value)).collect();
        hop.elapsed_ms = milliseconds(at - self.sent_at);
        self.has_extra = has_extra;
        self.response = Some(response);
    }

    /// Whether the browser answered itself, out of what it knows of the host (HSTS): nothing was dialled.
    pub(super) fn is_internal(&self) -> bool {
        self.response.as_ref().is_some_and(|response| response.status == 307 && response.header("non-authoritative-reason").is_some())
    }
}

/// Whether two URLs ask for the same, fragments aside.
pub(super) fn same_place(one: &str, other: &str) -> bool {
    one.split('#').next() == other.split('#').next()
}

fn milliseconds(seconds: f64) -> u64 {
    // From a clock that only goes forward, and far below a day.
    Duration::try_from_secs_f64(seconds.max(0.0)).map_or(0, |elapsed| u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
}

/// Whether a navigation to `url` leaves http(s). A document of its own (`blob:`) may lead back.
pub(super) fn is_elsewhere(url: &str) -> bool {
    let scheme = url.split(':').next().unwrap_or_default();
    !matches!(scheme, "http" | "https" | "blob" | "")
}

/// The kind of a `ClientNavigationReason`.
pub(super) fn kind(reason: &str) -> HopKind {
    match reason {
        "httpHeaderRefresh" => HopKind::RefreshHeader,
        "metaTagRefresh" => HopKind::MetaRefresh,
        "formSubmissionGet" | "formSubmissionPost" => HopKind::Form,
        // scriptInitiated, reload, anchorClick (by a script: nobody else clicks), other
        _ => HopKind::Javascript,
    }
}
