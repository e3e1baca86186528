//! The API key inventory, for desktops: keys are made there, and only there.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::audit::Actor;
use protocol::KeyId;
use protocol::fetch_request::PayloadError;
use protocol::key::{KeyInfo, KeyList, NewKey};
use store::{KeyRecord, NewKeyRecord};

use super::signature::{FromDevice, NoMessage};
use crate::answer;
use crate::path::PathParts;
use crate::problem::Refusal;
use crate::state::Shared;

/// Characters of a label or a name that people give.
const NAME_CHARS: std::ops::RangeInclusive<usize> = 1..=100;
/// Bytes of a secret: at least 128 bits in any encoding, at most what a header line holds.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=256;

/// `GET /api/device/keys`
pub(crate) async fn list(State(state): State<Shared>, from: FromDevice<NoMessage>) -> Result<Response, Refusal> {
    let keys = state.store.keys(from.device.account).await?.into_iter().map(info).collect();
    answer::json(StatusCode::OK, &KeyList { keys })
}

/// `POST /api/device/keys`
pub(crate) async fn create(State(state): State<Shared>, from: FromDevice<NewKey>) -> Result<Response, Refusal> {
    let NewKey { key_id, secret, label } = from.message;
    let mut faults = Vec::new();
    if !is_name(&label) {
        faults.push(PayloadError::new("/label", "must have 1 to 100 characters and no control characters"));
    }
    if !SECRET_BYTES.contains(&secret.expose().len()) {
        faults.push(PayloadError::new("/secret", "must have 24 to 256 bytes"));
    }
    if !faults.is_empty() {
        return Err(Refusal::InvalidPayload(faults));
    }
    let account = from.device.account;
    let new = NewKeyRecord {
        account,
        key_id: key_id.clone(),
        label: label.clone(),
        secret,
        by: Actor::Device(from.device.id),
        now: from.received_at,
    };
    if !state.store.insert_key(new).await? {
        return Err(Refusal::KeyExists);
    }
    tracing::info!(key.id = %key_id, device.id = %from.device.id, "key made");
    // From what was sent: the key is stored, and whatever failed from here on would have its maker forget it.
    let environment = key_id.environment();
    answer::json(StatusCode::CREATED, &KeyInfo { key_id, label, environment, created_at: from.received_at, revoked_at: None })
}

/// `POST /api/device/keys/{keyId}/revoke`
pub(crate) async fn revoke(
    State(state): State<Shared>,
    PathParts(key_id): PathParts<String>,
    from: FromDevice<NoMessage>,
) -> Result<Response, Refusal> {
    let key_id: KeyId = key_id.parse().map_err(|_| Refusal::NotFound)?;
    let account = from.device.account;
    // Read before: once it is revoked, nothing that fails may say otherwise.
    let known = state.store.keys(account).await?.into_iter().find(|key| key.key_id == key_id).ok_or(Refusal::NotFound)?;
    if !state.store.revoke_key(account, key_id.clone(), Actor::Device(from.device.id), from.received_at).await? {
        return Err(Refusal::NotFound);
    }
    tracing::info!(key.id = %key_id, device.id = %from.device.id, "key revoked");
    let revoked_at = known.revoked_at.or(Some(from.received_at));
    answer::json(StatusCode::OK, &KeyInfo { revoked_at, ..info(known) })
}

fn info(record: KeyRecord) -> KeyInfo {
    let KeyRecord { key_id, label, environment, created_at, revoked_at, .. } = record;
    KeyInfo { key_id, label, environment, created_at, revoked_at }
}

/// Whether people could have given this name.
pub(super) fn is_name(text: &str) -> bool {
    NAME_CHARS.contains(&text.chars().count()) && !text.chars().any(char::is_control)
}
