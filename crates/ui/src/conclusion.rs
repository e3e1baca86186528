//! Each conclusion for a person: in words, what it means for the money, and what to do next. The list is closed, so a new
//! conclusion stops the compiler here.

use maud::{Markup, html};
use protocol::{Class, Conclusion};

use crate::Tone;

/// What a page says of a conclusion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    /// A few words for a badge.
    pub short: &'static str,
    /// What it means, in a sentence.
    pub means: &'static str,
    /// What to do next, in a sentence.
    pub next: &'static str,
}

/// The words of a conclusion.
#[must_use]
pub const fn explain(conclusion: Conclusion) -> Words {
    let (short, means, next) = match conclusion {
        Conclusion::SkippedByOperator => {
            ("skipped", "A person excluded this row. No request was sent.", "Take the row in again when it should be checked.")
        }
        Conclusion::SkippedByRule => (
            "skipped by rule",
            "A rule (a window, a click budget or an end date) excluded this row. No request was sent.",
            "See the rule in the settings when the row should have been checked.",
        ),
        Conclusion::NotExecuted => (
            "not executed",
            "No desktop gave a result in time. Nothing is known about the link.",
            "See that a desktop is online, then check again.",
        ),
        Conclusion::InputInvalid => (
            "invalid input",
            "The tracking URL is not a whole web address, or has a macro that nobody replaced.",
            "Correct the tracking URL at its source.",
        ),
        Conclusion::TargetRefused => (
            "target refused",
            "A hop leads to a private, local or denied address. The desktop did not go there.",
            "Ask the network why its chain leads there. If the address is yours, allow it on the desktop as a guard exception.",
        ),
        Conclusion::ContextUnavailable => (
            "context unavailable",
            "The proxy or browser that this check asks for could not be had. Nothing is known about the link.",
            "See the context's proxy on the desktop, then check again.",
        ),
        Conclusion::DnsFailed => (
            "name not found",
            "The name of a hop does not resolve, twice in a row. Visitors land nowhere.",
            "Stop spending on it; ask the network or the owner of the domain.",
        ),
        Conclusion::ConnectFailed => (
            "no connection",
            "A hop's server refused the connection or cannot be reached, twice in a row.",
            "Stop spending on it; ask whoever runs the failing hop.",
        ),
        Conclusion::TlsFailed => (
            "certificate failed",
            "A hop's certificate or TLS handshake fails. Browsers show visitors a warning.",
            "Stop spending on it; the owner of the failing hop must renew the certificate.",
        ),
        Conclusion::TimedOut => (
            "timed out",
            "A hop or the whole chain took longer than its budget. It may be slow only now.",
            "Check again; if it stays, tell the owner of the slow hop.",
        ),
        Conclusion::RedirectLoop => (
            "redirect loop",
            "The chain comes back to where it was. Visitors never land.",
            "Stop spending on it; send the evidence to the network.",
        ),
        Conclusion::TooManyHops => (
            "too many hops",
            "The chain goes on past what browsers follow. Visitors see an error.",
            "Stop spending on it; send the evidence to the network.",
        ),
        Conclusion::RedirectInvalid => (
            "broken redirect",
            "A redirect names no target, or one that cannot be read.",
            "Stop spending on it; send the failing hop to its owner.",
        ),
        Conclusion::AppHandoff => (
            "hands over to an app",
            "The chain leaves the web for an app or a store.",
            "Right for an app campaign. For any other, ask the network for a web link.",
        ),
        Conclusion::AccessChallenged => (
            "access challenged",
            "A bot wall, captcha, rate limit, login or consent gate stands in the way. The link may be fine for visitors.",
            "Look at it by hand, or check again from another context.",
        ),
        Conclusion::HttpGone => {
            ("page gone", "The page at the end is gone (404 or 410), twice in a row.", "Stop spending on it; ask for a new link.")
        }
        Conclusion::HttpClientError => (
            "page refuses",
            "The page at the end answers with a client error (4xx).",
            "Stop spending on it; send the evidence to the page's owner.",
        ),
        Conclusion::HttpServerError => (
            "server error",
            "The page at the end answers with a server error (5xx). It may be down only now.",
            "Check again in a while; if it stays, tell the page's owner.",
        ),
        Conclusion::ContentUnusable => (
            "no usable page",
            "The last answer is empty, a download or no document.",
            "Stop spending on it; see where the chain leads and ask for a new link.",
        ),
        Conclusion::OfferUnavailable => (
            "offer unavailable",
            "The page says that the offer is paused, has ended or does not serve this country, or it fell back to a home page.",
            "Pause the campaign; ask the network whether the offer comes back.",
        ),
        Conclusion::DestinationMismatch => (
            "wrong destination",
            "The chain ends on a page outside the expected domain.",
            "Pause the campaign. If the new place is right, change the row's expected domain.",
        ),
        Conclusion::ParametersMissing => (
            "parameters lost",
            "The right page, but a required parameter was lost, emptied or altered on the way. Conversions may not be counted.",
            "See at which hop it was lost, and ask that hop's owner to pass it on.",
        ),
        Conclusion::Drifted => (
            "drifted",
            "All rules pass, but the final URL or the hosts on the way differ from what was accepted.",
            "Compare with the earlier check; accept the new way if it is right.",
        ),
        Conclusion::Valid => ("valid", "The chain ends where it should, and everything passes.", "Nothing to do."),
    };
    Words { short, means, next }
}

/// A few words for a badge.
#[must_use]
pub const fn words(conclusion: Conclusion) -> &'static str {
    explain(conclusion).short
}

/// What a class means for spending money, in a few words.
#[must_use]
pub const fn class_means(class: Class) -> &'static str {
    match class {
        Class::Ok => "good to spend on",
        Class::Skipped => "left out on purpose",
        Class::Review => "works, but look at it",
        Class::Inconclusive => "nothing certain",
        Class::Bad => "stop spending",
    }
}

/// The verdict as the head of a page: the conclusion, the detail of this very check, what it means, what to do next.
#[must_use]
pub fn verdict(conclusion: Conclusion, detail: &str) -> Markup {
    let words = explain(conclusion);
    let tone = Tone::from(conclusion.class());
    html! {
        section class={ "verdict " (tone.class()) } aria-label="Conclusion" {
            div.verdict-icon { (tone.icon()) }
            div {
                p.verdict-head { strong { (words.short) } " " span.verdict-class { (class_means(conclusion.class())) } }
                @if !detail.is_empty() { p.verdict-detail { (detail) } }
                p { (words.means) }
                @if conclusion != Conclusion::Valid { p { strong { "Next: " } (words.next) } }
            }
        }
    }
}
