//! Linking a desktop, in the shape of the device grant (RFC 8628). Asking for a code needs no authentication, so it
//! writes nothing, and any relay takes the polls of a code that another one gave out. Approval, which is an operator's, is
//! stored; the desktop's next poll makes the device. These two messages are the only ones that are read without a signature.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use protocol::Secret;
use protocol::device_signature::DevicePublicKey;
use protocol::fetch_request::PayloadError;
use protocol::linking::{LinkPoll, LinkRequest, LinkStarted};
use serde::de::DeserializeOwned;
use store::LinkStanding;

use super::keys::is_name;
use super::link_code::{self, LinkCode, new_user_code, verification_uris};
use super::pending::CODE_SECONDS;
use crate::answer;
use crate::body::Sender;
use crate::edge;
use crate::problem::Refusal;
use crate::state::{RelayState, Shared};

/// Bytes of a linking message.
const MAX_BYTES: usize = 4_096;

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
            faults.push(PayloadError::new(
                pointer,
                "must have 1 to 100 characters, no control characters and none that turn the direction of text",
            ));
        }
    }
    let Some(public_key) = public_key.ok().filter(|_| faults.is_empty()) else { return Err(Refusal::InvalidPayload(faults)) };
    let code = LinkCode {
        user_code: new_user_code(),
        public_key,
        name: message.name,
        platform: message.platform,
        address,
        expires_at: state.now().plus_seconds(CODE_SECONDS.into()),
    };
    let device_code = link_code::seal(&state.store.settings().sealing, &code).ok_or(Refusal::Internal)?;
    let (verification_uri, verification_uri_complete) = verification_uris(&state.public_url, &code.user_code);
    let started = LinkStarted {
        verification_uri,
        verification_uri_complete,
        device_code,
        user_code: code.user_code.clone(),
        expires_in: CODE_SECONDS,
        interval: state.link_interval_seconds,
    };
    state.links.remember(code, &started.device_code);
    answer::json(StatusCode::OK, &started)
}

/// `POST /api/device/link/token`
pub(crate) async fn token(State(state): State<Shared>, request: Request) -> Result<Response, Refusal> {
    let LinkPoll { device_code } = read(&state, request).await?;
    let code = link_code::open(&state.store.settings().sealing, &device_code).ok_or(Refusal::ExpiredToken)?;
    let now = state.now();
    // One that was approved in its last second lives on for a while; older ones are not looked up.
    if now >= code.expires_at.plus_seconds(CODE_SECONDS.into()) {
        return Err(Refusal::ExpiredToken);
    }
    state.links.note_poll(&code, &device_code, state.link_interval_seconds)?;
    match state.links.standing(&state, &code, &device_code).await? {
        LinkStanding::Approved => {}
        LinkStanding::Denied => return Err(Refusal::AccessDenied),
        LinkStanding::Undecided { .. } if now >= code.expires_at => return Err(Refusal::ExpiredToken),
        LinkStanding::Undecided { wanted } => {
            // The one thing that a desktop without a key can have written: whom an operator looks for.
            if wanted {
                state.store.tell_link(code.user_code, Secret::new(device_code)).await?;
            }
            return Err(Refusal::AuthorizationPending);
        }
    }
    let linked = state.store.consume_link(device_code, now).await?.ok_or(Refusal::ExpiredToken)?;
    tracing::info!(device.id = %linked.device_id, "device linked");
    answer::json(StatusCode::OK, &linked)
}

async fn read<M: DeserializeOwned>(state: &RelayState, request: Request) -> Result<M, Refusal> {
    let body = state.bodies.read(Sender::of(request.extensions()), request.into_body(), MAX_BYTES).await?.bytes;
    serde_json::from_slice(&body).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => Refusal::InvalidPayload(vec![PayloadError::new("", error.to_string())]),
        _ => Refusal::MalformedJson(error.to_string()),
    })
}
