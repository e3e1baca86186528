//! Refusals, and the one table from refusal to code, detail and members. Handlers return a [`Refusal`]; [`write`] turns
//! it into a problem (RFC 9457) once, on the way out.

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use protocol::fetch_request::PayloadError;
use protocol::key::{Scope, Scopes};
use protocol::problem::{self, Problem, ProblemCode};
use protocol::signature::SignedTarget;
use protocol::{JobId, RequestId, UnixMillis};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use store::StoreError;
use tracing::Instrument as _;

use crate::answer::REQUEST_ID;
use crate::ingress::limits::Limits;
use crate::refusals::Witness;
use crate::state::Shared;

/// Every way in which a request is refused.
#[derive(Clone, Debug)]
pub(crate) enum Refusal {
    MalformedJson(String),
    InvalidParameter {
        name: String,
        detail: String,
    },
    MissingHeader(&'static str),
    MalformedHeader {
        header: &'static str,
        detail: String,
    },
    InvalidCredentials(Received),
    /// No linked device, or not its signature. The URI is the one that would have been right.
    UnknownDevice {
        target_uri: String,
    },
    /// What the sender could do when the head of the request came they could not do any more when its body had come.
    RightLost,
    StaleTimestamp {
        detail: String,
        server_time: UnixMillis,
    },
    /// The clock has stepped back into a time whose nonces are gone: whether this one was used cannot be known.
    NonceForgotten {
        server_time: UnixMillis,
    },
    PlanRequired,
    InsufficientScope {
        needed: Scope,
        scopes: Scopes,
    },
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    NonceReused,
    AlreadyConcluded,
    KeyExists,
    KeyChanged,
    TooManyKeys {
        limit: usize,
    },
    /// The account's plan has room for so many of these, and they are there.
    PlanFull {
        what: &'static str,
        limit: u32,
    },
    AccessDenied,
    ExpiredToken,
    AuthorizationPending,
    SlowDown {
        interval: u32,
    },
    BodyTooLarge {
        limit: usize,
    },
    UnsupportedMediaType {
        expected: &'static str,
    },
    InvalidPayload(Vec<PayloadError>),
    IdempotencyMismatch {
        first: JobId,
    },
    RateLimited {
        retry_after: u64,
    },
    /// Too much from one address that nobody has proven to be theirs.
    AddressLimited {
        retry_after: u64,
    },
    /// More than one desktop may send.
    DeviceLimited {
        retry_after: u64,
    },
    QuotaExceeded {
        used: u64,
        limit: u64,
        renews_at: UnixMillis,
        retry_after: u64,
    },
    BacklogFull {
        waiting: u64,
        limit: u64,
    },
    /// The key listens already as often as it may.
    TooManyStreams {
        limit: u32,
    },
    /// The desktop has as many pulls open as it may.
    TooManyPulls {
        limit: u32,
    },
    Overloaded,
    /// The database cannot be reached or written to now: to a caller the same as no room, for another reason.
    DatabaseAway,
    OutcomeUnknown,
    Internal,
}

/// What arrived under a signature that did not match: a caller finds its own mistake with it.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) body_bytes: usize,
    pub(crate) body_sha256: String,
    pub(crate) base: &'static str,
}

impl Received {
    /// Of a request without a body.
    pub(crate) fn nothing() -> Self {
        let base = SignedTarget::of("GET", "/").recipe();
        Self { body_bytes: 0, body_sha256: data_encoding::HEXLOWER.encode(&Sha256::digest(b"")), base }
    }
}

/// What desktops sign (RFC 9421).
const DEVICE_BASE: &str = "\"@method\" \"@target-uri\" \"content-digest\"";
/// Seconds after which an overloaded relay is worth another try.
const OVERLOADED_RETRY_SECONDS: u64 = 1;
/// Seconds after which a full backlog is worth another try.
const BACKLOG_RETRY_SECONDS: u64 = 10;

