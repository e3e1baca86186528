//! Linking a desktop, in the shape of the device grant (RFC 8628). Asking for a code needs no authentication, so it
//! writes nothing. Approval, which is an operator's, is stored; the desktop's next poll makes the device. These two
//! messages are the only ones that are read without a signature.

use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use protocol::device_signature::DevicePublicKey;
use protocol::fetch_request::PayloadError;
use protocol::linking::{LinkPoll, LinkRequest, LinkStarted};
use protocol::secret::random_bytes;
use serde::de::DeserializeOwned;
use store::LinkStanding;

use super::keys::is_name;
use super::pending::{CODE_SECONDS, Decision, Pending};
use crate::answer;
use crate::edge;
use crate::problem::Refusal;
use crate::state::{RelayState, Shared};

/// Bytes of a linking message.
const MAX_BYTES: usize = 4_096;
/// Bytes of randomness in what a desktop polls with.
const DEVICE_CODE_BYTES: usize = 32;

/// `POST /api/device/link`
pub(crate) async fn start(State(state): State<Shared>, request: Request) -> Result<Response, Refusal> {
    let address = edge::client_address(request.extensions()).to_string();
    let message: LinkRequest = read(&state, request).await?;
    let mut faults = Vec::new();
    let public_key = DevicePublicKey::from_hex(&message.public_key);
    if let Err(error) = &public_key {
        faults.push(PayloadError::new("/publicKey", error.to_string()));
    }
    for (pointer, text) in [("/name", &message.name), ("/platform", &message.platform)] {
        if !is_name(text) {
            faults.push(PayloadError::new(pointer, "must have 1 to 100 characters and no control characters"));
        }
    }
    let Some(public_key) = public_key.ok().filter(|_| faults.is_empty()) else { return Err(Refusal::InvalidPayload(faults)) };
    let device_code = data_encoding::BASE64URL_NOPAD.encode(&random_bytes::<DEVICE_CODE_BYTES>());
    let user_code = state.links.insert(Pending {
        device_code: device_code.clone(),
        public_key,
        name: message.name,
        platform: message.platform,
        address,
        expires_at: Instant::now() + Duration::from_secs(CODE_SECONDS.into()),
        last_poll: None,
        decision: Decision::None,
    })?;
    let verification_uri = format!("{}/link", state.public_url);
    let started = LinkStarted {
        verification_uri_complete: format!("{verification_uri}?code={user_code}"),
        verification_uri,
        device_code,
        user_code,
        expires_in: CODE_SECONDS,
        interval: state.link_interval_seconds,
    };
    answer::json(StatusCode::OK, &started)
}

/// `POST /api/device/link/token`
pub(crate) async fn token(State(state): State<Shared>, request: Request) -> Result<Response, Refusal> {
    let LinkPoll { device_code } = read(&state, request).await?;
    match state.links.poll(&device_code, state.link_interval_seconds) {
        Some(Err(refusal)) => return Err(refusal),
        Some(Ok(Decision::Denied)) => return Err(Refusal::AccessDenied),
        Some(Ok(Decision::None | Decision::Approving)) => return Err(Refusal::AuthorizationPending),
        Some(Ok(Decision::Approved)) => {}
        None if was_approved_elsewhere(&state, &device_code).await? => {}
        None => return Err(Refusal::ExpiredToken),
    }
    let linked = state.store.consume_link(device_code, state.now()).await?.ok_or(Refusal::ExpiredToken)?;
    tracing::info!(device.id = %linked.device_id, "device linked");
    answer::json(StatusCode::OK, &linked)
}

/// Whether another relay has approved a code that this one does not know, or this one has before it started again. Nobody
/// has authenticated: the database is read, never written, and only so many at a time.
async fn was_approved_elsewhere(state: &RelayState, device_code: &str) -> Result<bool, Refusal> {
    let decoded = data_encoding::BASE64URL_NOPAD.decode(device_code.as_bytes());
    if decoded.map_or(true, |code| code.len() != DEVICE_CODE_BYTES) {
        return Ok(false);
    }
    let _turn = state.links.turn_to_look_up()?;
    let standing = state.store.link_standing(device_code.to_owned(), String::new(), state.now()).await?;
    Ok(standing == LinkStanding::Approved)
}

async fn read<M: DeserializeOwned>(state: &RelayState, request: Request) -> Result<M, Refusal> {
    let body = state.bodies.read(request.into_body(), MAX_BYTES).await?.bytes;
    serde_json::from_slice(&body).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => Refusal::InvalidPayload(vec![PayloadError::new("", error.to_string())]),
        _ => Refusal::MalformedJson(error.to_string()),
    })
}
