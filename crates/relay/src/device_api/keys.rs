//! The API key inventory, for desktops: keys are made there, and only there.

use axum::http::StatusCode;
use axum::response::Response;
use domain::audit::Actor;
use protocol::KeyId;
use protocol::fetch_request::PayloadError;
use protocol::key::{
    KeyList, MAX_ADDRESS_RANGES, MAX_KEYS, MAX_LABEL_CHARS, MAX_OVERLAP_SECONDS, NewKey, RenameKey, RotateKey, SECRET_BYTES,
};
use protocol::text::is_plain_text;
use protocol::{Secret, UnixMillis};
use store::{KeyChange, KeyRotation, NewKeyRecord};

use super::signature::{FromDevice, NoMessage};
use crate::answer;
use crate::path::PathParts;
use crate::problem::Refusal;

/// `GET /api/device/keys`
pub(crate) async fn list(from: FromDevice<NoMessage>) -> Result<Response, Refusal> {
    let (version, keys) = from.store.keys(from.device.account).await?;
    answer::json(StatusCode::OK, &KeyList { version, keys: keys.into_iter().map(|key| key.info).collect() })
}

/// `POST /api/device/keys`
pub(crate) async fn create(from: FromDevice<NewKey>) -> Result<Response, Refusal> {
    let terms = from.message.terms();
    let NewKey { key_id, secret, label, .. } = from.message;
    let is_past = |end: UnixMillis| end <= from.received_at;
    expect(&[
        label_fault(&label),
        secret_fault(&secret),
        (terms.addresses.len() > MAX_ADDRESS_RANGES)
            .then(|| PayloadError::new("/addresses", format!("must have at most {MAX_ADDRESS_RANGES} ranges"))),
        terms.expires_at.is_some_and(is_past).then(|| PayloadError::new("/expiresAt", "must be in the future")),
    ])?;
    let (account, by, now) = (from.device.account, Actor::Device(from.device.id), from.received_at);
    let new = NewKeyRecord { account, key_id: key_id.clone(), label, secret, terms, by, now };
    let change = from.store.insert_key(new).await?;
    tracing::info!(key.id = %key_id, device.id = %from.device.id, "key handed in");
    answer(StatusCode::CREATED, change)
}

/// `POST /api/device/keys/{keyId}/revoke`
pub(crate) async fn revoke(PathParts(key_id): PathParts<String>, from: FromDevice<NoMessage>) -> Result<Response, Refusal> {
    let key_id = read(&key_id)?;
    let change = from.store.revoke_key(from.device.account, key_id.clone(), Actor::Device(from.device.id), from.received_at).await?;
    tracing::info!(key.id = %key_id, device.id = %from.device.id, "key revoked");
    answer(StatusCode::OK, change)
}

/// `POST /api/device/keys/{keyId}/rename`
pub(crate) async fn rename(PathParts(key_id): PathParts<String>, from: FromDevice<RenameKey>) -> Result<Response, Refusal> {
    let (key_id, label) = (read(&key_id)?, from.message.label);
    expect(&[label_fault(&label)])?;
    let by = Actor::Device(from.device.id);
    answer(StatusCode::OK, from.store.rename_key((from.device.account, key_id), label, by, from.received_at).await?)
}

/// `POST /api/device/keys/{keyId}/rotate`
pub(crate) async fn rotate(PathParts(key_id): PathParts<String>, from: FromDevice<RotateKey>) -> Result<Response, Refusal> {
    let key_id = read(&key_id)?;
    let RotateKey { secret, rotation, overlap_seconds } = from.message;
    expect(&[
        secret_fault(&secret),
        (overlap_seconds > MAX_OVERLAP_SECONDS)
            .then(|| PayloadError::new("/overlapSeconds", format!("must be at most {MAX_OVERLAP_SECONDS}"))),
    ])?;
    let (account, by, now) = (from.device.account, Actor::Device(from.device.id), from.received_at);
    let previous_ends_at = now.plus_seconds(overlap_seconds.into());
    let order = KeyRotation { account, key_id: key_id.clone(), secret, rotation, previous_ends_at, by, now };
    let change = from.store.rotate_key(order).await?;
    tracing::info!(key.id = %key_id, device.id = %from.device.id, rotation, "key rotated");
    answer(StatusCode::OK, change)
}

fn answer(status: StatusCode, change: KeyChange) -> Result<Response, Refusal> {
    match change {
        KeyChange::Done(key) => answer::json(status, &key.info),
        KeyChange::Unknown => Err(Refusal::NotFound),
        KeyChange::Taken => Err(Refusal::KeyExists),
        KeyChange::TooMany => Err(Refusal::TooManyKeys { limit: MAX_KEYS }),
        KeyChange::PlanFull { limit } => Err(Refusal::PlanFull { what: "API keys", limit }),
        KeyChange::Changed => Err(Refusal::KeyChanged),
    }
}

/// An id off its grammar is one that nobody has.
fn read(key_id: &str) -> Result<KeyId, Refusal> {
    key_id.parse().map_err(|_| Refusal::NotFound)
}

fn expect(faults: &[Option<PayloadError>]) -> Result<(), Refusal> {
    let faults: Vec<_> = faults.iter().flatten().cloned().collect();
    if faults.is_empty() { Ok(()) } else { Err(Refusal::InvalidPayload(faults)) }
}

fn label_fault(label: &str) -> Option<PayloadError> {
    let detail = format!("must have 1 to {MAX_LABEL_CHARS} characters, no control characters and none that turn the direction of text");
    (!is_name(label)).then(|| PayloadError::new("/label", detail))
}

fn secret_fault(secret: &Secret) -> Option<PayloadError> {
    let detail = format!("must have {} to {} bytes", SECRET_BYTES.start(), SECRET_BYTES.end());
    (!SECRET_BYTES.contains(&secret.expose().len())).then(|| PayloadError::new("/secret", detail))
}

/// Whether people could have given this name.
pub(super) fn is_name(text: &str) -> bool {
    (1..=MAX_LABEL_CHARS).contains(&text.chars().count()) && is_plain_text(text)
}