impl Refusal {
    pub(crate) const fn code(&self) -> ProblemCode {
        match self {
            Self::MalformedJson(_) => ProblemCode::MalformedJson,
            Self::InvalidParameter { .. } => ProblemCode::InvalidParameter,
            Self::MissingHeader(_) => ProblemCode::MissingHeader,
            Self::MalformedHeader { .. } => ProblemCode::MalformedHeader,
            Self::InvalidCredentials(_) | Self::UnknownDevice { .. } | Self::RightLost => ProblemCode::InvalidCredentials,
            Self::StaleTimestamp { .. } | Self::NonceForgotten { .. } => ProblemCode::StaleTimestamp,
            Self::PlanRequired => ProblemCode::PlanRequired,
            Self::InsufficientScope { .. } => ProblemCode::InsufficientScope,
            Self::NotFound => ProblemCode::NotFound,
            Self::MethodNotAllowed => ProblemCode::MethodNotAllowed,
            Self::RequestTimeout => ProblemCode::RequestTimeout,
            Self::NonceReused => ProblemCode::NonceReused,
            Self::AlreadyConcluded => ProblemCode::AlreadyConcluded,
            Self::KeyExists => ProblemCode::KeyExists,
            Self::KeyChanged => ProblemCode::KeyChanged,
            Self::TooManyKeys { .. } => ProblemCode::TooManyKeys,
            Self::PlanFull { .. } => ProblemCode::PlanFull,
            Self::AccessDenied => ProblemCode::AccessDenied,
            Self::ExpiredToken => ProblemCode::ExpiredToken,
            Self::AuthorizationPending => ProblemCode::AuthorizationPending,
            Self::SlowDown { .. } => ProblemCode::SlowDown,
            Self::BodyTooLarge { .. } => ProblemCode::BodyTooLarge,
            Self::UnsupportedMediaType { .. } => ProblemCode::UnsupportedMediaType,
            Self::InvalidPayload(_) => ProblemCode::InvalidPayload,
            Self::IdempotencyMismatch { .. } => ProblemCode::IdempotencyMismatch,
            Self::RateLimited { .. } | Self::AddressLimited { .. } | Self::DeviceLimited { .. } => ProblemCode::RateLimited,
            Self::QuotaExceeded { .. } => ProblemCode::QuotaExceeded,
            Self::BacklogFull { .. } => ProblemCode::BacklogFull,
            Self::TooManyStreams { .. } => ProblemCode::TooManyStreams,
            Self::TooManyPulls { .. } => ProblemCode::TooManyPulls,
            Self::Overloaded | Self::DatabaseAway => ProblemCode::Overloaded,
            Self::OutcomeUnknown => ProblemCode::OutcomeUnknown,
            Self::Internal => ProblemCode::Internal,
        }
    }

