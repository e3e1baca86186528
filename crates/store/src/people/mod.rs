//! Persons: who signs in, to which accounts they belong, and how they came in. Hashes of tokens and passphrases are all that
//! is kept of what opens a door. Whether a passphrase is right is not decided here: storage hands out its hash.

pub(crate) mod identity;
pub(crate) mod invitation;
pub(crate) mod membership;
mod operations;
pub(crate) mod operator;
pub(crate) mod session;
pub(crate) mod setup;

use protocol::Secret;
use sha2::{Digest, Sha256};

/// Tokens are as good as passphrases while they live: the database keeps hashes. They are random, so a quick hash does.
fn token_hash(token: &Secret) -> [u8; 32] {
    Sha256::digest(token.expose()).into()
}
