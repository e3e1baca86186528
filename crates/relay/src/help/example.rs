//! A refusal of each code, as it might be, for its page.

use protocol::fetch_request::PayloadError;
use protocol::key::{Scope, Scopes};
use protocol::{JobId, ProblemCode, UnixMillis};

use crate::problem::{Received, Refusal};

/// When the examples happened.
pub(super) const NOW: UnixMillis = UnixMillis(1_779_753_600_000);

/// One of this code.
pub(super) fn of(code: ProblemCode) -> Refusal {
    match code {
        ProblemCode::MalformedJson => Refusal::MalformedJson("Duplicate member `rowId`".to_owned()),
        ProblemCode::InvalidParameter => {
            Refusal::InvalidParameter { name: "limit".to_owned(), detail: "expected a whole number from 1 to 200".to_owned() }
        }
        ProblemCode::MissingHeader => Refusal::MissingHeader("X-Link-Peeler-Nonce"),
        ProblemCode::MalformedHeader => {
            Refusal::MalformedHeader { header: "X-Link-Peeler-Timestamp", detail: "expected 1 to 12 digits (unix seconds)".to_owned() }
        }
        ProblemCode::InvalidCredentials => Refusal::InvalidCredentials(Received {
            body_bytes: 118,
            body_sha256: "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03".to_owned(),
            base: "timestamp.nonce.body",
        }),
        ProblemCode::StaleTimestamp => {
            Refusal::StaleTimestamp { detail: "The timestamp is 421 s in the past; at most 300 s are allowed".to_owned(), server_time: NOW }
        }
        ProblemCode::PlanRequired => Refusal::PlanRequired,
        ProblemCode::AccessDenied => Refusal::AccessDenied,
        ProblemCode::NotFound => Refusal::NotFound,
        ProblemCode::MethodNotAllowed => Refusal::MethodNotAllowed,
        ProblemCode::RequestTimeout => Refusal::RequestTimeout,
        ProblemCode::NonceReused => Refusal::NonceReused,
        ProblemCode::AlreadyConcluded => Refusal::AlreadyConcluded,
        ProblemCode::KeyExists => Refusal::KeyExists,
        ProblemCode::ExpiredToken => Refusal::ExpiredToken,
        ProblemCode::BodyTooLarge => Refusal::BodyTooLarge { limit: 65_536 },
        ProblemCode::UnsupportedMediaType => Refusal::UnsupportedMediaType { expected: "application/json" },
        ProblemCode::InvalidPayload => Refusal::InvalidPayload(vec![
            PayloadError::new("/trackingUrl", "must be an absolute http or https URL"),
            PayloadError::new("/rowid", "is not a member of this object"),
        ]),
        ProblemCode::IdempotencyMismatch => Refusal::IdempotencyMismatch { first: JobId::new(NOW, [0; 10]) },
        ProblemCode::AuthorizationPending => Refusal::AuthorizationPending,
        ProblemCode::RateLimited => Refusal::RateLimited { retry_after: 1 },
        ProblemCode::InsufficientScope => {
            Refusal::InsufficientScope { needed: Scope::Read, scopes: Scopes::of(&[Scope::Submit]).unwrap_or(Scopes::ALL) }
        }
        ProblemCode::KeyChanged => Refusal::KeyChanged,
        ProblemCode::TooManyKeys => Refusal::TooManyKeys { limit: protocol::key::MAX_KEYS },
        ProblemCode::PlanFull => Refusal::PlanFull { what: "API keys", limit: 2 },
        ProblemCode::TooManyStreams => Refusal::TooManyStreams { limit: 8 },
        ProblemCode::TooManyPulls => Refusal::TooManyPulls { limit: 16 },
        ProblemCode::SlowDown => Refusal::SlowDown { interval: 5 },
        ProblemCode::QuotaExceeded => {
            Refusal::QuotaExceeded { used: 100_000, limit: 100_000, renews_at: UnixMillis(1_780_272_000_000), retry_after: 518_400 }
        }
        ProblemCode::BacklogFull => Refusal::BacklogFull { waiting: 20_000, limit: 20_000 },
        ProblemCode::Internal => Refusal::Internal,
        ProblemCode::Overloaded => Refusal::Overloaded,
        ProblemCode::OutcomeUnknown => Refusal::OutcomeUnknown,
    }
}
