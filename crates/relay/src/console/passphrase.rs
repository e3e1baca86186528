//! Passphrases are kept as argon2id, with OWASP's parameters (Password Storage Cheat Sheet: 19 MiB, two passes, one lane). A
//! hash takes a processor for some dozen milliseconds and 19 MiB, so only so many run at once, on threads that may block.

use std::sync::Arc;

use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use protocol::Secret;
use protocol::secret::random_bytes;
use tokio::sync::Semaphore;

use super::fault::Fault;

/// Hashes at once: 76 MiB at most.
const AT_ONCE: usize = 4;
/// Hashes that may wait for their turn; whoever comes later is better told so.
const WAITING: usize = 32;
/// Bytes of salt.
const SALT_BYTES: usize = 16;
/// What the hashes of these parameters begin with.
const CURRENT: &str = "$argon2id$v=19$m=19456,t=2,p=1$";

/// Whoever hashes and checks passphrases.
#[derive(Debug)]
pub(crate) struct Passphrases {
    turns: Arc<Semaphore>,
    places: Arc<Semaphore>,
    /// What the passphrases of operators who do not exist are checked against: it takes as long.
    dummy: Secret,
}

impl Passphrases {
    /// Makes one hash, which takes its time.
    pub(crate) fn new() -> Self {
        let nobody = data_encoding::HEXLOWER.encode(&random_bytes::<32>());
        let dummy = hash(&Secret::new(nobody)).unwrap_or_else(|| Secret::new(String::new()));
        Self { turns: Arc::new(Semaphore::new(AT_ONCE)), places: Arc::new(Semaphore::new(AT_ONCE + WAITING)), dummy }
    }

    /// The hash of a new passphrase.
    pub(super) async fn hash(&self, passphrase: &Secret) -> Result<Secret, Fault> {
        let passphrase = passphrase.clone();
        self.in_turn(move || hash(&passphrase)).await?.ok_or(Fault::Internal)
    }

    /// Whether a passphrase is the one of this hash. No hash is that of nobody: it takes as long, and the answer is no.
    pub(super) async fn is_right(&self, passphrase: &Secret, stored: Option<&Secret>) -> Result<bool, Fault> {
        let (passphrase, is_known) = (passphrase.clone(), stored.is_some());
        let stored = stored.unwrap_or(&self.dummy).clone();
        let matches = move || Argon2::default().verify_password(passphrase.expose().as_bytes(), stored.expose()).is_ok();
        Ok(self.in_turn(matches).await? && is_known)
    }

    async fn in_turn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Fault> {
        let _place = self.places.try_acquire().map_err(|_| Fault::Unavailable)?;
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| Fault::Unavailable)?;
        let run = move || {
            // Held to the end of the work, also when whoever asked has gone away.
            let _turn = turn;
            work()
        };
        tokio::task::spawn_blocking(run).await.map_err(|_| Fault::Internal)
    }
}

/// Whether a hash was made with older parameters than today's.
pub(super) fn is_outdated(stored: &Secret) -> bool {
    !stored.expose().starts_with(CURRENT)
}

fn hash(passphrase: &Secret) -> Option<Secret> {
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT);
    let hashed = argon2.hash_password_with_salt(passphrase.expose().as_bytes(), &random_bytes::<SALT_BYTES>());
    hashed.inspect_err(|error| tracing::error!(%error, "a passphrase cannot be hashed")).ok().map(|hash| Secret::new(hash.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    #[tokio::test]
    async fn a_passphrase_is_right_for_its_own_hash_alone() {
        let passphrases = Passphrases::new();
        let stored = passphrases.hash(&secret("correct horse battery")).await.unwrap();
        assert!(stored.expose().starts_with(CURRENT) && !is_outdated(&stored), "{}", stored.expose());
        assert!(passphrases.is_right(&secret("correct horse battery"), Some(&stored)).await.unwrap());
        assert!(!passphrases.is_right(&secret("Correct horse battery"), Some(&stored)).await.unwrap());
        assert!(!passphrases.is_right(&secret("correct horse battery"), None).await.unwrap());
        assert_ne!(stored, passphrases.hash(&secret("correct horse battery")).await.unwrap(), "salted");
    }

    #[tokio::test]
    async fn hashes_of_other_parameters_are_checked_and_told() {
        let other = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(256, 2, 1, None).unwrap());
        let stored = Secret::new(other.hash_password_with_salt(b"password of old", b"some salt of old").unwrap().to_string());
        assert!(is_outdated(&stored));
        assert!(Passphrases::new().is_right(&secret("password of old"), Some(&stored)).await.unwrap());
    }

    #[tokio::test]
    async fn more_than_can_wait_are_told_so() {
        let passphrases = Arc::new(Passphrases::new());
        let tries = (0..AT_ONCE + WAITING + 8).map(|_| {
            let passphrases = Arc::clone(&passphrases);
            tokio::spawn(async move { passphrases.is_right(&secret("x"), None).await })
        });
        let answers = futures_util::future::join_all(tries).await;
        let told = answers.into_iter().filter(|answer| matches!(answer, Ok(Err(Fault::Unavailable)))).count();
        assert_eq!(told, 8);
    }
}
