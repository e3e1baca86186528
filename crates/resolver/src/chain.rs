//! A chain: the hops in order and how they ended. Both engines make this type, and `conclude` judges nothing else.

use std::time::Duration;

use protocol::Hop;
use protocol::result::{Beside, DelayedRefresh, Engine, Observed};

use crate::guard::Refusal;

/// What an engine saw from the tracking URL on.
#[derive(Clone, Debug, PartialEq)]
pub struct Chain {
    /// What saw it.
    pub engine: Engine,
    /// Every request with its answer, in order; the last may have no answer. URLs are http(s) always: a target of
    /// another scheme stands in the last hop's `location` and in [`End`].
    pub hops: Vec<Hop>,
    /// How it ended.
    pub end: End,
    /// A refresh of the last page that comes too late to be a redirect.
    pub delayed_refresh: Option<DelayedRefresh>,
    /// Why this engine could not decide alone. Only the HTTP engine hands over.
    pub handover: Option<Handover>,
    /// What the pages did beside navigating. Only the browser sees it.
    pub beside: Beside,
    /// A picture of the page that stands there in the end, when settings ask for one and a browser resolved.
    pub screenshot: Option<Screenshot>,
    /// What the context really was.
    pub observed: Observed,
    /// From the first request to the end.
    pub duration: Duration,
}

/// A picture of a page, in the format that settings ask for.
#[derive(Clone, PartialEq, Eq)]
pub struct Screenshot(pub Vec<u8>);

impl std::fmt::Debug for Screenshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Screenshot({} bytes)", self.0.len())
    }
}

/// How a chain ended.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// An answer that a browser shows, of whatever status.
    Page(Box<Page>),
    /// An answer that shows nothing and leaves the browser where it was: 204, 205, 304.
    NoContent,
    /// An answer that a browser saves instead of showing.
    Download {
        /// Its media type.
        media_type: String,
    },
    /// The guard refused the last hop, or said no to the browser.
    Refused(Refusal),
    /// A redirect to a scheme that browsers refuse: `data:`, `about:`, `blob:`, `file:`, `javascript:` and the like.
    RefusedScheme {
        /// The target.
        target: String,
    },
    /// A redirect to an app or store scheme.
    AppHandoff {
        /// The target.
        target: String,
    },
    /// The proxy, the browser or the egress that the context asks for could not be had.
    ContextUnavailable(String),
    /// The last hop's name does not resolve.
    NameUnresolved(String),
    /// The last hop's host refused, reset, was unreachable or answered no HTTP.
    ConnectFailed(String),
    /// Handshake or certificate failure at the last hop.
    TlsFailed(String),
    /// The last hop, or the chain, ran past its budget.
    TimedOut(String),
    /// It reached a limit, and on the way a request that was sent before came again: same URL, method, cookies and kind.
    Loop {
        /// Index of the hop that came again.
        repeats: u32,
    },
    /// One redirect too many, without a repeat.
    TooManyHops {
        /// The limit that was reached.
        limit: u32,
    },
    /// A redirect whose target cannot be parsed, or several that contradict each other.
    RedirectInvalid(String),
}

/// An answer that a browser shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// Its status.
    pub status: u16,
    /// Its media type without parameters, in lower case; empty when the answer names none.
    pub media_type: String,
    /// Names in lower case and values of the answer's header fields.
    pub headers: Vec<(String, String)>,
    /// The title, with white space collapsed.
    pub title: Option<String>,
    /// What a person reads, with white space collapsed; at most [`MAX_PAGE_TEXT`] bytes.
    pub text: String,
    /// The beginning of the source; at most [`MAX_PAGE_TEXT`] bytes.
    pub markup: String,
    /// What it is to a person.
    pub content: Content,
    /// A redirect status without a target: shown as a page, and broken all the same.
    pub lacks_target: bool,
}

/// Bytes of text and of markup that are kept of a page for the rules: what tells a challenge or a dead offer stands
/// at the top.
pub const MAX_PAGE_TEXT: usize = 64 * 1_024;

/// What a shown answer is to a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Content {
    /// A page to read: HTML, XHTML, text, PDF.
    #[default]
    Document,
    /// Nothing at all.
    Empty,
    /// An image, JSON or the like: shown, and no landing page.
    NoDocument,
    /// Bytes that do not decode as their encoding says.
    Undecodable,
}

/// Why the HTTP engine could not decide alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handover {
    /// The kind of reason.
    pub reason: HandoverReason,
    /// The reason in a sentence.
    pub detail: String,
}

/// The kinds of reasons to hand over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandoverReason {
    /// A script that may navigate.
    Script,
    /// A page that shows nothing before its scripts have run.
    ScriptedPage,
    /// A challenge that a browser may pass.
    Challenge,
    /// An error status that a server may keep for what is no browser.
    HttpStatus,
}

impl HandoverReason {
    /// Whether the HTTP engine's evidence says nothing about where the link ends: only a browser can tell.
    #[must_use]
    pub const fn needs_browser(self) -> bool {
        match self {
            Self::Script | Self::ScriptedPage => true,
            Self::Challenge | Self::HttpStatus => false,
        }
    }
}

impl Chain {
    /// A chain that ended before any request.
    #[must_use]
    pub fn without_hops(engine: Engine, end: End) -> Self {
        Self {
            engine,
            hops: Vec::new(),
            end,
            delayed_refresh: None,
            handover: None,
            beside: Beside::default(),
            screenshot: None,
            observed: Observed::default(),
            duration: Duration::ZERO,
        }
    }

    /// The last http(s) URL; `None` when no request was sent.
    #[must_use]
    pub fn final_url(&self) -> Option<&str> {
        self.hops.last().map(|hop| hop.url.as_str())
    }

    /// Index of the last hop, as wire types count.
    #[must_use]
    pub fn last_hop(&self) -> Option<u32> {
        self.hops.last().map(|hop| hop.index)
    }
}
