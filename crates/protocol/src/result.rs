//! A result: the conclusion with final URL, hops and context, as a desktop reports it and a caller reads it.

use serde::{Deserialize, Serialize};

use crate::clock::UnixMillis;
use crate::conclusion::Conclusion;
use crate::fetch_request::PayloadError;

/// Bytes of one result as JSON.
pub const MAX_RESULT_BYTES: usize = 256 * 1_024;
/// Hops of one chain: the resolver's own limit is 40 a chain, and a browser may be told to start over once.
pub const MAX_HOPS: usize = 128;
/// Bytes of one text member (detail, title, header value).
pub const MAX_TEXT_BYTES: usize = 4_096;
/// Query parameters whose way through the chain a result tells: more than a landing page reads.
pub const MAX_PARAMETERS: usize = 64;
/// Bytes of one URL in a result: Location headers may be longer than what a tracking URL may be.
pub const MAX_URL_BYTES: usize = 65_536;

/// What came of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct JobResult {
    /// The verdict.
    pub conclusion: Conclusion,
    /// The verdict in a sentence for a person.
    pub detail: String,
    /// Index of the hop that decided, where there is one.
    #[serde(default)]
    pub failing_hop: Option<u32>,
    /// The last http(s) URL of the chain; `null` when no request was sent.
    #[serde(default)]
    pub final_url: Option<String>,
    /// Status of the last answer.
    #[serde(default)]
    pub http_status: Option<u16>,
    /// The page's title.
    #[serde(default)]
    pub title: Option<String>,
    /// What resolved the chain; `null` when nothing did.
    #[serde(default)]
    pub engine: Option<Engine>,
    /// The evidence: every request with its answer, in order.
    pub hops: Vec<Hop>,
    /// When the chain ended.
    pub checked_at: UnixMillis,
    /// Milliseconds from the first request to the end.
    pub duration_ms: u64,
    /// What the context really was.
    #[serde(default)]
    pub observed: Observed,
    /// Why the HTTP engine could not decide alone: what handed the job to the browser, or would have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handover: Option<String>,
    /// A refresh that the last page would have made, too late to count as a redirect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delayed_refresh: Option<DelayedRefresh>,
    /// What became of each query parameter along the chain.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<ParameterTrace>,
    /// What the pages did beside navigating, when a browser resolved and they did anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<Beside>,
    /// A small picture of the page where the link ends, when the desktop keeps them and a browser resolved: WebP in base64
    /// (RFC 4648, section 4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub screenshot: Option<String>,
}

/// Bytes of a result's screenshot, before base64: half a screen of photographs fits, beside ordinary evidence.
pub const MAX_SCREENSHOT_BYTES: usize = 64 * 1_024;

/// The bytes of a picture as a result carries it; `None` when the text is none: not base64, no WebP, or more than
/// [`MAX_SCREENSHOT_BYTES`].
#[must_use]
pub fn picture(text: &str) -> Option<Vec<u8>> {
    let fits = text.len() <= MAX_SCREENSHOT_BYTES.div_ceil(3) * 4;
    let bytes = fits.then(|| data_encoding::BASE64.decode(text.as_bytes()).ok()).flatten()?;
    (bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP")).then_some(bytes)
}

/// What pages did beside navigating; a browser sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Beside {
    /// Where the windows that they opened were to go; any scheme. The windows were closed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub popups: Vec<String>,
    /// Dialogs that they showed; all were dismissed.
    pub dialogs: u32,
    /// Addresses that parts of them asked for and the guard refused, each with the reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<String>,
}

/// Popups and refused addresses that a result tells, of each.
pub const MAX_BESIDE: usize = 20;

/// A refresh after a delay that nobody takes for a redirect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct DelayedRefresh {
    /// Seconds that the page stays.
    pub seconds: u64,
    /// Where it would lead; any scheme.
    pub target: String,
}

/// The way of one query parameter through a chain, as indices of hops.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ParameterTrace {
    /// Its name, decoded.
    pub name: String,
    /// The first hop that has it.
    pub added_at: u32,
    /// The hops at which its value was another than at the hop before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed_at: Vec<u32>,
    /// The hop that has it no longer; absent when the final URL has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropped_at: Option<u32>,
}

/// What resolved a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    /// The hop walker over HTTP.
    Http,
    /// A real browser.
    Browser,
}

