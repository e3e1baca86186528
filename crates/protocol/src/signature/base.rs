//! The bytes that a signature covers.

use hmac::{Hmac, Mac};
use sha2::Sha256;

/// The one endpoint whose base leaves method and path out: code that callers already run depends on it.
pub const FETCH_PATH: &str = "/api/links/fetch";

/// What a request is aimed at, as far as its signing base is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignedTarget<'a> {
    /// `POST /api/links/fetch`: `timestamp.nonce.body`.
    Fetch,
    /// Every other endpoint: `timestamp.nonce.METHOD path?query LF body`.
    Endpoint {
        /// The method, upper case.
        method: &'a str,
        /// Path and query exactly as on the request line.
        path_and_query: &'a str,
    },
}

impl<'a> SignedTarget<'a> {
    /// Which base a request for this method and target has.
    #[must_use]
    pub fn of(method: &'a str, path_and_query: &'a str) -> Self {
        if method == "POST" && path_and_query == FETCH_PATH { Self::Fetch } else { Self::Endpoint { method, path_and_query } }
    }

    /// How the base was joined, for a caller who looks for its own mistake.
    #[must_use]
    pub const fn recipe(self) -> &'static str {
        match self {
            Self::Fetch => "timestamp.nonce.body",
            Self::Endpoint { .. } => "timestamp.nonce.METHOD path?query\\nbody",
        }
    }

    /// The base as bytes. Signing and verifying feed the parts to the MAC without joining them; this is for people.
    #[must_use]
    pub fn base(self, timestamp: &str, nonce: &str, body: &[u8]) -> Vec<u8> {
        let mut base = Vec::with_capacity(body.len() + 256);
        self.parts(timestamp, nonce, body, |part| base.extend_from_slice(part));
        base
    }

    /// Feeds the base to `mac`, part by part.
    pub(super) fn feed(self, mac: &mut Hmac<Sha256>, timestamp: &str, nonce: &str, body: &[u8]) {
        self.parts(timestamp, nonce, body, |part| mac.update(part));
    }

    fn parts(self, timestamp: &str, nonce: &str, body: &[u8], mut each: impl FnMut(&[u8])) {
        each(timestamp.as_bytes());
        each(b".");
        each(nonce.as_bytes());
        each(b".");
        if let Self::Endpoint { method, path_and_query } = self {
            each(method.as_bytes());
            each(b" ");
            each(path_and_query.as_bytes());
            each(b"\n");
        }
        each(body);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_fetch_endpoint_has_the_short_base() {
        assert_eq!(SignedTarget::of("POST", "/api/links/fetch"), SignedTarget::Fetch);
        for (method, target) in [("GET", "/api/links/fetch"), ("POST", "/api/links/fetch?x=1"), ("POST", "/api/links/fetch/")] {
            assert_ne!(SignedTarget::of(method, target), SignedTarget::Fetch);
        }
        assert_eq!(SignedTarget::of("GET", "/a?b").base("1", "n", b""), b"1.n.GET /a?b\n");
        assert_eq!(SignedTarget::Fetch.base("1", "n", b"{}"), b"1.n.{}");
    }
}
