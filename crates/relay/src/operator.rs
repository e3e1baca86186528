//! What an operator on the relay's own machine may do from a shell: see and approve linking codes, see and revoke devices of
//! the relay's own account; make accounts, give them plans, bring people in. Neither jobs nor rows nor keys: whoever needs
//! those is a member of an account. The token lies in a file beside the data that only the owner can read.

pub(crate) mod accounts;
pub(crate) mod channel;
pub(crate) mod people;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::Response;
use domain::audit::Actor;
use protocol::fetch_request::PayloadError;
use protocol::{DeviceId, UnixMillis};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use store::{Account, DeviceRecord};

use crate::body::Sender;
use crate::path::PathParts;
use crate::problem::Refusal;
use crate::state::{RelayState, Shared};
use crate::{answer, edge};

/// A desktop that asks to be linked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PendingLink {
    /// What the desktop shows.
    pub user_code: String,
    /// What people call the machine.
    pub name: String,
    /// Operating system and processor.
    pub platform: String,
    /// Where it asked from.
    pub address: String,
    /// Seconds that the code still lives.
    pub expires_in: u32,
}

/// A desktop that was linked, whether or not it was revoked since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkedDevice {
    /// Its id.
    pub device_id: DeviceId,
    /// What people call the machine.
    pub name: String,
    /// Operating system and processor.
    pub platform: String,
    /// When it was linked.
    pub linked_at: UnixMillis,
    /// When it was revoked; null: it may work.
    pub revoked_at: Option<UnixMillis>,
}

/// The bearer of the operator's token.
pub(crate) struct Operator;

impl FromRequestParts<Shared> for Operator {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &Shared) -> Result<Self, Refusal> {
        let given = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        // Hashes are compared: how long it takes says nothing about the token.
        let hash = |text: &str| Sha256::digest(text.as_bytes());
        if given.is_none_or(|given| hash(given) != hash(state.operator_token.expose())) {
            return Err(Refusal::NotFound);
        }
        edge::proven(state, &parts.extensions);
        Ok(Self)
    }
}

/// Bytes of a message from a shell.
const MAX_BYTES: usize = 4_096;

/// Reads a message from a shell.
async fn read<M: DeserializeOwned>(state: &RelayState, request: Request) -> Result<M, Refusal> {
    let body = state.bodies.read(Sender::of(request.extensions()), request.into_body(), MAX_BYTES).await?.bytes;
    serde_json::from_slice(&body).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => Refusal::InvalidPayload(vec![PayloadError::new("", error.to_string())]),
        _ => Refusal::MalformedJson(error.to_string()),
    })
}

/// The account of this name.
async fn account_named(state: &RelayState, name: &str) -> Result<Account, Refusal> {
    state.store.account_by_name(name).await?.ok_or(Refusal::NotFound)
}

/// `GET /api/operator/links`
pub(crate) async fn list_links(State(state): State<Shared>, _operator: Operator) -> Result<Response, Refusal> {
    answer::json(StatusCode::OK, &state.links.pending(state.now()))
}

/// `POST /api/operator/links/{userCode}/approve`
pub(crate) async fn approve_link(
    State(state): State<Shared>,
    PathParts(user_code): PathParts<String>,
    _operator: Operator,
) -> Result<Response, Refusal> {
    let found = state.links.find(&state, &user_code).await?;
    state.links.decide(&state.store, &found, (state.operator_account, Actor::Machine, state.now()), true).await?;
    answer::json(StatusCode::OK, &found.shown(state.now()))
}

/// `POST /api/operator/links/{userCode}/deny`
pub(crate) async fn deny_link(
    State(state): State<Shared>,
    PathParts(user_code): PathParts<String>,
    _operator: Operator,
) -> Result<Response, Refusal> {
    let found = state.links.find(&state, &user_code).await?;
    state.links.decide(&state.store, &found, (state.operator_account, Actor::Machine, state.now()), false).await?;
    answer::json(StatusCode::OK, &serde_json::json!({}))
}

/// `GET /api/operator/devices`
pub(crate) async fn list_devices(State(state): State<Shared>, _operator: Operator) -> Result<Response, Refusal> {
    let devices = state.store.devices(state.operator_account).await?;
    answer::json(StatusCode::OK, &devices.into_iter().map(LinkedDevice::of).collect::<Vec<_>>())
}

/// `POST /api/operator/devices/{deviceId}/revoke`. Again is harmless.
pub(crate) async fn revoke_device(
    State(state): State<Shared>,
    PathParts(device_id): PathParts<String>,
    _operator: Operator,
) -> Result<Response, Refusal> {
    let device_id: DeviceId = device_id.parse().map_err(|_| Refusal::NotFound)?;
    let (account, now) = (state.operator_account, state.now());
    // Read before: once it is revoked, nothing that fails may say otherwise.
    let known = state.store.devices(account).await?.into_iter().find(|device| device.id == device_id).ok_or(Refusal::NotFound)?;
    if state.store.revoke_device(account, device_id, Actor::Machine, now).await? {
        tracing::info!(device.id = %device_id, device.name = known.name, "device revoked");
    }
    let revoked_at = known.revoked_at.or(Some(now));
    answer::json(StatusCode::OK, &LinkedDevice { revoked_at, ..LinkedDevice::of(known) })
}

impl LinkedDevice {
    fn of(record: DeviceRecord) -> Self {
        let DeviceRecord { id, name, platform, linked_at, revoked_at, account: _, public_key: _ } = record;
        Self { device_id: id, name, platform, linked_at, revoked_at }
    }
}
