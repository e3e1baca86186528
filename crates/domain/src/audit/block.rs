//! What a commit adds to the audit of one account, and the hash that ties it to what was there before.

use protocol::{AccountId, UnixMillis};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::entry::{Entry, Line};
use super::hash::Sha256Hash;

/// The first bytes under every hash: these 32 bytes mean a block of this audit and nothing else.
const TAG: &[u8] = b"link-peeler audit block 1\n";

/// What the first block of an account follows: nothing.
pub const BEGINNING: Sha256Hash = Sha256Hash([0; 32]);

/// One block, with the exact bytes that its hash covers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Block {
    /// Whose.
    pub account: AccountId,
    /// Its number: one more than the block's before it; the first is 1.
    pub seq: u64,
    /// When it was committed, by the clock of the relay that did.
    pub at: UnixMillis,
    /// The hash of the block before it.
    pub previous: Sha256Hash,
    /// Its own.
    pub hash: Sha256Hash,
    /// A JSON array of [`Line`]s, byte for byte as it was hashed.
    pub entries: Box<RawValue>,
}

impl Block {
    /// The hash that these contents must have. What is hashed: a tag, account (16 bytes), number and time (64 bits each,
    /// big-endian), the hash before, and SHA-256 of the entries' bytes.
    #[must_use]
    pub fn hash_of(account: &[u8; 16], seq: u64, at: UnixMillis, previous: &Sha256Hash, entries_sha256: &[u8; 32]) -> Sha256Hash {
        let hash = Sha256::new()
            .chain_update(TAG)
            .chain_update(account)
            .chain_update(seq.to_be_bytes())
            .chain_update(at.0.to_be_bytes())
            .chain_update(previous.0)
            .chain_update(entries_sha256);
        Sha256Hash(hash.finalize().into())
    }

    /// Whether its hash is that of its contents.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        let entries_sha256 = Sha256::digest(self.entries.get()).into();
        Self::hash_of(self.account.as_bytes(), self.seq, self.at, &self.previous, &entries_sha256) == self.hash
    }

    /// Its entries.
    ///
    /// # Errors
    /// When they are no lines: the block was not written by this program, or damaged.
    pub fn lines(&self) -> Result<Vec<Line>, serde_json::Error> {
        serde_json::from_str(self.entries.get())
    }
}

/// What a transaction has to add for one account, in order.
#[derive(Debug, Default)]
pub struct Draft(Vec<Line>);

impl Draft {
    /// Adds an entry, to the line before it where both can share one.
    pub fn add(&mut self, at: UnixMillis, entry: Entry) {
        let rest = match self.0.last_mut() {
            Some(last) => last.entry.absorb(entry),
            None => Some(entry),
        };
        self.0.extend(rest.map(|entry| Line { at, entry: entry.bounded() }));
    }

    /// The time of the block: that of its last line.
    #[must_use]
    pub fn at(&self) -> UnixMillis {
        self.0.iter().map(|line| line.at).max().unwrap_or_default()
    }

    /// The entries as they are kept, and their SHA-256.
    #[must_use]
    pub fn seal(&self) -> (String, [u8; 32]) {
        // Lines of ours have string keys only: writing them does not fail.
        let entries = serde_json::to_string(&self.0).unwrap_or_default();
        let digest = Sha256::digest(&entries).into();
        (entries, digest)
    }
}