    pub(crate) fn detail(&self) -> String {
        match self {
            Self::MalformedJson(detail) => format!("{detail}. Send one JSON object without duplicate members."),
            Self::InvalidParameter { name, detail } => format!("{name}: {detail}."),
            Self::MissingHeader(header) => format!("{header} is missing. A signed request has each of its headers exactly once."),
            Self::MalformedHeader { header, detail } => format!("{header}: {detail}."),
            Self::InvalidCredentials(_) => {
                "The key is not known or revoked, or the signature is not that of its secret over what was received. Compare bodyBytes and \
                 bodySha256 with what you signed; `link-peeler sign` shows the base."
                    .to_owned()
            }
            Self::UnknownDevice { .. } => {
                "The device is not linked or was revoked, or the signature is not that of its key over what was received. Compare targetUri \
                 with the URI that you signed; link again if it is the same."
                    .to_owned()
            }
            Self::RightLost => "The device was revoked while the request was on its way. Nothing was changed; link it again.".to_owned(),
            Self::NonceForgotten { .. } => {
                "The timestamp lies in a time whose nonces have been dropped, so nobody can tell whether this one was used. Sign again with a \
                 timestamp of now."
                    .to_owned()
            }
            Self::StaleTimestamp { detail, .. } => format!("{detail}. Set the clock by serverTime and sign again."),
            Self::PlanRequired => "The account's plan has no signed requests. Change the plan.".to_owned(),
            Self::InsufficientScope { needed, scopes } => {
                format!("This needs a key with the scope `{needed}`; the key has {scopes}. Use another key, or make one on a desktop.")
            }
            Self::NotFound => "There is nothing here, or nothing that belongs to this account.".to_owned(),
            Self::MethodNotAllowed => "This path has other methods; the Allow header names them.".to_owned(),
            Self::RequestTimeout => "The body did not arrive in time. Send it again on a new connection.".to_owned(),
            Self::NonceReused => "This key has used the nonce before. Sign again with a new nonce; the idempotency key stays.".to_owned(),
            Self::AlreadyConcluded => "The job has concluded; there is nothing left to cancel.".to_owned(),
            Self::KeyExists => "The key id is taken. Make a new one.".to_owned(),
            Self::KeyChanged => "The key was rotated or revoked meanwhile. List the keys, and decide again.".to_owned(),
            Self::TooManyKeys { limit } => {
                format!("The account has had {limit} keys, revoked ones included, and may have no more. Rotate a key instead.")
            }
            Self::PlanFull { what, limit } => {
                format!("The account's plan has room for {limit} {what}. Revoke one that is not needed, or choose another plan.")
            }
            Self::AccessDenied => "An operator has denied this desktop.".to_owned(),
            Self::ExpiredToken => "The code has run out or was used. Ask for a new one.".to_owned(),
            Self::AuthorizationPending => "No operator has approved the code yet. Poll again after the interval.".to_owned(),
            Self::SlowDown { interval } => format!("Poll every {interval} s at most."),
            Self::BodyTooLarge { limit } => format!("The body may have at most {limit} bytes."),
            Self::UnsupportedMediaType { expected } => format!("Send Content-Type: {expected}."),
            Self::InvalidPayload(errors) => match errors.as_slice() {
                [PayloadError { pointer, detail }] => format!("{} {detail}.", if pointer.is_empty() { "The body" } else { pointer }),
                several => format!("{} members are wrong; errors names each.", several.len()),
            },
            Self::IdempotencyMismatch { first } => {
                format!(
                    "The idempotency key made {first} from another payload. Use a new key for a new job, or send the first payload again."
                )
            }
            Self::RateLimited { retry_after } => format!("The key may not send more requests now. Wait {retry_after} s."),
            Self::AddressLimited { retry_after } => {
                format!(
                    "Too many requests from this address have proven no key and no session. Wait {retry_after} s, and see why they were refused."
                )
            }
            Self::DeviceLimited { retry_after } => {
                format!("The desktop sends more than it may. Wait {retry_after} s, and send what is left then.")
            }
            Self::QuotaExceeded { used, limit, renews_at, .. } => {
                format!("{used} of {limit} fetches are used; the quota renews at {renews_at}.")
            }
            Self::BacklogFull { waiting, limit } => {
                format!("{waiting} jobs wait and {limit} may. Link a desktop or wait until some have been resolved.")
            }
            Self::TooManyStreams { limit } => format!("{limit} event streams of this key are open, and more it may not have. Close one, or share one."),
            Self::TooManyPulls { limit } => {
                format!("{limit} pulls of this desktop are open, and more it may not have. Wait until one is answered: one is enough.")
            }
            Self::Overloaded => "The relay is at its capacity. Nothing was stored; send the same request again.".to_owned(),
            Self::DatabaseAway => {
                "The relay cannot reach its database, or not write to it. Nothing was stored; send the same request again.".to_owned()
            }
            Self::OutcomeUnknown => "The database did not confirm in time. Send the job again with the same idempotency key.".to_owned(),
            Self::Internal => "The relay failed; its log has the cause under the request id. Send a job again under the same idempotency key: it is made once."
                .to_owned(),
        }
    }

    fn members(&self) -> Map<String, Value> {
        let members = match self {
            Self::MissingHeader(header) | Self::MalformedHeader { header, .. } => json!({ "header": header }),
            Self::InvalidParameter { name, .. } => json!({ "parameter": name }),
            Self::InvalidCredentials(received) => {
                json!({ "bodyBytes": received.body_bytes, "bodySha256": received.body_sha256, "base": received.base })
            }
            Self::UnknownDevice { target_uri } => json!({ "base": DEVICE_BASE, "targetUri": target_uri }),
            Self::StaleTimestamp { server_time, .. } | Self::NonceForgotten { server_time } => json!({ "serverTime": server_time }),
            Self::InvalidPayload(errors) => json!({ "errors": errors }),
            Self::IdempotencyMismatch { first } => json!({ "jobId": first }),
            Self::RateLimited { .. } => json!({ "violated-policies": ["burst"] }),
            Self::AddressLimited { .. } => json!({ "violated-policies": ["address"] }),
            Self::DeviceLimited { .. } => json!({ "violated-policies": ["device"] }),
            Self::QuotaExceeded { used, limit, renews_at, .. } => {
                json!({ "violated-policies": ["monthly"], "used": used, "limit": limit, "renewsAt": renews_at })
            }
            Self::BacklogFull { waiting, limit } => json!({ "violated-policies": ["backlog"], "waiting": waiting, "limit": limit }),
            Self::TooManyStreams { limit } | Self::TooManyPulls { limit } => json!({ "limit": limit }),
            Self::InsufficientScope { needed, scopes } => json!({ "needed": needed, "scopes": scopes }),
            Self::TooManyKeys { limit } => json!({ "limit": limit }),
            Self::PlanFull { limit, .. } => json!({ "limit": limit }),
            Self::SlowDown { interval } => json!({ "interval": interval }),
            Self::MalformedJson(_)
            | Self::PlanRequired
            | Self::NotFound
            | Self::MethodNotAllowed
            | Self::RequestTimeout
            | Self::RightLost
            | Self::NonceReused
            | Self::AlreadyConcluded
            | Self::KeyExists
            | Self::KeyChanged
            | Self::AccessDenied
            | Self::ExpiredToken
            | Self::AuthorizationPending
            | Self::BodyTooLarge { .. }
            | Self::UnsupportedMediaType { .. }
            | Self::Overloaded
            | Self::DatabaseAway
            | Self::OutcomeUnknown
            | Self::Internal => Value::Null,
        };
        if let Value::Object(members) = members { members } else { Map::new() }
    }

