//! What came in a signed request, as far as its sender can compare it with what was sent. Never the body itself, nor anything
//! that is secret; what is known of a request that proved nothing lives in the relay's memory alone.

use serde::{Deserialize, Serialize};

use super::hash::Sha256Hash;

/// A request's body and time, as they came. Written as `[bytes, timestamp, hash]`: there is one for each request that was
/// admitted, kept for as long as the audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u32, i64, Sha256Hash)", into = "(u32, i64, Sha256Hash)")]
pub struct Received {
    /// Bytes of the body.
    pub body_bytes: u32,
    /// Its `timestamp` header: seconds since 1970, by the sender's clock.
    pub timestamp_seconds: i64,
    /// SHA-256 of the body, byte for byte as it came.
    pub body_sha256: Sha256Hash,
}

impl Received {
    /// Of a body, and of the time at which it says to have been signed.
    #[must_use]
    pub fn new(body: &[u8], timestamp_seconds: i64) -> Self {
        // No body of ours comes near 4 GiB.
        let body_bytes = u32::try_from(body.len()).unwrap_or(u32::MAX);
        Self { body_bytes, timestamp_seconds, body_sha256: Sha256Hash::of(body) }
    }
}

impl From<(u32, i64, Sha256Hash)> for Received {
    fn from((body_bytes, timestamp_seconds, body_sha256): (u32, i64, Sha256Hash)) -> Self {
        Self { body_bytes, timestamp_seconds, body_sha256 }
    }
}

impl From<Received> for (u32, i64, Sha256Hash) {
    fn from(received: Received) -> Self {
        (received.body_bytes, received.timestamp_seconds, received.body_sha256)
    }
}
