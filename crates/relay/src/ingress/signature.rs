//! Proves who called. The checks stand in the order of the contract: header grammar, content type and size first, with
//! no key looked up and nothing stored; then key and signature over the raw bytes, and the key's terms; then freshness;
//! then the burst limit and the scope; only then is anything parsed.

use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use axum::http::request::Parts;
use axum::http::{Method, header};
use bytes::Bytes;
use domain::Month;
use domain::admission::{NonceFact, Standing};
use domain::audit::Received;
use protocol::fetch_request::MAX_BODY_BYTES;
use protocol::key::Scope;
use protocol::signature::{CallerHeaders, HeaderFault, HeaderFaultKind, SignedTarget};
use protocol::strict_json::StrictValue;
use protocol::{FetchRequest, UnixMillis};

use crate::body::{Place, Sender, WholeBody};
use crate::edge;
use crate::ingress::credentials;
use crate::ingress::limits::Limits;
use crate::keys::{CachedKey, SignedWith};
use crate::problem::{self, Refusal, Refused};
use crate::rate::{Burst, BurstStanding};
use crate::refusals::{Proven, Unproven, Witness};
use crate::state::Shared;

/// A payload that came under a valid, fresh signature. Made here and nowhere else.
pub(crate) struct Signed<P> {
    pub(crate) caller: Caller,
    pub(crate) payload: P,
    /// The memory that the payload takes.
    _place: Place,
}

/// Who signed, and under which one-time values.
pub(crate) struct Caller {
    pub(crate) key: Arc<CachedKey>,
    pub(crate) signed_with: SignedWith,
    pub(crate) nonce: String,
    pub(crate) timestamp_seconds: i64,
    pub(crate) received_at: UnixMillis,
    pub(crate) received: Received,
    pub(crate) burst: Option<BurstStanding>,
}

/// What a signed body is read as.
pub(crate) trait Payload: Sized + Send {
    /// Bytes that the body may have.
    const MAX_BYTES: usize;
    /// Whether a body is expected at all, and with it a JSON media type.
    const HAS_BODY: bool;
    /// What a key must be allowed to do; `None`: any key will do.
    const SCOPE: Option<Scope>;

    fn read(body: &[u8]) -> Result<Self, Refusal>;
}

impl Payload for FetchRequest {
    const MAX_BYTES: usize = MAX_BODY_BYTES;
    const HAS_BODY: bool = true;
    const SCOPE: Option<Scope> = Some(Scope::Submit);

    fn read(body: &[u8]) -> Result<Self, Refusal> {
        let value = StrictValue::parse(body).map_err(|error| Refusal::MalformedJson(error.to_string()))?;
        if !matches!(value, StrictValue::Object(_)) {
            return Err(Refusal::MalformedJson(format!("Expected an object, found {}", value.kind())));
        }
        Self::read(&value, |source| source == "platform_api").map_err(Refusal::InvalidPayload)
    }
}

/// A request without a body, by a key that may do what `S` says; bytes that come all the same are signed, and then ignored.
pub(crate) struct NoBody<S = ToRead>(PhantomData<S>);

/// What a request without a body is for.
pub(crate) trait Purpose: Send {
    /// What a key must be allowed to do.
    const SCOPE: Option<Scope>;
}

/// To read.
pub(crate) struct ToRead;
/// To cancel.
pub(crate) struct ToCancel;
/// To see whether the key works.
pub(crate) struct ToVerify;

impl Purpose for ToRead {
    const SCOPE: Option<Scope> = Some(Scope::Read);
}

impl Purpose for ToCancel {
    const SCOPE: Option<Scope> = Some(Scope::Cancel);
}

impl Purpose for ToVerify {
    const SCOPE: Option<Scope> = None;
}

impl<S: Purpose> Payload for NoBody<S> {
    const MAX_BYTES: usize = 1_024;
    const HAS_BODY: bool = false;
    const SCOPE: Option<Scope> = S::SCOPE;

    fn read(_body: &[u8]) -> Result<Self, Refusal> {
        Ok(Self(PhantomData))
    }
}

impl<P: Payload> FromRequest<Shared> for Signed<P> {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &Shared) -> Result<Self, Self::Rejection> {
        let (parts, body) = request.into_parts();
        let of_a_stranger = |refusal| Refused(None, refusal);
        let headers = read_headers(&parts).map_err(of_a_stranger)?;
        if P::HAS_BODY {
            require_json(&parts).map_err(of_a_stranger)?;
        }
        let WholeBody { bytes, place } =
            state.bodies.read(Sender::of(&parts.extensions), body, P::MAX_BYTES).await.map_err(of_a_stranger)?;
        let caller = authenticate(state, &parts.method, &parts, &headers, &bytes).await?;
        if let Some(needed) = P::SCOPE.filter(|scope| !caller.key.terms.scopes.allow(*scope)) {
            let scopes = caller.key.terms.scopes;
            return Err(caller.refused(state, Refusal::InsufficientScope { needed, scopes }).await);
        }
        match P::read(&bytes) {
            // What is ignored takes no memory while its request waits.
            Ok(payload) => Ok(Self { caller, payload, _place: if P::HAS_BODY { place } else { Place::default() } }),
            Err(refusal) => Err(caller.refused(state, refusal).await),
        }
    }
}

fn read_headers(parts: &Parts) -> Result<CallerHeaders<'_>, Refusal> {
    let values = |name: &'static str| parts.headers.get_all(name).iter().map(axum::http::HeaderValue::as_bytes);
    CallerHeaders::read(values).map_err(|HeaderFault { header, kind }| match kind {
        HeaderFaultKind::Missing => Refusal::MissingHeader(header),
        HeaderFaultKind::Repeated | HeaderFaultKind::OffGrammar(_) => Refusal::MalformedHeader { header, detail: kind.to_string() },
    })
}

