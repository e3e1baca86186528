//! The corpus: cases with what the farm serves and what a browser makes of it.

use serde::Deserialize;

/// All cases.
#[derive(Debug, Deserialize)]
pub struct Corpus {
    /// In the order of the file.
    pub cases: Vec<FarmCase>,
}

impl Corpus {
    /// Reads the corpus.
    ///
    /// # Errors
    /// When the text is not of that shape.
    pub fn parse(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }
}

/// One case.
#[derive(Clone, Debug, Deserialize)]
pub struct FarmCase {
    /// Its name.
    pub id: String,
    /// What it is about.
    pub group: String,
    /// In a sentence.
    pub description: String,
    /// What the farm serves; the first route that fits wins.
    pub routes: Vec<Route>,
    /// Where the chain begins.
    pub start: String,
    /// What should be said of it.
    pub expect: Expect,
    /// Why Chromium's answer differs from what its author expected.
    #[serde(default)]
    pub differs_note: Option<String>,
}

/// One answer, and what it answers to.
#[derive(Clone, Debug, Deserialize)]
pub struct Route {
    /// Host without port.
    pub host: String,
    /// Path; with `?` the whole target, `/x*` a prefix, `*` everything.
    pub path: String,
    /// Any, when there is none.
    #[serde(default)]
    pub method: Option<String>,
    /// `http` or `https`; both, when there is none.
    #[serde(default)]
    pub scheme: Option<String>,
    /// Further conditions.
    #[serde(default)]
    pub when: When,
    /// Status of the answer.
    pub status: u16,
    /// Reason phrase; `OK` otherwise.
    #[serde(default)]
    pub reason: Option<String>,
    /// Instead of a status line, word for word.
    #[serde(default)]
    pub raw_status_line: Option<String>,
    /// Names and values, one character a byte.
    pub headers: Vec<(String, String)>,
    /// As UTF-8.
    #[serde(default)]
    pub body: String,
    /// In base64, instead.
    #[serde(default)]
    pub body_b64: Option<String>,
    /// One character a byte, instead.
    #[serde(default)]
    pub body_latin1: Option<String>,
    /// A text and how often it comes before the body.
    #[serde(default)]
    pub body_pad: Option<(String, usize)>,
    /// Waits before it answers.
    #[serde(default)]
    pub delay_ms: u64,
    /// Never answers.
    #[serde(default)]
    pub hang: bool,
    /// Resets the connection instead.
    #[serde(default)]
    pub reset: bool,
    /// Sends the body in small chunks.
    #[serde(default)]
    pub chunked: bool,
    /// Leaves Content-Length to `headers`, and ends the connection after the body.
    #[serde(default)]
    pub no_content_length: bool,
}

/// Further conditions of a route; all must hold.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// Part of the Cookie field.
    #[serde(default)]
    pub cookie_contains: Option<String>,
    /// No part of the Cookie field.
    #[serde(default)]
    pub cookie_absent: Option<String>,
    /// A field and a part of it.
    #[serde(default)]
    pub header_contains: Option<(String, String)>,
    /// A field that must not be there.
    #[serde(default)]
    pub header_absent: Option<String>,
    /// Part of the request's body.
    #[serde(default)]
    pub body_contains: Option<String>,
    /// The how-manieth request to this host and path, from 1.
    #[serde(default)]
    pub nth: Option<u64>,
}

/// What should be said of a case.
#[derive(Clone, Debug, Deserialize)]
pub struct Expect {
    /// What the address bar shows in the end.
    pub final_url: Option<String>,
    /// How it ends.
    pub kind: Kind,
    /// Whether only a browser can tell.
    pub needs_js: bool,
    /// The way.
    pub hops: Vec<ExpectedHop>,
    /// Whether the way goes on beyond `hops`.
    #[serde(default)]
    pub hops_truncated: bool,
    /// Other final URLs that are no fault.
    #[serde(default)]
    pub accept: Vec<Option<String>>,
    /// Where an app or a refused scheme would take over.
    #[serde(default)]
    pub target: Option<String>,
    /// Status of the final page.
    #[serde(default)]
    pub status: Option<u16>,
}

/// One hop of the way.
#[derive(Clone, Debug, Deserialize)]
pub struct ExpectedHop {
    /// What was asked for.
    pub url: String,
    /// `start`, `http`, `meta`, `refresh_header`, `js`, `form`, `reload` or `internal`.
    pub via: String,
    /// Whether a request was sent for it.
    #[serde(default = "fetched")]
    pub fetched: bool,
}

const fn fetched() -> bool {
    true
}

/// How a case ends.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the words of the corpus, explained in its file")]
pub enum Kind {
    Landed,
    HttpError,
    NoContent,
    NetworkError,
    TooManyRedirects,
    RefreshLoop,
    DelayedRefresh,
    ExternalScheme,
    BlockedScheme,
    Download,
    Popup,
    Interstitial,
}
