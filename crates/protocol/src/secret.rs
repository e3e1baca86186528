//! Text that must never print, and the randomness that secrets are made of.

use std::fmt;

use zeroize::Zeroizing;

/// A secret. Neither `Debug` nor an error nor a log can show it; the memory is wiped when it goes.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// What the secret of an API key begins with.
    pub const API_KEY_PREFIX: &'static str = "lps_";

    /// Takes a secret as it was handed over; any text will do.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// A new secret for an API key: the prefix and 256 bits in 43 URL-safe characters.
    #[must_use]
    pub fn generate() -> Self {
        let bytes = Zeroizing::new(random_bytes::<32>());
        Self::new(format!("{}{}", Self::API_KEY_PREFIX, data_encoding::BASE64URL_NOPAD.encode(&*bytes)))
    }

    /// The text itself: for signing, sealing, and for showing it once to its owner.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Bytes from the operating system's generator.
///
/// # Panics
/// When the operating system has no randomness to give: nothing that needs it could go on safely.
#[must_use]
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    #[expect(clippy::expect_used, reason = "no safe way on without randomness")]
    getrandom::fill(&mut bytes).expect("the operating system's random number generator answers");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print() {
        let secret = Secret::new("lps_canary".to_owned());
        assert!(!format!("{secret:?}").contains("canary"));
    }
}
