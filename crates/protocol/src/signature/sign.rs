//! The caller's side: from a request to its four headers.

use std::borrow::Cow;

use super::base::SignedTarget;
use super::headers::{KEY_HEADER, NONCE_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER};
use super::verify::VerifyingSecret;
use crate::clock::{Clock, SystemClock};
use crate::key::KeyId;
use crate::secret::{Secret, random_bytes};

/// A request that is ready to be signed.
#[derive(Clone, Debug)]
pub struct UnsignedRequest<'a> {
    /// What it is aimed at.
    pub target: SignedTarget<'a>,
    /// The exact bytes that will be sent; none for a request without a body.
    pub body: &'a [u8],
    /// Unix seconds.
    pub timestamp_seconds: i64,
    /// A value that this key has not used before; 16 to 128 of `[A-Za-z0-9_-]`.
    pub nonce: Cow<'a, str>,
}

impl<'a> UnsignedRequest<'a> {
    /// A request of this moment with a fresh nonce of 128 bits. `method` in upper case, `path_and_query` as it will
    /// stand on the request line.
    #[must_use]
    pub fn now(method: &'a str, path_and_query: &'a str, body: &'a [u8]) -> Self {
        Self {
            target: SignedTarget::of(method, path_and_query),
            body,
            timestamp_seconds: SystemClock.now().seconds(),
            nonce: data_encoding::BASE64URL_NOPAD.encode(&random_bytes::<16>()).into(),
        }
    }
}

/// The headers that make a request a signed one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedHeaders {
    key_id: String,
    timestamp: String,
    nonce: String,
    signature: String,
}

impl SignedHeaders {
    /// Name and value of each header.
    #[must_use]
    pub fn pairs(&self) -> [(&'static str, &str); 4] {
        [(KEY_HEADER, &self.key_id), (TIMESTAMP_HEADER, &self.timestamp), (NONCE_HEADER, &self.nonce), (SIGNATURE_HEADER, &self.signature)]
    }

    /// The signature in lower-case hexadecimal digits.
    #[must_use]
    pub fn signature(&self) -> &str {
        &self.signature
    }
}

/// Signs `request` with the key. The key of the MAC is the secret's text, whole, prefix included.
#[must_use]
pub fn sign(key_id: &KeyId, secret: &Secret, request: &UnsignedRequest<'_>) -> SignedHeaders {
    let timestamp = request.timestamp_seconds.to_string();
    let mac = VerifyingSecret::new(secret).mac(request.target, &timestamp, &request.nonce, request.body);
    SignedHeaders {
        key_id: key_id.to_string(),
        signature: data_encoding::HEXLOWER.encode(&mac),
        nonce: request.nonce.clone().into_owned(),
        timestamp,
    }
}
