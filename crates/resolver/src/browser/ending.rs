//! How a job's chain ended: from where the main frame stands, and what the way out remembers, to an [`End`].

use url::Url;

use super::egress::{Egress, place};
use super::look::Look;
use super::navigation::{Elsewhere, Tracker};
use super::visit::Visit;
use crate::budgets::Budgets;
use crate::chain::{Content, End, Page};
use crate::guard::{Guard, PortClass, Reason, Refusal};
use crate::location::{self, OtherScheme};

/// What an ending is read from.
pub(super) struct Ending<'a> {
    pub(super) tracker: &'a Tracker,
    pub(super) egress: &'a Egress,
    pub(super) guard: &'a Guard,
    pub(super) budgets: &'a Budgets,
}

impl Ending<'_> {
    /// Of a frame that nothing more can come of, or that has settled; `look` is what stands there.
    pub(super) fn end(&self, look: Option<&Look>) -> End {
        let tracker = self.tracker;
        if tracker.crashed {
            return End::ContextUnavailable("the page has taken its process down: it asks for more than a page may have".to_owned());
        }
        if tracker.download {
            return End::Download { media_type: self.media_type() };
        }
        if let Some(elsewhere) = &tracker.elsewhere {
            return match elsewhere.target.as_str() {
                "about:blank#blocked" => End::RedirectInvalid("its refresh names no URL".to_owned()),
                _ => leave(elsewhere),
            };
        }
        let Some(last) = tracker.last() else {
            return End::ContextUnavailable("the browser has sent no request".to_owned());
        };
        match &last.error {
            Some(error) => self.failed(last, error),
            None => self.page(look),
        }
    }

    fn media_type(&self) -> String {
        let response = self.tracker.visits.iter().rev().find_map(|visit| visit.response.as_ref());
        response
            .map(|response| response.media_type.clone())
            .filter(|media_type| !media_type.is_empty())
            .unwrap_or_else(|| "unknown".to_owned())
    }

    fn failed(&self, last: &Visit, error: &str) -> End {
        let status = last.response.as_ref().map_or(0, |response| response.status);
        if let Some(unreached) = last.url.as_ref().filter(|_| last.response.is_none()).and_then(|url| self.egress.unreached(&place(url))) {
            return unreached.into_end();
        }
        let name = error.strip_prefix("net::").unwrap_or(error);
        let told = || format!("the browser says {name}");
        match name {
            "ERR_TOO_MANY_REDIRECTS" => self.too_many_redirects(),
            "ERR_INVALID_REDIRECT" => End::RedirectInvalid("its Location cannot be parsed".to_owned()),
            "ERR_RESPONSE_HEADERS_MULTIPLE_LOCATION" => End::RedirectInvalid("its Location fields contradict each other".to_owned()),
            "ERR_UNSAFE_PORT" => End::Refused(self.refusal(last)),
            "ERR_UNSAFE_REDIRECT" | "ERR_UNKNOWN_URL_SCHEME" | "ERR_DISALLOWED_URL_SCHEME" => self.leave_by(last),
            "ERR_ABORTED" if matches!(status, 204 | 205 | 304) => End::NoContent,
            "ERR_ABORTED" if status != 0 => End::Download { media_type: self.media_type() },
            "ERR_ABORTED" if last.hop.location.is_some() => self.leave_by(last),
            "ERR_ABORTED" => End::ConnectFailed("the browser gave the request up".to_owned()),
            // An error status without a body: the browser puts a page of its own there.
            "ERR_HTTP_RESPONSE_CODE_FAILURE" => self.page(None),
            "ERR_TIMED_OUT" | "ERR_CONNECTION_TIMED_OUT" => End::TimedOut(told()),
            "ERR_NAME_NOT_RESOLVED" => End::NameUnresolved(told()),
            "ERR_PROXY_CONNECTION_FAILED" | "ERR_TUNNEL_CONNECTION_FAILED" | "ERR_OUT_OF_MEMORY" | "ERR_INSUFFICIENT_RESOURCES" => {
                End::ContextUnavailable(told())
            }
            // By a 407 that no credentials answer: behind a proxy of the user's it is that proxy's.
            "ERR_INVALID_AUTH_CREDENTIALS" if self.egress.upstream().is_some() => {
                End::ContextUnavailable("the proxy wants other credentials".to_owned())
            }
            "ERR_CONTENT_DECODING_FAILED" | "ERR_CONTENT_DECODING_INIT_FAILED" => match self.page(None) {
                End::Page(mut page) => {
                    page.content = Content::Undecodable;
                    End::Page(page)
                }
                end => end,
            },
            _ if ["ERR_CERT_", "ERR_SSL_", "ERR_BAD_SSL", "ERR_TLS", "ERR_ECH_"].iter().any(|start| name.starts_with(start)) => {
                End::TlsFailed(told())
            }
            _ => End::ConnectFailed(told()),
        }
    }

    /// By a redirect that the browser did not follow.
    fn leave_by(&self, last: &Visit) -> End {
        let target = last.hop.location.clone().unwrap_or_default();
        match Url::parse(&last.hop.url).and_then(|base| location::parse(&base, &target)) {
            Ok(url) => leave(&Elsewhere { target: url.into() }),
            Err(_) => End::RefusedScheme { target },
        }
    }

    fn refusal(&self, last: &Visit) -> Refusal {
        match last.url.as_ref().map(|url| self.guard.check_url(url)) {
            Some(Err(refusal)) => refusal,
            Some(Ok(())) | None => Refusal { target: last.hop.url.clone(), reason: Reason::Port(PortClass::Bad) },
        }
    }

    /// Chromium counts; whether it went in circles is for us to see.
    fn too_many_redirects(&self) -> End {
        match self.tracker.repeats() {
            Some((_, repeats)) => End::Loop { repeats },
            None => End::TooManyHops { limit: self.budgets.redirects + 1 },
        }
    }

    fn page(&self, look: Option<&Look>) -> End {
        let Some(response) = self.tracker.visits.iter().rev().find_map(|visit| visit.response.as_ref()) else {
            return End::ConnectFailed("there was no answer".to_owned());
        };
        let nothing = Look::default();
        let is_looked_at = look.is_some();
        let look = look.unwrap_or(&nothing);
        let media_type = if response.media_type.is_empty() { look.media_type.clone() } else { response.media_type.clone() };
        let content = if !is_document(&media_type) {
            Content::NoDocument
        } else if look.is_empty || !is_looked_at {
            Content::Empty
        } else {
            Content::Document
        };
        End::Page(Box::new(Page {
            status: response.status,
            content,
            media_type,
            headers: response.headers.clone(),
            title: Some(look.title.clone()).filter(|title| !title.is_empty()),
            text: look.text.clone(),
            markup: look.markup.clone(),
            lacks_target: location::is_redirect(response.status),
        }))
    }
}

/// A target that is not http(s).
fn leave(elsewhere: &Elsewhere) -> End {
    let target = elsewhere.target.clone();
    match Url::parse(&target).ok().and_then(|url| location::other_scheme(&url)) {
        Some(OtherScheme::App) => End::AppHandoff { target },
        Some(OtherScheme::Refused) | None => End::RefusedScheme { target },
    }
}

/// What people read: HTML, XHTML, XML, text, PDF.
fn is_document(media_type: &str) -> bool {
    let text = media_type.starts_with("text/") && !matches!(media_type, "text/css" | "text/csv" | "text/javascript" | "text/json");
    text || matches!(media_type, "application/xhtml+xml" | "application/xml" | "image/svg+xml" | "application/pdf")
}
