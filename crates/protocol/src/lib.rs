//! What callers, desktops and the relay say to each other: wire types, ids, signing and verifying, problems,
//! and the seam for time. No I/O and no async, so that the same code serves the relay, the desktop and any Rust
//! program that sends signed requests. The contract in prose is `docs/protocol.md`.
//!
//! Signing a request takes three lines:
//!
//! ```
//! use protocol::{KeyId, Secret, signature::{UnsignedRequest, sign}};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (key_id, secret) = ("lp_test_0123456789abcdef".parse::<KeyId>()?, Secret::new("lps_example".to_owned()));
//! # let body = br#"{"idempotencyKey":"offer-001","trackingUrl":"https://trk.example/a1","source":"platform_api","rowId":"offer-001"}"#;
//! let request = UnsignedRequest::now("POST", "/api/links/fetch", body);
//! let headers = sign(&key_id, &secret, &request);
//! assert_eq!(headers.pairs().len(), 4); // send them with `Content-Type: application/json` and the same bytes
//! # Ok(()) }
//! ```

pub mod clock;
pub mod conclusion;
pub mod device;
pub mod device_signature;
pub mod event;
pub mod expectation;
pub mod fetch_request;
pub mod har;
pub mod ids;
pub mod job;
pub mod key;
pub mod linking;
pub mod message;
#[cfg(test)]
mod message_fixtures;
pub mod problem;
pub mod result;
mod result_check;
pub mod row;
#[cfg(feature = "schema")]
mod schema;
pub mod secret;
pub mod signature;
pub mod strict_json;
pub mod text;
pub mod tracking_url;

pub use clock::{Clock, ManualClock, SystemClock, UnixMillis};
pub use conclusion::{Class, Conclusion};
pub use event::{ActiveChannel, EventsReset, JobEvent};
pub use expectation::{RequiredParameter, RowExpectation};
pub use fetch_request::{Context, DeviceKind, EngineChoice, FetchRequest, PayloadError};
pub use ids::{AccountId, DeviceId, InvitationId, JobId, OperatorId, PollId, RequestId, SessionId};
pub use job::{Job, JobPage, JobState};
pub use key::{Environment, KeyId};
pub use problem::{Problem, ProblemCode};
pub use result::{Hop, HopKind, JobResult};
pub use row::{CheckStatus, NotReadyReason, Row, RowPage};
pub use secret::Secret;
