//! Sealing: secrets lie in the database encrypted (XChaCha20-Poly1305), bound to the place that they belong to, so that
//! neither a stolen file nor a swapped row gives one away.
//!
//! A sealed record names the generation of its key, so that keys can be changed while relays run. Where keys come from is
//! the relay's business, which of them the database uses that of `sealing`.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use protocol::Secret;
use protocol::secret::random_bytes;
use sha2::{Digest as _, Sha256};

use crate::error::StoreError;

const NONCE_BYTES: usize = 24;
/// What a sealed record begins with; the generation follows. Records from before there were generations begin with their
/// nonce, which is random.
const MARK: &[u8; 4] = b"LPS2";

/// Which sealing key: derived from the key, so that two keys never share one and nothing has to be remembered.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Generation([u8; 8]);

impl Generation {
    /// The generation that storage kept as these bytes.
    pub(crate) fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }

    /// The generation that a record was sealed with; `None`: from before there were any.
    pub(crate) fn of_record(sealed: &[u8]) -> Option<Self> {
        sealed.strip_prefix(MARK)?.first_chunk().copied().map(Self)
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for Generation {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A key that secrets are sealed with. Lives outside the database.
#[derive(Clone)]
pub struct SealingKey {
    generation: Generation,
    cipher: XChaCha20Poly1305,
}

impl SealingKey {
    /// The key of these 32 bytes.
    #[must_use]
    pub fn new(bytes: &[u8; 32]) -> Self {
        // A one-way name: eight bytes of a hash over 256 random bits say nothing about them.
        let name = Sha256::new_with_prefix(b"link-peeler sealing key\0").chain_update(bytes).finalize();
        let generation = Generation(name.first_chunk().copied().unwrap_or_default());
        Self { generation, cipher: XChaCha20Poly1305::new(bytes.into()) }
    }

    /// Its name.
    #[must_use]
    pub const fn generation(&self) -> Generation {
        self.generation
    }

    /// Seals a secret for the place named `place`.
    pub(crate) fn seal(&self, place: &str, secret: &Secret) -> Result<Vec<u8>, StoreError> {
        let nonce = random_bytes::<NONCE_BYTES>();
        let head = [MARK.as_slice(), self.generation.as_bytes()].concat();
        let payload = Payload { msg: secret.expose().as_bytes(), aad: &[head.as_slice(), place.as_bytes()].concat() };
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.map_err(|_| StoreError::Setup("a secret could not be sealed".to_owned()))?;
        Ok([head.as_slice(), &nonce, &sealed].concat())
    }

    /// Opens `sealed` from the nonce on.
    fn open(&self, aad: &[u8], sealed: &[u8]) -> Option<Secret> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        let opened = self.cipher.decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad }).ok()?;
        String::from_utf8(opened).map(Secret::new).ok()
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKey({})", self.generation)
    }
}

/// The sealing keys that a relay holds: the newest last. Never none.
#[derive(Clone, Debug)]
pub struct SealingRing(Vec<SealingKey>);

/// Why a sealed record does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unopened {
    /// It was sealed with a key that is not held here.
    Unknown(Generation),
    /// From before there were generations, and no key that is held opens it.
    NoKeyFits,
    /// Its key is here: the record has been damaged, or belongs elsewhere.
    Damaged,
}

impl SealingRing {
    /// These keys, the newest last; `None` when there is none.
    #[must_use]
    pub fn new(keys: Vec<SealingKey>) -> Option<Self> {
        if keys.is_empty() { None } else { Some(Self(keys)) }
    }

    /// The generations, the newest last.
    #[must_use]
    pub fn generations(&self) -> Vec<Generation> {
        self.0.iter().map(SealingKey::generation).collect()
    }

    /// The newest.
    #[must_use]
    pub fn newest(&self) -> Generation {
        self.0.last().map_or(Generation([0; 8]), SealingKey::generation)
    }

    pub(crate) fn key(&self, generation: Generation) -> Option<&SealingKey> {
        self.0.iter().find(|key| key.generation == generation)
    }

    /// Opens what was sealed for the place named `place`, or, before there were generations, for the row named `row`.
    pub(crate) fn open(&self, place: &str, row: &str, sealed: &[u8]) -> Result<Secret, Unopened> {
        let Some(generation) = Generation::of_record(sealed) else {
            return self.0.iter().find_map(|key| key.open(row.as_bytes(), sealed)).ok_or(Unopened::NoKeyFits);
        };
        let key = self.key(generation).ok_or(Unopened::Unknown(generation))?;
        let (head, sealed) = sealed.split_at(MARK.len() + generation.0.len());
        key.open(&[head, place.as_bytes()].concat(), sealed).ok_or(Unopened::Damaged)
    }
}

