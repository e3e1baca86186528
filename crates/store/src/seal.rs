//! Sealing: secrets lie in the database encrypted (XChaCha20-Poly1305), bound to the row that they belong to, so that
//! neither a stolen file nor a swapped row gives one away.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use protocol::Secret;
use protocol::secret::random_bytes;

use crate::error::StoreError;

const NONCE_BYTES: usize = 24;

/// The key that secrets are sealed with. Lives outside the database.
pub struct SealingKey(XChaCha20Poly1305);

impl SealingKey {
    /// The key of these 32 bytes.
    #[must_use]
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(XChaCha20Poly1305::new(bytes.into()))
    }

    /// Seals a secret for the row named `row`: a random nonce, then the ciphertext.
    pub(crate) fn seal(&self, row: &str, secret: &Secret) -> Result<Vec<u8>, StoreError> {
        let nonce = random_bytes::<NONCE_BYTES>();
        let payload = Payload { msg: secret.expose().as_bytes(), aad: row.as_bytes() };
        let sealed =
            self.0.encrypt(&XNonce::from(nonce), payload).map_err(|_| StoreError::Setup("a secret could not be sealed".to_owned()))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens what was sealed for the row named `row`.
    pub(crate) fn open(&self, row: &str, sealed: &[u8]) -> Result<Secret, StoreError> {
        let corrupt = || StoreError::Corrupt(format!("the secret of {row} does not open with this sealing key"));
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or_else(corrupt)?;
        let opened = self.0.decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: row.as_bytes() }).map_err(|_| corrupt())?;
        String::from_utf8(opened).map(Secret::new).map_err(|_| corrupt())
    }
}

impl std::fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealingKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_in_its_own_row_only() {
        let key = SealingKey::new(&[7; 32]);
        let sealed = key.seal("lp_live_a", &Secret::new("lps_canary".to_owned())).unwrap();
        assert!(!sealed.windows(6).any(|window| window == b"canary"));
        assert_eq!(key.open("lp_live_a", &sealed).unwrap().expose(), "lps_canary");
        assert!(key.open("lp_live_b", &sealed).is_err());
        assert!(SealingKey::new(&[8; 32]).open("lp_live_a", &sealed).is_err());
        assert!(key.open("lp_live_a", &sealed[..20]).is_err());
    }
}
