//! Linking this desktop to an account, in the shape of RFC 8628: show a code, poll until an operator has approved it.

use std::time::Duration;

use protocol::ProblemCode;
use protocol::device_signature::DevicePublicKey;
use protocol::linking::{LinkPoll, LinkRequest, LinkStarted, Linked};

use crate::backoff::{Backoff, random_fraction};
use crate::config::LinkEvent;
use crate::relay_client::{ANSWER_TIMEOUT, CallError, Refusal, RelayClient};

/// What `slow_down` adds to the interval, for good (RFC 8628, section 3.5).
const SLOW_DOWN: Duration = Duration::from_secs(5);
/// The shortest interval: a relay that dictates 0 would have us spin.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);
/// The longest interval that is followed.
const LONGEST_INTERVAL: Duration = Duration::from_secs(60);

/// How linking can end without a link.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// An operator said no.
    #[error("an operator denied this desktop")]
    Denied,
    /// The relay cannot take the request, now or later.
    #[error(transparent)]
    Refused(CallError),
}

/// Links, however long the operator takes; a code that runs out is followed by a new one. An absent relay is waited for.
pub(crate) async fn link(
    client: &RelayClient,
    key: &DevicePublicKey,
    name: &str,
    on_event: &(dyn Fn(LinkEvent) + Send + Sync),
) -> Result<Linked, LinkError> {
    let request = LinkRequest {
        public_key: key.to_hex(),
        name: name.to_owned(),
        platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
    };
    loop {
        let started = start(client, &request, on_event).await?;
        // Not the code: it is for the person who sits here, and logs are kept.
        tracing::info!(verification_uri = %started.verification_uri, "waiting for an operator to approve this desktop");
        on_event(LinkEvent::Code(started.clone()));
        if let Some(linked) = poll(client, &started, on_event).await? {
            return Ok(linked);
        }
        on_event(LinkEvent::Expired);
    }
}

async fn start(
    client: &RelayClient,
    request: &LinkRequest,
    on_event: &(dyn Fn(LinkEvent) + Send + Sync),
) -> Result<LinkStarted, LinkError> {
    let mut backoff = Backoff::default();
    loop {
        match client.post("/api/device/link", request, ANSWER_TIMEOUT).await {
            Ok(started) => return Ok(started),
            Err(error) => wait_or_give_up(&mut backoff, error, on_event).await?,
        }
    }
}

/// `None` when the code ran out.
async fn poll(
    client: &RelayClient,
    started: &LinkStarted,
    on_event: &(dyn Fn(LinkEvent) + Send + Sync),
) -> Result<Option<Linked>, LinkError> {
    let request = LinkPoll { device_code: started.device_code.clone() };
    let mut interval = Duration::from_secs(started.interval.into()).clamp(SHORTEST_INTERVAL, LONGEST_INTERVAL);
    let mut backoff = Backoff::default();
    loop {
        tokio::time::sleep(interval).await;
        match client.post("/api/device/link/token", &request, ANSWER_TIMEOUT).await {
            Ok(linked) => return Ok(Some(linked)),
            Err(error) if error.is(ProblemCode::AuthorizationPending) => backoff.succeeded(),
            Err(error) if error.is(ProblemCode::SlowDown) => interval = (interval + SLOW_DOWN).min(LONGEST_INTERVAL),
            Err(error) if error.is(ProblemCode::AccessDenied) => return Err(LinkError::Denied),
            Err(error) if error.is(ProblemCode::ExpiredToken) => return Ok(None),
            Err(error) => wait_or_give_up(&mut backoff, error, on_event).await?,
        }
    }
}

/// What time may mend is waited for; what it cannot is returned.
async fn wait_or_give_up(backoff: &mut Backoff, error: CallError, on_event: &(dyn Fn(LinkEvent) + Send + Sync)) -> Result<(), LinkError> {
    if error.refusal().is_some_and(Refusal::is_definite) {
        return Err(LinkError::Refused(error));
    }
    let pause = backoff.after_failure(error.retry_after(), random_fraction());
    tracing::warn!(%error, pause_ms = pause.as_millis(), "linking: trying again");
    on_event(LinkEvent::Waiting { reason: error.to_string(), pause });
    tokio::time::sleep(pause).await;
    Ok(())
}