/// The ring that a store seals and opens with; it can be changed while the store is open.
#[derive(Debug)]
pub struct Sealing {
    ring: RwLock<Arc<SealingRing>>,
    lacks: AtomicBool,
}

impl Sealing {
    /// These keys, to begin with.
    #[must_use]
    pub fn new(ring: SealingRing) -> Self {
        Self { ring: RwLock::new(Arc::new(ring)), lacks: AtomicBool::new(false) }
    }

    /// One key.
    #[must_use]
    pub fn with(key: SealingKey) -> Self {
        Self::new(SealingRing(vec![key]))
    }

    /// The keys as they are now.
    #[must_use]
    pub fn ring(&self) -> Arc<SealingRing> {
        Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether something asked for a key that is not held: an operator has changed the sealing key, and it should be read
    /// again.
    #[must_use]
    pub fn lacks_a_key(&self) -> bool {
        self.lacks.load(Ordering::Acquire)
    }

    /// Takes other keys from now on.
    pub fn replace(&self, ring: SealingRing) {
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
        self.lacks.store(false, Ordering::Release);
    }

    /// Seals, with the newest key, what somebody takes away and brings back: a token that no relay has to remember.
    ///
    /// # Errors
    /// When it cannot be sealed.
    pub fn seal_token(&self, purpose: &str, text: &Secret) -> Result<Vec<u8>, StoreError> {
        let ring = self.ring();
        let newest = ring.key(ring.newest()).ok_or_else(|| StoreError::Setup("there is no sealing key".to_owned()))?;
        newest.seal(&format!("token\0{purpose}"), text)
    }

    /// What was sealed for this purpose by a relay with one of these keys.
    #[must_use]
    pub fn open_token(&self, purpose: &str, sealed: &[u8]) -> Option<Secret> {
        Generation::of_record(sealed)?;
        self.ring().open(&format!("token\0{purpose}"), "", sealed).ok()
    }

    pub(crate) fn note_lack(&self) {
        self.lacks.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: &str = "api_keys/acc_a/lp_live_a";

    fn secret() -> Secret {
        Secret::new("lps_canary".to_owned())
    }

    #[test]
    fn a_secret_opens_in_its_own_place_only() {
        let ring = SealingRing(vec![SealingKey::new(&[7; 32])]);
        let sealed = ring.0[0].seal(PLACE, &secret()).unwrap();
        assert!(!sealed.windows(6).any(|window| window == b"canary"));
        assert_eq!(ring.open(PLACE, "", &sealed).unwrap().expose(), "lps_canary");
        assert_eq!(ring.open("api_keys/acc_b/lp_live_a", "", &sealed), Err(Unopened::Damaged));
        assert_eq!(ring.open("api_keys/acc_a/lp_live_b", "", &sealed), Err(Unopened::Damaged));
        assert_eq!(ring.open(PLACE, "", &sealed[..30]), Err(Unopened::Damaged));
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(ring.open(PLACE, "lp_live_a", &changed).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn each_record_says_which_key_it_wants() {
        let (old, new) = (SealingKey::new(&[7; 32]), SealingKey::new(&[8; 32]));
        let sealed = old.seal(PLACE, &secret()).unwrap();
        assert_eq!(Generation::of_record(&sealed), Some(old.generation()));
        let both = SealingRing(vec![old.clone(), new.clone()]);
        assert_eq!((both.open(PLACE, "", &sealed), both.newest()), (Ok(secret()), new.generation()));
        assert_eq!(SealingRing(vec![new]).open(PLACE, "", &sealed), Err(Unopened::Unknown(old.generation())));
    }

    #[test]
    fn records_from_before_there_were_generations_open_too() {
        let key = SealingKey::new(&[7; 32]);
        let nonce = [9; NONCE_BYTES];
        let payload = Payload { msg: b"lps_canary", aad: b"lp_live_a" };
        let sealed = [nonce.as_slice(), &key.cipher.encrypt(&XNonce::from(nonce), payload).unwrap()].concat();
        let ring = SealingRing(vec![SealingKey::new(&[8; 32]), key]);
        assert_eq!(ring.open(PLACE, "lp_live_a", &sealed), Ok(secret()));
        assert_eq!(ring.open(PLACE, "lp_live_b", &sealed), Err(Unopened::NoKeyFits));
    }

    #[test]
    fn keys_do_not_print() {
        let printed = format!("{:?}", Sealing::with(SealingKey::new(&[7; 32])));
        assert!(!printed.contains("[7") && !printed.contains("0707"), "{printed}");
    }
}