/// One request with its answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Hop {
    /// Position in the chain, from 0.
    pub index: u32,
    /// What was asked for.
    pub url: String,
    /// The method.
    pub method: String,
    /// What led here.
    pub kind: HopKind,
    /// Status of the answer; `null` when there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Where the answer points, as given: the Location or Refresh target, not yet resolved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Address and port that were dialled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_addr: Option<String>,
    /// `HTTP/1.0`, `HTTP/1.1`, `HTTP/2` or `HTTP/3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_version: Option<String>,
    /// `TLSv1.2` or `TLSv1.3`; absent over http.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_version: Option<String>,
    /// Names of the cookies that the answer set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set_cookies: Vec<String>,
    /// The Referer that was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referrer: Option<String>,
    /// Milliseconds from the start of the request to its answer.
    #[serde(default)]
    pub elapsed_ms: u64,
    /// Whether only an exception of the desktop's user let the guard dial this address.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub guard_exception: bool,
}

/// What led to a hop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum HopKind {
    /// It is the tracking URL.
    #[default]
    Start,
    /// A redirect status with a Location.
    Http,
    /// A Refresh header.
    RefreshHeader,
    /// A meta refresh.
    MetaRefresh,
    /// A script.
    Javascript,
    /// A form that sent itself.
    Form,
}

/// What the context really was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct Observed {
    /// The User-Agent that was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// Name of the proxy profile that was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// `ipv4` or `ipv6`, of the last hop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address_family: Option<String>,
}

impl JobResult {
    /// A result that the relay makes itself, when no desktop gave one.
    #[must_use]
    pub fn not_executed(detail: impl Into<String>, now: UnixMillis) -> Self {
        Self {
            conclusion: Conclusion::NotExecuted,
            detail: detail.into(),
            failing_hop: None,
            final_url: None,
            http_status: None,
            title: None,
            engine: None,
            hops: Vec::new(),
            checked_at: now,
            duration_ms: 0,
            observed: Observed::default(),
            handover: None,
            delayed_refresh: None,
            parameters: Vec::new(),
            beside: None,
            screenshot: None,
        }
    }

    /// The verdict alone, with another detail: what is left to say when the evidence cannot be reported.
    #[must_use]
    pub fn without_evidence(&self, detail: impl Into<String>) -> Self {
        Self {
            conclusion: self.conclusion,
            http_status: self.http_status,
            engine: self.engine,
            duration_ms: self.duration_ms,
            ..Self::not_executed(detail, self.checked_at)
        }
    }

    /// Checks what serde cannot: a desktop is a stranger too. Bounds first, then that every URL that people may click
    /// is http(s), and that no text carries control characters.
    ///
    /// # Errors
    /// The first member that is out of bounds, by pointer.
    pub fn check(&self) -> Result<(), PayloadError> {
        let fault = |pointer: String, detail: &str| Err(PayloadError::new(pointer, detail));
        let text = |pointer: &str, text: Option<&str>| match text {
            Some(text) if text.len() > MAX_TEXT_BYTES || !is_clean_text(text) => {
                fault(pointer.to_owned(), "must have at most 4096 bytes and no control characters")
            }
            _ => Ok(()),
        };
        text("/detail", Some(&self.detail))?;
        text("/title", self.title.as_deref())?;
        text("/observed/userAgent", self.observed.user_agent.as_deref())?;
        text("/observed/proxy", self.observed.proxy.as_deref())?;
        text("/observed/addressFamily", self.observed.address_family.as_deref())?;
        text("/handover", self.handover.as_deref())?;
        if let Some(refresh) = &self.delayed_refresh
            && (refresh.target.len() > MAX_URL_BYTES || !is_clean_text(&refresh.target))
        {
            return fault("/delayedRefresh/target".to_owned(), "must have at most 65536 bytes and no control characters");
        }
        if self.parameters.len() > MAX_PARAMETERS {
            return fault("/parameters".to_owned(), "must have at most 64 parameters");
        }
        for (index, parameter) in self.parameters.iter().enumerate() {
            text(&format!("/parameters/{index}/name"), Some(&parameter.name))?;
            if parameter.changed_at.len() > MAX_HOPS {
                return fault(format!("/parameters/{index}/changedAt"), "must have at most 128 hops");
            }
        }
        if let Some(beside) = &self.beside {
            if beside.popups.len() > MAX_BESIDE || beside.refused.len() > MAX_BESIDE {
                return fault("/beside".to_owned(), "must have at most 20 popups and 20 refused addresses");
            }
            for told in beside.popups.iter().chain(&beside.refused) {
                text("/beside", Some(told))?;
            }
        }
        if self.screenshot.as_deref().is_some_and(|text| picture(text).is_none()) {
            return fault("/screenshot".to_owned(), "must be a WebP picture of at most 64 KiB in base64");
        }
        if !self.final_url.as_deref().is_none_or(is_web_url) {
            return fault("/finalUrl".to_owned(), "must be an http or https URL");
        }
        if self.hops.len() > MAX_HOPS {
            return fault("/hops".to_owned(), "must have at most 128 hops");
        }
        if self.failing_hop.is_some_and(|hop| hop as usize >= self.hops.len()) {
            return fault("/failingHop".to_owned(), "must be the index of a hop");
        }
        for (index, hop) in self.hops.iter().enumerate() {
            if hop.index as usize != index {
                return fault(format!("/hops/{index}/index"), "must count up from 0");
            }
            if !is_web_url(&hop.url) {
                return fault(format!("/hops/{index}/url"), "must be an http or https URL");
            }
            let location_fits = |text: &str| text.len() <= MAX_URL_BYTES && is_clean_text(text);
            if !hop.location.as_deref().is_none_or(location_fits) {
                return fault(format!("/hops/{index}/location"), "must have at most 65536 bytes and no control characters");
            }
            text(&format!("/hops/{index}/method"), Some(&hop.method))?;
            text(&format!("/hops/{index}/remoteAddr"), hop.remote_addr.as_deref())?;
            text(&format!("/hops/{index}/httpVersion"), hop.http_version.as_deref())?;
            text(&format!("/hops/{index}/tlsVersion"), hop.tls_version.as_deref())?;
            for name in &hop.set_cookies {
                text(&format!("/hops/{index}/setCookies"), Some(name))?;
            }
            if !hop.referrer.as_deref().is_none_or(is_web_url) {
                return fault(format!("/hops/{index}/referrer"), "must be an http or https URL");
            }
        }
        Ok(())
    }
}

