//! The relay's side: does this signature belong to these bytes?

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::base::SignedTarget;
use super::headers::CallerHeaders;
use crate::secret::Secret;

/// A secret made ready for verifying: the two hash blocks of HMAC's key schedule are computed once, not per request.
#[derive(Clone)]
pub struct VerifyingSecret(Hmac<Sha256>);

/// The signature is not that of the secret over these bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not match")]
pub struct SignatureMismatch;

impl VerifyingSecret {
    /// Makes a secret ready.
    #[must_use]
    pub fn new(secret: &Secret) -> Self {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104, section 2)")]
        let mac = Hmac::new_from_slice(secret.expose().as_bytes()).expect("HMAC takes keys of any length");
        Self(mac)
    }

    /// A secret that signs nothing: unknown keys are checked against it, so that they take the time of known ones.
    #[must_use]
    pub fn dummy() -> Self {
        Self::new(&Secret::generate())
    }

    /// The key of these bytes, which need not be text.
    #[cfg(test)]
    pub(super) fn of_bytes(key: &[u8]) -> Self {
        Self(Hmac::new_from_slice(key).unwrap())
    }

    /// Checks the signature in constant time.
    ///
    /// # Errors
    /// When it does not match; deliberately without saying what would have.
    pub fn verify(&self, target: SignedTarget<'_>, headers: &CallerHeaders<'_>, body: &[u8]) -> Result<(), SignatureMismatch> {
        let mut mac = self.0.clone();
        target.feed(&mut mac, headers.timestamp, headers.nonce, body);
        expect(mac, &headers.signature)
    }

    pub(super) fn mac(&self, target: SignedTarget<'_>, timestamp: &str, nonce: &str, body: &[u8]) -> [u8; 32] {
        let mut mac = self.0.clone();
        target.feed(&mut mac, timestamp, nonce, body);
        mac.finalize().into_bytes().into()
    }
}

/// The one comparison of signatures: whole, and in constant time.
fn expect(mac: Hmac<Sha256>, signature: &[u8; 32]) -> Result<(), SignatureMismatch> {
    mac.verify_slice(signature).map_err(|_| SignatureMismatch)
}

impl VerifyingSecret {
    /// Checks the signature of a message that is no request: for vectors that were made elsewhere.
    #[cfg(test)]
    pub(super) fn verify_message(&self, message: &[u8], signature: &[u8; 32]) -> Result<(), SignatureMismatch> {
        let mut mac = self.0.clone();
        mac.update(message);
        expect(mac, signature)
    }
}

impl fmt::Debug for VerifyingSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerifyingSecret(…)")
    }
}
