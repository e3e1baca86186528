//! What a commit adds to the audit of one account, and the hash that ties it to what was there before.

use std::fmt;
use std::str::FromStr;

use protocol::{AccountId, UnixMillis};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::entry::{Entry, Line};

/// The first bytes under every hash: these 32 bytes mean a block of this audit and nothing else.
const TAG: &[u8] = b"link-peeler audit block 1\n";

/// SHA-256 of a block. Written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct BlockHash(pub [u8; 32]);

/// What the first block of an account follows: nothing.
pub const BEGINNING: BlockHash = BlockHash([0; 32]);

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
    pub previous: BlockHash,
    /// Its own.
    pub hash: BlockHash,
    /// A JSON array of [`Line`]s, byte for byte as it was hashed.
    pub entries: Box<RawValue>,
}

impl Block {
    /// The hash that these contents must have. What is hashed: a tag, account (16 bytes), number and time (64 bits each,
    /// big-endian), the hash before, and SHA-256 of the entries' bytes.
    #[must_use]
    pub fn hash_of(account: &[u8; 16], seq: u64, at: UnixMillis, previous: &BlockHash, entries_sha256: &[u8; 32]) -> BlockHash {
        let hash = Sha256::new()
            .chain_update(TAG)
            .chain_update(account)
            .chain_update(seq.to_be_bytes())
            .chain_update(at.0.to_be_bytes())
            .chain_update(previous.0)
            .chain_update(entries_sha256);
        BlockHash(hash.finalize().into())
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

impl fmt::Display for BlockHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for BlockHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is no hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 64 hexadecimal digits")]
pub struct InvalidHash;

impl FromStr for BlockHash {
    type Err = InvalidHash;

    fn from_str(text: &str) -> Result<Self, InvalidHash> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err(InvalidHash);
        }
        for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| InvalidHash)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| InvalidHash)?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for BlockHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for BlockHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
