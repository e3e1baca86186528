//! What requests look like to the link: the fields of a browser of the context's kind, in a browser's order.

use protocol::{Context, DeviceKind};

/// The browser whose requests these resemble; the browser engine is started with the same names.
const DESKTOP_AGENT: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36";
const MOBILE_AGENT: &str =
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Mobile Safari/537.36";
const ACCEPT: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8";
/// The Accept-Language of requests that nobody asked another of.
pub const DEFAULT_ACCEPT_LANGUAGE: &str = "en-US,en;q=0.9";
const ACCEPT_ENCODING: &str = "gzip, deflate, br, zstd";

/// The User-Agent of a kind of device.
#[must_use]
pub fn default_user_agent(device: Option<DeviceKind>) -> &'static str {
    match device {
        Some(DeviceKind::Mobile) => MOBILE_AGENT,
        Some(DeviceKind::Desktop) | None => DESKTOP_AGENT,
    }
}

/// Who the requests of one chain come from.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) user_agent: String,
    pub(crate) accept_language: String,
    /// The Referer of the first hop, word for word.
    pub(crate) first_referer: Option<String>,
}

impl Identity {
    pub(crate) fn of(context: &Context) -> Self {
        Self {
            user_agent: one_line(context.user_agent.as_deref().unwrap_or(default_user_agent(context.device))),
            accept_language: one_line(context.accept_language.as_deref().unwrap_or(DEFAULT_ACCEPT_LANGUAGE)),
            first_referer: context.referer.as_deref().map(one_line),
        }
    }

    /// The fields that are the same on every hop.
    pub(crate) fn fields(&self) -> [(&'static str, &str); 5] {
        [
            ("Upgrade-Insecure-Requests", "1"),
            ("User-Agent", &self.user_agent),
            ("Accept", ACCEPT),
            ("Accept-Encoding", ACCEPT_ENCODING),
            ("Accept-Language", &self.accept_language),
        ]
    }
}

/// A line break in a field would be a field of its own.
fn one_line(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).collect()
}
