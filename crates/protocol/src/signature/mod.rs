//! Signed requests from callers: header grammar, signing base, signing, verifying, freshness
//! (`docs/protocol.md`, signed requests). The one module of the project that names HMAC.

mod base;
mod freshness;
mod headers;
pub mod mistakes;
mod sign;
mod verify;

pub use base::{FETCH_PATH, SignedTarget};
pub use freshness::{FreshnessWindow, Stale};
pub use headers::{CallerHeaders, HeaderFault, HeaderFaultKind, KEY_HEADER, NONCE_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER};
pub use sign::{SignedHeaders, UnsignedRequest, sign};
pub use verify::{SignatureMismatch, VerifyingSecret};

#[cfg(test)]
mod vectors;
#[cfg(test)]
mod wycheproof;
