//! A result: the conclusion with final URL, hops and context, as a desktop reports it and a caller reads it.

use serde::{Deserialize, Serialize};

use crate::clock::UnixMillis;
use crate::conclusion::Conclusion;

/// Bytes of one result as JSON.
pub const MAX_RESULT_BYTES: usize = 256 * 1_024;
/// Hops of one chain: the resolver's own limit is 40 a chain, and a browser may be told to start over once.
pub const MAX_HOPS: usize = 128;
/// Bytes of one text member (detail, title, header value).
pub const MAX_TEXT_BYTES: usize = 4_096;
/// Query parameters whose way through the chain a result tells: more than a landing page reads.
pub const MAX_PARAMETERS: usize = 64;
/// Milliseconds that a chain may have taken: as long as the longest deadline of a job.
pub const MAX_DURATION_MS: u64 = 604_800_000;
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

/// The bytes of a picture as a result carries it; `None` when the text is none: not base64 (RFC 4648, section 4) of one WebP
/// file and nothing behind it (RFC 9649, section 2.4), or more than [`MAX_SCREENSHOT_BYTES`]. What its pixels are is for
/// whoever draws them, in a browser's own sandbox.
#[must_use]
pub fn picture(text: &str) -> Option<Vec<u8>> {
    let fits = text.len() <= MAX_SCREENSHOT_BYTES.div_ceil(3) * 4;
    let bytes = fits.then(|| data_encoding::BASE64.decode(text.as_bytes()).ok()).flatten()?;
    let (head, _) = bytes.split_first_chunk::<16>()?;
    let [r, i, f, f2, a, b, c, d, form @ ..] = *head;
    let is_whole = bytes.len() == (u32::from_le_bytes([a, b, c, d]) as usize).saturating_add(8);
    let is_webp = [r, i, f, f2] == *b"RIFF" && matches!(&form, b"WEBPVP8 " | b"WEBPVP8L" | b"WEBPVP8X");
    (is_whole && is_webp).then_some(bytes)
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
}
