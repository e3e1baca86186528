//! Linking a desktop, in the shape of the device grant (RFC 8628). Asking for a code needs no authentication, so it
//! writes nothing: codes that nobody has approved live in memory, in bounded number, for minutes. Approval, which is an
//! operator's, is stored; the desktop's next poll consumes it and makes the device in one transaction.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use protocol::device_signature::DevicePublicKey;
use protocol::fetch_request::PayloadError;
use protocol::linking::{LinkPoll, LinkRequest, LinkStarted};
use protocol::secret::random_bytes;
use serde::de::DeserializeOwned;
use store::ApprovedLink;

use super::keys::is_name;
use crate::answer;
use crate::body;
use crate::operator::PendingLink;
use crate::problem::Refusal;
use crate::state::Shared;

/// Seconds that a code lives.
const CODE_SECONDS: u32 = 600;
/// Codes that wait for approval at once: each is some hundred bytes that anybody may ask for.
const MAX_PENDING: usize = 1_000;
/// Bytes of a linking message.
const MAX_BYTES: usize = 4_096;
/// Letters of a user code: no vowels, so that it spells nothing, and none that look alike (RFC 8628, section 6.1).
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// Codes that wait for approval, by the user code.
#[derive(Debug, Default)]
pub(crate) struct PendingLinks(Mutex<HashMap<String, Pending>>);

#[derive(Debug)]
struct Pending {
    device_code: String,
    public_key: DevicePublicKey,
    name: String,
    platform: String,
    address: String,
    expires_at: Instant,
    last_poll: Option<Instant>,
    decision: Decision,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decision {
    None,
    /// Being stored: to the desktop that polls it is not decided yet.
    Approving,
    Approved,
    Denied,
}

/// `POST /api/device/link`
pub(crate) async fn start(State(state): State<Shared>, request: Request) -> Result<Response, Refusal> {
    let address = request.extensions().get::<crate::connection::Peer>().map_or_else(String::new, |peer| peer.0.ip().to_string());
    let message: LinkRequest = read(request).await?;
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
    let device_code = data_encoding::BASE64URL_NOPAD.encode(&random_bytes::<32>());
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
    let message: LinkPoll = read(request).await?;
    match state.links.poll(&message.device_code, state.link_interval_seconds) {
        Some(Err(refusal)) => return Err(refusal),
        Some(Ok(Decision::Denied)) => return Err(Refusal::AccessDenied),
        Some(Ok(Decision::None | Decision::Approving)) => return Err(Refusal::AuthorizationPending),
        // Approved here, or before a restart: only the database knows whether it was used.
        Some(Ok(Decision::Approved)) => {}
        // A code that this relay never gave out must not reach the database: nobody has authenticated.
        None => return Err(Refusal::ExpiredToken),
    }
    let linked = state.store.consume_link(message.device_code.clone(), state.now()).await?.ok_or(Refusal::ExpiredToken)?;
    state.links.remove(&message.device_code);
    tracing::info!(device.id = %linked.device_id, "device linked");
    answer::json(StatusCode::OK, &linked)
}

async fn read<M: DeserializeOwned>(request: Request) -> Result<M, Refusal> {
    let body = body::read(request.into_body(), MAX_BYTES).await?;
    serde_json::from_slice(&body).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => Refusal::InvalidPayload(vec![PayloadError::new("", error.to_string())]),
        _ => Refusal::MalformedJson(error.to_string()),
    })
}

impl PendingLinks {
    fn insert(&self, pending: Pending) -> Result<String, Refusal> {
        let mut links = self.lock();
        let now = Instant::now();
        links.retain(|_, link| link.expires_at > now);
        if links.len() >= MAX_PENDING {
            return Err(Refusal::Overloaded);
        }
        let mut code = new_user_code();
        while links.contains_key(&code) {
            code = new_user_code();
        }
        links.insert(code.clone(), pending);
        Ok(code)
    }

