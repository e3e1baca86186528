//! The audit: what was decided, for whom, by whom. Entries of one commit travel as one [`Block`] of their account, and each
//! block names the hash of the one before it, so that nothing can be changed, taken out or put in without a break that
//! [`chain::Walk`] finds. Pure: the store keeps the blocks, this room says what they mean.

mod actor;
pub mod block;
pub mod chain;
mod describe;
mod entry;
mod hash;
mod received;

pub use actor::Actor;
pub use block::{Block, Draft};
pub use entry::{Entry, Line, Requeued, TEXT_CHARS};
pub use hash::Sha256Hash;
pub use received::Received;
