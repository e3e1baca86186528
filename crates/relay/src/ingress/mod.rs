//! What callers may ask for. Every route takes a [`signature::Signed`] payload: no unsigned body exists past it.

pub(crate) mod batch;
pub(crate) mod channel;
pub(crate) mod credentials;
pub(crate) mod events;
pub(crate) mod fetch;
pub(crate) mod jobs;
pub(crate) mod limits;
pub(crate) mod query;
pub(crate) mod read;
pub(crate) mod rows;
pub(crate) mod signature;
pub(crate) mod verify;
