//! Which passphrases are taken. Length is what counts (NIST SP 800-63B, section 3.1.1): no rules about signs and digits,
//! which people meet with `Passw0rd!`.

use crate::email::EmailAddress;

/// Characters that a passphrase has at least. Guesses are throttled, and hashes slow.
pub const MIN_CHARACTERS: usize = 12;
/// Bytes that a passphrase has at most: a sentence, and no more work for the hash than that.
pub const MAX_BYTES: usize = 256;
/// Different characters that it has at least.
const MIN_DIFFERENT: usize = 5;

/// Why a passphrase is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassphrase {
    /// Fewer than [`MIN_CHARACTERS`].
    #[error("use at least {MIN_CHARACTERS} characters; four or five words do well")]
    TooShort,
    /// More than [`MAX_BYTES`].
    #[error("use at most {MAX_BYTES} bytes")]
    TooLong,
    /// The same few characters over and over.
    #[error("use more than a few different characters")]
    Repetitive,
    /// Holds the operator's address.
    #[error("leave your email address out of it")]
    HoldsEmail,
}

/// Whether a passphrase may be that of the operator with this address.
///
/// # Errors
/// When it is too easily guessed; the error says what to change.
pub fn check(passphrase: &str, email: &EmailAddress) -> Result<(), WeakPassphrase> {
    let lower = passphrase.to_lowercase();
    let mut different: Vec<char> = lower.chars().collect();
    different.sort_unstable();
    different.dedup();
    if passphrase.len() > MAX_BYTES {
        Err(WeakPassphrase::TooLong)
    } else if passphrase.chars().count() < MIN_CHARACTERS {
        Err(WeakPassphrase::TooShort)
    } else if different.len() < MIN_DIFFERENT {
        Err(WeakPassphrase::Repetitive)
    } else if lower.contains(email.as_str()) {
        Err(WeakPassphrase::HoldsEmail)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_counts_and_little_else() {
        let email: EmailAddress = "ada@company.example".parse().unwrap();
        for (passphrase, expected) in [
            ("correct horse battery staple", Ok(())),
            ("wörter mit ümlauten", Ok(())),
            ("P4ss!", Err(WeakPassphrase::TooShort)),
            ("abababababababab", Err(WeakPassphrase::Repetitive)),
            ("ADA@company.example 1", Err(WeakPassphrase::HoldsEmail)),
        ] {
            assert_eq!(check(passphrase, &email), expected, "{passphrase}");
        }
        assert_eq!(check(&"long enough ".repeat(30), &email), Err(WeakPassphrase::TooLong));
    }
}
