//! The verdict over one chain: exactly one of 24 (`docs/protocol.md`, conclusions), and the class that each belongs to.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a conclusion means for the person who spends money on the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Everything passes.
    Ok,
    /// Deliberately not checked.
    Skipped,
    /// Works, but a person should look.
    Review,
    /// Nothing certain can be said; not the link's fault as far as anyone knows.
    Inconclusive,
    /// The link is broken, or leads where it must not.
    Bad,
}

impl Class {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Skipped => "skipped",
            Self::Review => "review",
            Self::Inconclusive => "inconclusive",
            Self::Bad => "bad",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no conclusion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the code of a conclusion")]
pub struct UnknownConclusion;

macro_rules! conclusions {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $class:ident;)*) => {
        /// Exactly one a concluded job: the first that holds, in this order.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(rename_all = "snake_case")]
        pub enum Conclusion {
            $($(#[$doc])* $name,)*
        }

        impl Conclusion {
            /// Every conclusion, in the order in which they are tried.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The stable code.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code),* }
            }

            /// What it means for the person who spends the money.
            #[must_use]
            pub const fn class(self) -> Class {
                match self { $(Self::$name => Class::$class),* }
            }
        }
    };
}

conclusions! {
    /// A person excluded the row; no request was sent.
    SkippedByOperator = "skipped_by_operator", Skipped;
    /// A rule (window, click budget, end date) excluded it; no request was sent.
    SkippedByRule = "skipped_by_rule", Skipped;
    /// Deadline passed or attempts spent with no result from a desktop.
    NotExecuted = "not_executed", Inconclusive;
    /// Not an absolute http(s) URL, or an unreplaced macro.
    InputInvalid = "input_invalid", Bad;
    /// The guard refused a hop: private, local, metadata or denied address, one in a network of the desktop's own, or a
    /// denied port.
    TargetRefused = "target_refused", Bad;
    /// The proxy, browser or egress that the context asks for could not be had.
    ContextUnavailable = "context_unavailable", Inconclusive;
    /// A hop's name does not resolve.
    DnsFailed = "dns_failed", Bad;
    /// Refused, reset or unreachable.
    ConnectFailed = "connect_failed", Bad;
    /// Handshake or certificate failure.
    TlsFailed = "tls_failed", Bad;
    /// A hop or the whole chain ran past its budget.
    TimedOut = "timed_out", Inconclusive;
    /// The same request state (URL, method, cookies and kind) came again.
    RedirectLoop = "redirect_loop", Bad;
    /// The hop limit without a repeat.
    TooManyHops = "too_many_hops", Bad;
    /// A redirect whose target is missing or cannot be parsed.
    RedirectInvalid = "redirect_invalid", Bad;
    /// The chain leaves http(s) for an app or store scheme.
    AppHandoff = "app_handoff", Review;
    /// Bot wall, captcha, rate limit, login or consent gate.
    AccessChallenged = "access_challenged", Inconclusive;
    /// Final 404 or 410.
    HttpGone = "http_gone", Bad;
    /// Another final 4xx.
    HttpClientError = "http_client_error", Bad;
    /// Final 5xx.
    HttpServerError = "http_server_error", Inconclusive;
    /// 2xx, but empty, a download or no document.
    ContentUnusable = "content_unusable", Bad;
    /// A usable page that says paused, expired or not in your country.
    OfferUnavailable = "offer_unavailable", Bad;
    /// A usable page off the expected domain.
    DestinationMismatch = "destination_mismatch", Bad;
    /// The right page; a required parameter lost, emptied or altered.
    ParametersMissing = "parameters_missing", Bad;
    /// All rules pass, but the normalised final URL or host path differs from the accepted one.
    Drifted = "drifted", Review;
    /// Everything passes.
    Valid = "valid", Ok;
}

impl fmt::Display for Conclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for Conclusion {
    type Err = UnknownConclusion;

    fn from_str(text: &str) -> Result<Self, UnknownConclusion> {
        Self::ALL.iter().copied().find(|conclusion| conclusion.code() == text).ok_or(UnknownConclusion)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_what_serde_writes() {
        assert_eq!(Conclusion::ALL.len(), 24);
        for conclusion in Conclusion::ALL {
            assert_eq!(serde_json::to_value(conclusion).unwrap(), conclusion.code());
            assert_eq!(conclusion.code().parse(), Ok(*conclusion));
        }
    }
}
