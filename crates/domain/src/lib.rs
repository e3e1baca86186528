//! The rules of Link Peeler as pure functions: facts in, decision out. No I/O, no clock, no randomness of its own, and
//! no SQL: `store` gathers the facts, asks here, and applies what comes back.

pub mod admission;
pub mod audit;
pub mod channel;
pub mod email;
pub mod events;
pub mod latency;
pub mod lease;
pub mod month;
pub mod nonce_window;
pub mod passphrase;
pub mod plan;
pub mod readiness;
pub mod retention;
pub mod role;
pub mod session;

pub use admission::{Decision, Ledger};
pub use email::EmailAddress;
pub use latency::Bucket as LatencyBucket;
pub use lease::{AfterLease, LeasePolicy};
pub use month::Month;
pub use plan::{Plan, Plans};
pub use retention::Retention;
pub use role::Role;
pub use session::SessionTimes;
