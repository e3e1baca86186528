//! Proves which desktop called, in the same order as for callers: headers and size, then signature, then freshness and
//! nonce, then the message.

use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use protocol::UnixMillis;
use protocol::device::MAX_REPORT_BYTES;
use protocol::device_signature::{ClaimedSignature, DIGEST_HEADER, DeviceSignatureFault};
use protocol::message::{self, MessageFault};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use store::DeviceRecord;

use crate::body;
use crate::problem::{Received, Refusal};
use crate::state::{RelayState, Shared};

/// A message that came under the valid, fresh signature of a linked device. Made here and nowhere else.
pub(crate) struct FromDevice<M> {
    pub(crate) device: Arc<DeviceRecord>,
    pub(crate) message: M,
    pub(crate) received_at: UnixMillis,
}

/// A request of a device that carries no message.
#[derive(serde::Deserialize)]
pub(crate) struct NoMessage {}

impl<M: DeserializeOwned + Send> FromRequest<Shared> for FromDevice<M> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &Shared) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        let claim = ClaimedSignature::read(|name| single(&parts.headers, name)).map_err(|fault| refusal(&fault, &[], state.now()))?;
        let body = body::read(body, MAX_REPORT_BYTES).await?;
        let (device, received_at) = authenticate(state, &parts, &claim, &body).await?;
        let message = read_message(&body)?;
        Ok(Self { device, message, received_at })
    }
}

async fn authenticate(
    state: &RelayState,
    parts: &Parts,
    claim: &ClaimedSignature<'_>,
    body: &Bytes,
) -> Result<(Arc<DeviceRecord>, UnixMillis), Refusal> {
    let now = state.now();
    let device = state.devices.find(claim.device).await?;
    let device = device.ok_or_else(|| refusal(&DeviceSignatureFault::Mismatch, body, now))?;
    let target_uri = target_uri(state, parts);
    claim.verify(&device.public_key, now, parts.method.as_str(), &target_uri, body).map_err(|fault| refusal(&fault, body, now))?;
    if !state.devices.spend_nonce(device.id, claim.nonce, now) {
        return Err(Refusal::NonceReused);
    }
    Ok((device, now))
}

/// The absolute URI as the desktop knows it. Without a public URL the Host header says under which name it dialled.
fn target_uri(state: &RelayState, parts: &Parts) -> String {
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    if state.public_url_is_given {
        return format!("{}{target}", state.public_url);
    }
    let host = single(&parts.headers, header::HOST.as_str()).or_else(|| parts.uri.authority().map(|authority| authority.as_str()));
    format!("http://{}{target}", host.unwrap_or_default())
}

fn single<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

fn refusal(fault: &DeviceSignatureFault, body: &[u8], now: UnixMillis) -> Refusal {
    match fault {
        DeviceSignatureFault::Header(header) => {
            Refusal::MalformedHeader { header, detail: "missing, repeated, or not of the one profile (RFC 9421)".to_owned() }
        }
        DeviceSignatureFault::Digest => Refusal::MalformedHeader { header: DIGEST_HEADER, detail: "does not match the body".to_owned() },
        DeviceSignatureFault::Mismatch => Refusal::InvalidCredentials(Received {
            body_bytes: body.len(),
            body_sha256: data_encoding::HEXLOWER.encode(&Sha256::digest(body)),
            base: "\"@method\" \"@target-uri\" \"content-digest\"",
        }),
        DeviceSignatureFault::Stale => {
            Refusal::StaleTimestamp { detail: "The signature's creation time is off".to_owned(), server_time: now }
        }
    }
}

/// An absent body is an empty message.
fn read_message<M: DeserializeOwned>(body: &[u8]) -> Result<M, Refusal> {
    let text = if body.is_empty() { b"{}" } else { body };
    message::read(text).map_err(|fault| match fault {
        MessageFault::Payload(faults) => Refusal::InvalidPayload(faults),
        MessageFault::Malformed(detail) => Refusal::MalformedJson(detail),
    })
}