    /// Seconds for `Retry-After`.
    const fn retry_after(&self) -> Option<u64> {
        match self {
            Self::RateLimited { retry_after }
            | Self::AddressLimited { retry_after }
            | Self::DeviceLimited { retry_after }
            | Self::QuotaExceeded { retry_after, .. } => Some(*retry_after),
            Self::BacklogFull { .. } | Self::TooManyStreams { .. } | Self::TooManyPulls { .. } => Some(BACKLOG_RETRY_SECONDS),
            Self::SlowDown { interval } => Some(*interval as u64),
            Self::Overloaded | Self::DatabaseAway | Self::OutcomeUnknown => Some(OVERLOADED_RETRY_SECONDS),
            _ => None,
        }
    }

    /// As it is written on the wire.
    pub(crate) fn problem(&self, public_url: &str, request_id: RequestId) -> Problem {
        let code = self.code();
        Problem {
            type_uri: self.type_uri(public_url),
            title: code.title().to_owned(),
            status: code.status(),
            detail: self.detail(),
            code: code.to_string(),
            request_id: request_id.to_string(),
            members: self.members(),
        }
    }

    fn type_uri(&self, public_url: &str) -> String {
        // Registered types where they fit, so that generic callers understand them.
        match self {
            Self::RateLimited { .. } | Self::AddressLimited { .. } | Self::DeviceLimited { .. } | Self::QuotaExceeded { .. } => {
                "https://iana.org/assignments/http-problem-types#quota-exceeded".to_owned()
            }
            Self::Overloaded | Self::DatabaseAway => {
                "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity".to_owned()
            }
            _ => format!("{public_url}/problems/{}", self.code()),
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Overloaded | StoreError::Closed | StoreError::Conflict(_) => Self::Overloaded,
            StoreError::Unavailable(_) => Self::DatabaseAway,
            StoreError::OutcomeUnknown => Self::OutcomeUnknown,
            StoreError::RightLost => Self::RightLost,
            StoreError::Setup(_) | StoreError::Served(_) | StoreError::Database(_) | StoreError::Damaged(_) | StoreError::Corrupt(_) => {
                tracing::error!(%error, "store failed");
                Self::Internal
            }
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.code().status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// What a signed request is answered when it is refused, with its limits once it is known whose they are.
pub(crate) struct Refused(pub(crate) Option<Limits>, pub(crate) Refusal);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = self.1.into_response();
        if let Some(limits) = self.0 {
            limits.write(&mut response);
        }
        response
    }
}

/// Gives every answer its request id, and every refusal its body. Whatever is logged meanwhile is logged under the id.
pub(crate) async fn write(State(state): State<Shared>, mut request: Request, next: Next) -> Response {
    let request_id = state.new_request_id();
    request.extensions_mut().insert(request_id);
    let witness = Witness::default();
    request.extensions_mut().insert(witness.clone());
    let challenge = challenge(request.uri().path());
    let span = tracing::info_span!("request", id = %request_id);
    let mut response = next.run(request).instrument(span.clone()).await;
    let id = HeaderValue::from_str(&request_id.to_string()).unwrap_or(HeaderValue::from_static("req_"));
    response.headers_mut().insert(REQUEST_ID, id);
    let Some(refusal) = response.extensions_mut().remove::<Refusal>() else { return response };
    let code = refusal.code();
    state.metrics.refused(code);
    if let Some(proven) = witness.take() {
        state.refusals.proven(&proven, &refusal, state.now());
    }
    span.in_scope(|| match code {
        ProblemCode::Internal => tracing::error!(request_id = %request_id, "the relay failed at a request"),
        _ => tracing::debug!(%code, detail = refusal.detail(), "refused"),
    });
    let problem = refusal.problem(&state.public_url, request_id);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(problem::MEDIA_TYPE));
    headers.remove(header::CONTENT_LENGTH);
    if let Some(seconds) = refusal.retry_after() {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    if problem.status == 401 {
        headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
    headers.insert(HeaderName::from_static("cache-control"), HeaderValue::from_static("no-store"));
    *response.body_mut() = serde_json::to_vec(&problem).unwrap_or_default().into();
    response
}

/// How a request to this path would have to be signed.
fn challenge(path: &str) -> HeaderValue {
    HeaderValue::from_static(if path.starts_with("/api/device/") { "Signature" } else { "LinkPeeler-HMAC-SHA256" })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of each. A refusal of a new code begins here.
    fn one_of_each() -> Vec<Refusal> {
        let now = UnixMillis(0);
        vec![
            Refusal::MalformedJson(String::new()),
            Refusal::InvalidParameter { name: String::new(), detail: String::new() },
            Refusal::MissingHeader("X"),
            Refusal::MalformedHeader { header: "X", detail: String::new() },
            Refusal::InvalidCredentials(Received { body_bytes: 0, body_sha256: String::new(), base: "" }),
            Refusal::UnknownDevice { target_uri: String::new() },
            Refusal::RightLost,
            Refusal::StaleTimestamp { detail: String::new(), server_time: now },
            Refusal::NonceForgotten { server_time: now },
            Refusal::PlanRequired,
            Refusal::InsufficientScope { needed: Scope::Read, scopes: Scopes::ALL },
            Refusal::NotFound,
            Refusal::MethodNotAllowed,
            Refusal::RequestTimeout,
            Refusal::NonceReused,
            Refusal::AlreadyConcluded,
            Refusal::KeyExists,
            Refusal::KeyChanged,
            Refusal::TooManyKeys { limit: 1 },
            Refusal::PlanFull { what: "desktops", limit: 1 },
            Refusal::AccessDenied,
            Refusal::ExpiredToken,
            Refusal::AuthorizationPending,
            Refusal::SlowDown { interval: 5 },
            Refusal::BodyTooLarge { limit: 1 },
            Refusal::UnsupportedMediaType { expected: "" },
            Refusal::InvalidPayload(Vec::new()),
            Refusal::IdempotencyMismatch { first: JobId::from_bytes([0; 16]) },
            Refusal::RateLimited { retry_after: 1 },
            Refusal::AddressLimited { retry_after: 1 },
            Refusal::DeviceLimited { retry_after: 1 },
            Refusal::QuotaExceeded { used: 1, limit: 1, renews_at: now, retry_after: 1 },
            Refusal::BacklogFull { waiting: 1, limit: 1 },
            Refusal::TooManyStreams { limit: 8 },
            Refusal::TooManyPulls { limit: 16 },
            Refusal::Overloaded,
            Refusal::DatabaseAway,
            Refusal::OutcomeUnknown,
            Refusal::Internal,
        ]
    }

    #[test]
    fn every_code_is_that_of_a_refusal() {
        for code in ProblemCode::ALL {
            assert!(one_of_each().iter().any(|refusal| refusal.code() == *code), "no refusal has the code {code}");
        }
    }

    #[test]
    fn every_refusal_says_what_to_do_in_whole_sentences() {
        for refusal in one_of_each() {
            assert!(refusal.detail().ends_with('.'), "{refusal:?}: {}", refusal.detail());
        }
    }

    #[test]
    fn nobody_is_told_to_set_a_clock_that_may_be_right() {
        let detail = Refusal::NonceForgotten { server_time: UnixMillis(0) }.detail();
        assert!(!detail.contains("clock"), "{detail}");
    }

    #[test]
    fn whoever_is_not_known_is_told_how_to_sign_where_they_are() {
        for (path, scheme) in [
            ("/api/links/fetch", "LinkPeeler-HMAC-SHA256"),
            ("/api/rows/platform_api/a", "LinkPeeler-HMAC-SHA256"),
            ("/api/device/pull", "Signature"),
            ("/api/device/keys/k/revoke", "Signature"),
        ] {
            assert_eq!(challenge(path), scheme, "{path}");
        }
    }
}
