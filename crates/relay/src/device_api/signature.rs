//! Proves which desktop called. The signature covers the body's digest, so all of the head is proven before a byte of the
//! body is read: headers and declared size first, then what the device may still send, then device and signature, then
//! freshness; then the body against its digest, and the nonce; only then is the message parsed.

use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use protocol::UnixMillis;
use protocol::device::MAX_REPORT_BYTES;
use protocol::device_signature::{ClaimedSignature, DIGEST_HEADER, DeviceSignatureFault};
use protocol::message::{self, MessageFault};
use serde::de::DeserializeOwned;
use store::{DeviceRecord, Right, Store};

use super::pace::Pace;
use super::target;
use crate::body::{self, Place, Sender};
use crate::edge;
use crate::problem::Refusal;
use crate::state::{RelayState, Shared};

/// A message that came under the valid, fresh signature of a linked device. Made here and nowhere else.
pub(crate) struct FromDevice<M> {
    pub(crate) device: Arc<DeviceRecord>,
    /// Writes while the device is linked, and no longer: the message's last byte may come seconds after its head.
    pub(crate) store: Store,
    pub(crate) message: M,
    pub(crate) received_at: UnixMillis,
    /// What the device may still ask for.
    pub(crate) pace: Arc<Pace>,
    /// The memory that the message takes.
    pub(crate) place: Place,
    /// The absolute URI that was signed.
    pub(crate) target_uri: String,
}

/// A request of a device that carries no message.
#[derive(serde::Deserialize)]
pub(crate) struct NoMessage {}

impl<M: DeserializeOwned + Send> FromRequest<Shared> for FromDevice<M> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &Shared) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        let received_at = state.now();
        let claim = ClaimedSignature::read(|name| single(&parts.headers, name));
        let claim = claim.map_err(|fault| refusal(fault, "", received_at))?;
        body::expect_within(&body, MAX_REPORT_BYTES)?;
        state.paces.look(claim.device)?;
        let target_uri = target::uri(state, &parts);
        let device = authenticate(state, parts.method.as_str(), &target_uri, &claim, received_at).await?;
        let pace = state.paces.of(device.id);
        // A request too many is not given back to its address: that is what stops whoever goes on all the same.
        pace.take()?;
        edge::proven(state, &parts.extensions);
        let body = state.bodies.read(Some(Sender::Device(device.id)), body, MAX_REPORT_BYTES).await?;
        pace.charge(body.bytes.len());
        claim.verify_body(&body.bytes).map_err(|fault| refusal(fault, "", received_at))?;
        if !state.devices.spend_nonce(device.id, claim.nonce, received_at) {
            return Err(Refusal::NonceReused);
        }
        let message = read_message(&body.bytes)?;
        let store = state.store.on_right(Right::Linked { device: device.id, account: device.account });
        Ok(Self { device, store, message, received_at, pace, place: body.place, target_uri })
    }
}

async fn authenticate(
    state: &RelayState,
    method: &str,
    target_uri: &str,
    claim: &ClaimedSignature<'_>,
    now: UnixMillis,
) -> Result<Arc<DeviceRecord>, Refusal> {
    let find_and_verify = async || {
        let (device, in_doubt) = state.devices.find_or_doubt(claim.device).await;
        // An unknown device takes the way of a known one, up to the same answer.
        let key = device.as_ref().map_or(state.devices.dummy(), |device| &device.public_key);
        let fault = claim.verify_head(key, now, method, target_uri).err();
        let verified = match (device, fault) {
            (Some(device), None) => Ok(device),
            (Some(_), Some(fault)) => Err(fault),
            (None, _) => Err(DeviceSignatureFault::Mismatch),
        };
        (verified, in_doubt)
    };
    let (mut verified, mut in_doubt) = find_and_verify().await;
    if matches!(verified, Err(DeviceSignatureFault::Mismatch)) {
        if let Err(error) = state.devices.look_again().await {
            tracing::warn!(%error, "the devices were not read again");
        }
        (verified, in_doubt) = find_and_verify().await;
    }
    if in_doubt && matches!(verified, Err(DeviceSignatureFault::Mismatch)) {
        return Err(Refusal::DatabaseAway);
    }
    verified.map_err(|fault| refusal(fault, target_uri, now))
}

fn single<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

fn refusal(fault: DeviceSignatureFault, target_uri: &str, now: UnixMillis) -> Refusal {
    match fault {
        DeviceSignatureFault::Header(header) => {
            Refusal::MalformedHeader { header, detail: "missing, repeated, or not of the one profile (RFC 9421)".to_owned() }
        }
        DeviceSignatureFault::Digest => Refusal::MalformedHeader { header: DIGEST_HEADER, detail: "does not match the body".to_owned() },
        DeviceSignatureFault::Mismatch => Refusal::UnknownDevice { target_uri: target_uri.to_owned() },
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
