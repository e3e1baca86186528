//! Changes of jobs' states as they happen, as server-sent events: one stream for callers and for the console's pages. A
//! stream is a reader of the audit that is woken when it grows; it holds nothing but its place.

mod wire;

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use domain::events::EventId;
use futures_util::future::BoxFuture;
use protocol::{AccountId, Environment};
use store::{EventPage, EventQuery};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::places::{Full, Place};
use crate::problem::Refusal;
use crate::state::Shared;

/// Between two signs of life: below what proxies cut.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// A lost wake-up costs no more than this.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// The least between two looks: what happens within it is read at once.
const GATHER: Duration = Duration::from_millis(20);
/// Pause after the database did not answer.
const RETRY: Duration = Duration::from_secs(1);
/// Time that a reader may take to make room. Whoever is slower is hung up on, and may go on where they were.
const PATIENCE: Duration = Duration::from_secs(30);
/// Pieces of a stream that wait for their reader.
const AHEAD: usize = 4;
/// Bytes of one piece, about.
const PIECE_BYTES: usize = 32 * 1_024;

/// Who listens to what.
pub(crate) struct Subscription {
    pub(crate) account: AccountId,
    /// None: to both.
    pub(crate) environment: Option<Environment>,
    /// Behind which event to go on; none: what comes from now on.
    pub(crate) after: Option<EventId>,
    /// Held for as long as the stream lasts.
    pub(crate) place: Place,
    /// Ends the connection.
    pub(crate) hang_up: CancellationToken,
    /// Asked before anything is sent: whether whoever listens still may.
    pub(crate) still_may: StillMay,
}

/// Whether whoever is being answered still may be, asked anew each time.
pub(crate) type StillMay = Box<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

/// How it is refused that there is no place for a stream.
pub(crate) const fn refused(full: Full) -> Refusal {
    match full {
        Full::All => Refusal::Overloaded,
        Full::OfOne(limit) => Refusal::TooManyStreams { limit },
    }
}

/// The answer that goes on for as long as somebody reads it.
pub(crate) fn stream(state: &Shared, subscription: Subscription) -> Response {
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::spawn(pump(Shared::clone(state), subscription, Outlet(sender)));
    let pieces = futures_util::stream::unfold(receiver, |mut receiver| async move {
        let piece: Bytes = receiver.recv().await?;
        Some((Ok::<_, std::convert::Infallible>(piece), receiver))
    });
    let mut response = Response::new(Body::from_stream(pieces));
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx holds answers back unless it is told not to.
    headers.insert(header::HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// Why a stream ends.
enum End {
    /// Its reader has gone, may no longer listen, or the relay shuts down.
    Done,
    /// Its reader does not read.
    Slow,
}

/// Where pieces go.
struct Outlet(mpsc::Sender<Bytes>);

impl Outlet {
    async fn send(&self, piece: String) -> Result<(), End> {
        match tokio::time::timeout(PATIENCE, self.0.send(Bytes::from(piece))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Done),
            Err(_) => Err(End::Slow),
        }
    }
}

async fn pump(state: Shared, subscription: Subscription, outlet: Outlet) {
    let Subscription { account, environment, after, place: _place, hang_up, still_may } = subscription;
    let mut reader = Reader { state: Shared::clone(&state), account, environment, after, is_new: true };
    let ended = tokio::select! {
        Err(end) = reader.run(&outlet, &still_may) => end,
        () = state.draining.cancelled() => End::Done,
        () = outlet.0.closed() => End::Done,
    };
    if matches!(ended, End::Slow) {
        tracing::info!(account.id = %account, "an event stream was not read; it is hung up");
        hang_up.cancel();
    }
}

/// A place in an account's events that moves on.
struct Reader {
    state: Shared,
    account: AccountId,
    environment: Option<Environment>,
    after: Option<EventId>,
    /// Whether nothing has been read yet.
    is_new: bool,
}

impl Reader {
    /// Sends what there is and what comes. Ends only by [`End`].
    async fn run(&mut self, outlet: &Outlet, still_may: &StillMay) -> Result<(), End> {
        let watch = self.state.store.watch_recorded(self.account);
        outlet.send(wire::OPENING.to_owned()).await?;
        let mut last_sign = tokio::time::Instant::now();
        loop {
            // Before the look, so that what is recorded after it is not missed.
            let woken = watch.listen();
            if !still_may().await {
                return Err(End::Done);
            }
            let (sent, more) = self.look(outlet).await?;
            if sent {
                last_sign = tokio::time::Instant::now();
            } else if last_sign.elapsed() >= HEARTBEAT {
                outlet.send(wire::HEARTBEAT.to_owned()).await?;
                last_sign = tokio::time::Instant::now();
            }
            if !more {
                let _ = tokio::time::timeout(LOOK_AGAIN, woken).await;
                tokio::time::sleep(GATHER).await;
            }
        }
    }

    /// Whether anything was sent, and whether there is more at once.
    async fn look(&mut self, outlet: &Outlet) -> Result<(bool, bool), End> {
        let resumes_at = (self.is_new && self.after.is_some()).then(|| self.state.now());
        let query = EventQuery { account: self.account, environment: self.environment, after: self.after, resumes_at };
        let page = match self.state.store.events(query).await {
            Ok(page) => page,
            Err(error) => {
                tracing::debug!(%error, "events could not be read; trying again");
                tokio::time::sleep(RETRY).await;
                return Ok((false, false));
            }
        };
        let (was_new, public_url) = (std::mem::replace(&mut self.is_new, false), self.state.public_url.clone());
        match page {
            EventPage::Reset { next } => {
                self.after = Some(next);
                outlet.send(wire::reset(next)).await?;
                Ok((true, false))
            }
            EventPage::Events { events, next, more } => {
                self.after = Some(next);
                let mut piece = String::new();
                for event in &events {
                    wire::job(&mut piece, event, &public_url);
                    if piece.len() >= PIECE_BYTES {
                        outlet.send(std::mem::take(&mut piece)).await?;
                    }
                }
                // Whoever is cut off before the first event goes on here too.
                if events.is_empty() && was_new {
                    wire::place(&mut piece, next);
                }
                let sends = !piece.is_empty();
                if sends {
                    outlet.send(piece).await?;
                }
                Ok((sends || !events.is_empty(), more))
            }
        }
    }
}
