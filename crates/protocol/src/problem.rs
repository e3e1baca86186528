//! Problems: every refusal of the relay, with a stable code (RFC 9457). One table from code to status and title.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The media type of a problem.
pub const MEDIA_TYPE: &str = "application/problem+json";

macro_rules! problem_codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $status:literal, $title:literal;)*) => {
        /// Why the relay refused. The codes are stable: callers may branch on them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(rename_all = "snake_case")]
        pub enum ProblemCode {
            $($(#[$doc])* $name,)*
        }

        impl ProblemCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The word on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code),* }
            }

            /// The HTTP status it comes with.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status),* }
            }

            /// What it means in general; `detail` says what it means here.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title),* }
            }
        }
    };
}

problem_codes! {
    /// Not one JSON object, a duplicate member, or nesting too deep.
    MalformedJson = "malformed_json", 400, "The body is not one well-formed JSON object";
    /// A query parameter is wrong.
    InvalidParameter = "invalid_parameter", 400, "A query parameter is wrong";
    /// A signing header is absent.
    MissingHeader = "missing_header", 401, "A signing header is missing";
    /// A signing header is repeated or off its grammar.
    MalformedHeader = "malformed_header", 401, "A signing header is malformed";
    /// Unknown or revoked key, or a wrong signature.
    InvalidCredentials = "invalid_credentials", 401, "The key or the signature is not valid";
    /// The signature is right, the clock is not.
    StaleTimestamp = "stale_timestamp", 401, "The signing timestamp is outside the window";
    /// The plan has no API Links.
    PlanRequired = "plan_required", 403, "The plan does not include API Links";
    /// The key lacks the scope for this endpoint.
    InsufficientScope = "insufficient_scope", 403, "The key may not do this";
    /// An operator said no to linking.
    AccessDenied = "access_denied", 403, "Linking was denied";
    /// Nothing is there, or nothing that this account may see.
    NotFound = "not_found", 404, "Not found";
    /// The path is right, the method is not.
    MethodNotAllowed = "method_not_allowed", 405, "Method not allowed";
    /// The request did not arrive in time.
    RequestTimeout = "request_timeout", 408, "The request took too long to arrive";
    /// This key has used this nonce within the window.
    NonceReused = "nonce_reused", 409, "The nonce was used before";
    /// A job that has ended cannot be cancelled.
    AlreadyConcluded = "already_concluded", 409, "The job has already ended";
    /// The account already has a key of this id, with another secret.
    KeyExists = "key_exists", 409, "The key id is taken";
    /// Somebody else has rotated the key meanwhile.
    KeyChanged = "key_changed", 409, "The key has changed meanwhile";
    /// The account has as many keys as it may have.
    TooManyKeys = "too_many_keys", 409, "There are too many keys";
    /// The account's plan has no room for another key or desktop.
    PlanFull = "plan_full", 409, "The plan has no room for another";
    /// The code that a desktop polls with has run out.
    ExpiredToken = "expired_token", 410, "The linking code has expired";
    /// The body is over its bound.
    BodyTooLarge = "body_too_large", 413, "The body is too large";
    /// The body is not JSON by its media type.
    UnsupportedMediaType = "unsupported_media_type", 415, "The media type is not supported";
    /// The payload breaks its shape.
    InvalidPayload = "invalid_payload", 422, "The payload is not valid";
    /// The idempotency key belongs to another payload.
    IdempotencyMismatch = "idempotency_mismatch", 422, "The idempotency key was used for another payload";
    /// No operator has approved the linking code yet.
    AuthorizationPending = "authorization_pending", 425, "The linking code awaits approval";
    /// Too many requests a second.
    RateLimited = "rate_limited", 429, "Too many requests";
    /// The key listens to as many event streams as it may.
    TooManyStreams = "too_many_streams", 429, "Too many event streams";
    /// The desktop has as many pulls open as it may.
    TooManyPulls = "too_many_pulls", 429, "Too many pulls are open";
    /// A desktop polls faster than it was told.
    SlowDown = "slow_down", 429, "Polling too fast";
    /// The month's fetches are used up.
    QuotaExceeded = "quota_exceeded", 429, "The monthly quota is used up";
    /// Too many jobs wait at once.
    BacklogFull = "backlog_full", 429, "Too many jobs are waiting";
    /// The relay failed.
    Internal = "internal", 500, "The relay failed";
    /// Bounded queues are full; nothing was stored.
    Overloaded = "overloaded", 503, "The relay is at its capacity";
    /// The database did not say whether it committed: the same request again settles it.
    OutcomeUnknown = "outcome_unknown", 503, "The outcome is not known yet";
}

impl fmt::Display for ProblemCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A refusal as it is written on the wire (RFC 9457).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// A stable URI that answers with a help page.
    #[serde(rename = "type")]
    pub type_uri: String,
    /// The code's title.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong here, and what to do.
    pub detail: String,
    /// The stable code.
    pub code: String,
    /// Names this one request in the relay's log.
    pub request_id: String,
    /// Members of the code's own.
    #[serde(flatten)]
    pub members: serde_json::Map<String, serde_json::Value>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({} {}, request {})", self.code, self.detail, self.status, self.title, self.request_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_what_serde_writes() {
        for code in ProblemCode::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
            assert!((400..600).contains(&code.status()));
        }
    }
}