    /// What has been decided about a device code; `None`: no such code.
    fn poll(&self, device_code: &str, interval: u32) -> Option<Result<Decision, Refusal>> {
        let mut links = self.lock();
        let now = Instant::now();
        let link = links.values_mut().find(|link| link.device_code == device_code && link.expires_at > now)?;
        let too_soon = link.last_poll.is_some_and(|last| now.duration_since(last) < Duration::from_secs(interval.into()).mul_f64(0.8));
        link.last_poll = Some(now);
        Some(if too_soon && link.decision == Decision::None { Err(Refusal::SlowDown { interval }) } else { Ok(link.decision) })
    }

    fn remove(&self, device_code: &str) {
        self.lock().retain(|_, link| link.device_code != device_code);
    }

    /// The codes that wait for approval.
    pub(crate) fn pending(&self) -> Vec<PendingLink> {
        let now = Instant::now();
        let links = self.lock();
        let waiting = links.iter().filter(|(_, link)| link.decision == Decision::None && link.expires_at > now);
        waiting
            .map(|(user_code, link)| PendingLink {
                user_code: user_code.clone(),
                name: link.name.clone(),
                platform: link.platform.clone(),
                address: link.address.clone(),
                expires_in: u32::try_from(link.expires_at.duration_since(now).as_secs()).unwrap_or(u32::MAX),
            })
            .collect()
    }

    /// Approves a code in the store, then here. `NotFound`: no such code waits.
    pub(crate) async fn approve(&self, state: &crate::state::RelayState, user_code: &str) -> Result<PendingLink, Refusal> {
        let user_code = canonical(user_code);
        let pending = self.pending().into_iter().find(|link| link.user_code == user_code).ok_or(Refusal::NotFound)?;
        let link = self.decide(&user_code, Decision::Approving).ok_or(Refusal::NotFound)?;
        let approved = ApprovedLink { account: state.operator_account, expires_at: state.now().plus_seconds(CODE_SECONDS.into()), ..link };
        if let Err(error) = state.store.approve_link(approved).await {
            // Nothing is approved that is not stored.
            self.decide_again(&user_code, Decision::None);
            return Err(error.into());
        }
        self.decide_again(&user_code, Decision::Approved);
        tracing::info!(device.name = pending.name, "linking approved");
        Ok(pending)
    }

    /// Denies a code.
    pub(crate) fn deny(&self, user_code: &str) -> Result<(), Refusal> {
        self.decide(&canonical(user_code), Decision::Denied).map(|_| ()).ok_or(Refusal::NotFound)
    }

    /// Decides a code that is undecided: whoever comes second finds nothing to decide.
    fn decide(&self, user_code: &str, decision: Decision) -> Option<ApprovedLink> {
        let mut links = self.lock();
        let link = links.get_mut(user_code).filter(|link| link.decision == Decision::None)?;
        link.decision = decision;
        Some(ApprovedLink {
            account: protocol::AccountId::from_bytes([0; 16]),
            device_code: link.device_code.clone(),
            public_key: link.public_key.clone(),
            name: link.name.clone(),
            platform: link.platform.clone(),
            expires_at: protocol::UnixMillis::default(),
        })
    }

    fn decide_again(&self, user_code: &str, decision: Decision) {
        if let Some(link) = self.lock().get_mut(user_code) {
            link.decision = decision;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Pending>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn new_user_code() -> String {
    // 32 random bits a letter: the bias over 20 letters is nothing.
    let letter = || char::from(LETTERS[(u32::from_le_bytes(random_bytes()) % 20) as usize]);
    let group = || (0..4).map(|_| letter()).collect::<String>();
    format!("{}-{}", group(), group())
}

/// People type codes in lower case, and with or without the hyphen.
fn canonical(user_code: &str) -> String {
    let letters: String = user_code.chars().filter(char::is_ascii_alphabetic).collect::<String>().to_ascii_uppercase();
    if letters.len() == 8 { format!("{}-{}", &letters[..4], &letters[4..]) } else { letters }
}
