//! One request with everything that is signed, spelled out.

use std::borrow::Cow;

use protocol::signature::{SignedHeaders, SignedTarget, UnsignedRequest, sign};
use protocol::{KeyId, Secret};
use sha2::{Digest as _, Sha256};

/// A request and the key that signs it.
#[derive(Clone)]
pub(crate) struct Spelled {
    pub(crate) key: KeyId,
    pub(crate) secret: Secret,
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) timestamp: i64,
    pub(crate) nonce: String,
    pub(crate) body: Vec<u8>,
}

impl Spelled {
    pub(crate) fn signed_target(&self) -> SignedTarget<'_> {
        SignedTarget::of(&self.method, &self.target)
    }

    pub(crate) fn headers(&self) -> SignedHeaders {
        sign(&self.key, &self.secret, &self.unsigned(self.signed_target()))
    }

    /// The signature if the base were that of another endpoint.
    pub(crate) fn signature_for(&self, target: SignedTarget<'_>) -> String {
        sign(&self.key, &self.secret, &self.unsigned(target)).signature().to_owned()
    }

    pub(crate) fn base(&self) -> Vec<u8> {
        self.signed_target().base(&self.timestamp.to_string(), &self.nonce, &self.body)
    }

    fn unsigned<'a>(&'a self, target: SignedTarget<'a>) -> UnsignedRequest<'a> {
        UnsignedRequest { target, body: &self.body, timestamp_seconds: self.timestamp, nonce: Cow::Borrowed(&self.nonce) }
    }
}

/// SHA-256 in lower-case hexadecimal digits, as the relay tells of a body that it received.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))
}