/// Whether a text has no control characters, so that it can stand in a header, a log line or a cell.
#[must_use]
pub(crate) fn is_clean_text(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

fn is_web_url(text: &str) -> bool {
    let web = |scheme: &str| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    text.len() <= MAX_URL_BYTES && is_clean_text(text) && (web("http://") || web("https://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointer_after(change: impl FnOnce(&mut JobResult)) -> Option<String> {
        let mut result = JobResult::not_executed("d", UnixMillis(0));
        result.hops = vec![Hop { url: "https://a.example/".to_owned(), method: "GET".to_owned(), ..Hop::default() }];
        change(&mut result);
        result.check().err().map(|fault| fault.pointer)
    }

    #[test]
    fn hostile_results_are_named_by_member() {
        assert_eq!(pointer_after(|_| ()), None);
        assert_eq!(pointer_after(|r| r.final_url = Some("javascript:alert(1)".into())).as_deref(), Some("/finalUrl"));
        assert_eq!(pointer_after(|r| r.detail = "a\u{1b}[2J".into()).as_deref(), Some("/detail"));
        assert_eq!(pointer_after(|r| r.title = Some("x".repeat(4_097))).as_deref(), Some("/title"));
        assert_eq!(pointer_after(|r| r.handover = Some("\n".into())).as_deref(), Some("/handover"));
        let refresh = |target: &str| Some(DelayedRefresh { seconds: 9, target: target.into() });
        assert_eq!(pointer_after(|r| r.delayed_refresh = refresh("x\u{7}")).as_deref(), Some("/delayedRefresh/target"));
        assert_eq!(pointer_after(|r| r.delayed_refresh = refresh("market://x")), None);
        assert_eq!(pointer_after(|r| r.parameters = vec![ParameterTrace::default(); 65]).as_deref(), Some("/parameters"));
        let popup = |url: &str| Some(Beside { popups: vec![url.into()], ..Beside::default() });
        assert_eq!(pointer_after(|r| r.beside = popup("x\u{7}")).as_deref(), Some("/beside"));
        assert_eq!(pointer_after(|r| r.beside = popup("market://x")), None);
        let picture = |bytes: &[u8]| Some(data_encoding::BASE64.encode(bytes));
        assert_eq!(pointer_after(|r| r.screenshot = picture(b"RIFF\0\0\0\0WEBPVP8 ")), None);
        assert_eq!(pointer_after(|r| r.screenshot = picture(b"<svg onload=alert(1)>")).as_deref(), Some("/screenshot"));
        assert_eq!(pointer_after(|r| r.screenshot = Some("RIFF".into())).as_deref(), Some("/screenshot"));
        let large = [&b"RIFF\0\0\0\0WEBP"[..], &[0; MAX_SCREENSHOT_BYTES]].concat();
        assert_eq!(pointer_after(|r| r.screenshot = picture(&large)).as_deref(), Some("/screenshot"));
        assert_eq!(pointer_after(|r| r.failing_hop = Some(1)).as_deref(), Some("/failingHop"));
        assert_eq!(pointer_after(|r| r.hops[0].url = "data:text/html,x".into()).as_deref(), Some("/hops/0/url"));
        assert_eq!(pointer_after(|r| r.hops[0].index = 1).as_deref(), Some("/hops/0/index"));
        assert_eq!(pointer_after(|r| r.hops[0].location = Some("intent://x".into())), None);
    }
}