/// `application/json`, with or without parameters, once.
fn require_json(parts: &Parts) -> Result<(), Refusal> {
    let mut values = parts.headers.get_all(header::CONTENT_TYPE).iter();
    let essence = values.next().and_then(|value| value.to_str().ok()).map(|value| value.split(';').next().unwrap_or_default().trim());
    let is_json = essence.is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"));
    if is_json && values.next().is_none() { Ok(()) } else { Err(Refusal::UnsupportedMediaType { expected: "application/json" }) }
}

async fn authenticate(
    state: &Shared,
    method: &Method,
    parts: &Parts,
    headers: &CallerHeaders<'_>,
    body: &Bytes,
) -> Result<Caller, Refused> {
    let path_and_query = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let target = SignedTarget::of(method.as_str(), path_and_query);
    let ((found, in_doubt), received_at) = (state.keys.find_or_doubt(headers.key_id).await, state.now());
    let received = Received::new(body, headers.timestamp_seconds());
    // An unknown key takes the way of a known one, up to the same answer.
    let signed_with = found.value.verify(target, headers, body, received_at).filter(|_| found.is_known);
    let key = found.value;
    let judged = signed_with.map(|signed_with| match credentials::check(&key, edge::client_address(&parts.extensions), received_at) {
        Ok(()) => Some(signed_with),
        Err(_) if in_doubt => None,
        Err(fault) => {
            credentials::note(&key, fault);
            let proven = Proven::new(&key, headers.nonce, (method.as_str(), parts.uri.path()), received);
            state.refusals.in_terms(&proven, fault, received_at);
            None
        }
    });
    let Some(signed_with) = judged.flatten() else {
        // It may have been made, or changed, since the keys were last read: no answer that a caller takes for final.
        if in_doubt {
            return Err(Refused(None, Refusal::DatabaseAway));
        }
        let unproven = Unproven::new(received_at, headers, (method.as_str(), path_and_query), body, received);
        state.refusals.unproven(found.is_known.then_some(key.account), unproven);
        let told = problem::Received { body_bytes: body.len(), body_sha256: received.body_sha256.to_string(), base: target.recipe() };
        return Err(Refused(None, Refusal::InvalidCredentials(told)));
    };
    let timestamp_seconds = received.timestamp_seconds;
    let burst = key.burst.as_deref().map(Burst::last);
    let mut caller = Caller { key, signed_with, nonce: headers.nonce.to_owned(), timestamp_seconds, received_at, received, burst };
    if let Err(stale) = state.store.settings().window.check(timestamp_seconds, received_at.seconds()) {
        // Signed by whoever has the secret, but perhaps sent by somebody who saw it long ago: nothing of it is written.
        let unproven = Unproven::new(received_at, headers, (method.as_str(), path_and_query), body, received);
        state.refusals.unproven(Some(caller.key.account), unproven.stale());
        return Err(caller.refused(state, stale_timestamp(stale.to_string(), received_at)).await);
    }
    edge::proven(state, &parts.extensions);
    if let Some(witness) = parts.extensions.get::<Witness>() {
        witness.saw(caller.proven(method.as_str(), parts.uri.path()));
    }
    caller.key.note_use(received_at);
    match caller.key.burst.as_deref().map(Burst::take).transpose() {
        Ok(burst) => caller.burst = burst,
        Err(retry_after) => return Err(caller.refused(state, Refusal::RateLimited { retry_after }).await),
    }
    Ok(caller)
}

fn stale_timestamp(mut detail: String, server_time: UnixMillis) -> Refusal {
    if let Some(first) = detail.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    Refusal::StaleTimestamp { detail, server_time }
}

impl Caller {
    /// Who sent a request to this target.
    pub(crate) fn proven(&self, method: &str, path: &str) -> Proven {
        Proven::new(&self.key, &self.nonce, (method, path), self.received)
    }

    /// A refusal of a request whose sender is known: it tells their limits, as every answer to them does.
    async fn refused(&self, state: &Shared, refusal: Refusal) -> Refused {
        Refused(Some(Limits::known(self, self.standing(state).await)), refusal)
    }

    /// How the account stands, as it was last heard; the database is asked when that was not this month. `None`: nothing
    /// is counted, or it does not answer.
    async fn standing(&self, state: &Shared) -> Option<Standing> {
        let Self { key, received_at, .. } = self;
        if let Some(known) = self.last_standing() {
            return Some(known);
        }
        key.plan.as_ref()?.monthly_fetches?;
        let standing = state.store.standing(key.account, key.environment, *received_at).await.ok()?;
        key.remember(standing);
        Some(standing)
    }

    /// How the account stood when the database was last asked, if that was this month.
    pub(crate) fn last_standing(&self) -> Option<Standing> {
        self.key.last_standing().filter(|standing| standing.month == Month::of(self.received_at))
    }

    /// Spends the nonce of a request that is no admission, and learns how the account stands.
    pub(crate) async fn spend_nonce(&self, state: &Shared) -> Result<Limits, Refused> {
        let known = Limits::known(self, self.last_standing());
        let key = &self.key;
        let spent = state
            .store
            .spend_nonce((key.account, key.environment), (key.key_id.as_str(), &self.nonce, self.timestamp_seconds), self.received_at)
            .await
            .map_err(|error| Refused(Some(known), error.into()))?;
        key.remember(spent.standing);
        let limits = Limits::known(self, Some(spent.standing));
        match spent.fact {
            NonceFact::Fresh => Ok(limits),
            NonceFact::Reused => Err(Refused(Some(limits), Refusal::NonceReused)),
            NonceFact::Forgotten => Err(Refused(Some(limits), Refusal::NonceForgotten { server_time: self.received_at })),
        }
    }
}
