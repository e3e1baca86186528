//! Reading a body once, whole, within its bounds: of one body, and of all that are held at once.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::Refusal;

/// Time that a body may take to arrive: a slow sender must not hold a connection for long.
const ARRIVAL: Duration = Duration::from_secs(10);
/// Bytes of bodies that are held at once, over all connections and their streams: room for 64 of the largest reports or
/// 4,096 of the largest fetches in the very same moment, and little beside the memory of any machine that serves so many.
pub(crate) const DEFAULT_HELD_BYTES: usize = 256 * 1_024 * 1_024;

/// The memory for bodies.
#[derive(Debug)]
pub(crate) struct Bodies(Arc<Semaphore>);

/// A body, whole. Its bytes count as held until its [`Place`] goes.
#[derive(Debug)]
pub(crate) struct WholeBody {
    pub(crate) bytes: Bytes,
    pub(crate) place: Place,
}

/// The memory that a body takes, or what was read from it.
#[derive(Debug, Default)]
pub(crate) struct Place(Option<OwnedSemaphorePermit>);

impl Bodies {
    /// Memory for so many bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes.min(Semaphore::MAX_PERMITS))))
    }

    /// Reads the body.
    ///
    /// # Errors
    /// When it has more than `limit` bytes, or does not arrive within [`ARRIVAL`], or breaks off, or there is no memory for it.
    pub(crate) async fn read(&self, body: Body, limit: usize) -> Result<WholeBody, Refusal> {
        expect_within(&body, limit)?;
        tokio::time::timeout(ARRIVAL, self.collect(body, limit)).await.unwrap_or(Err(Refusal::RequestTimeout))
    }

    async fn collect(&self, mut body: Body, limit: usize) -> Result<WholeBody, Refusal> {
        let mut first = Bytes::new();
        let mut joined = BytesMut::new();
        let mut place = Place::default();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Refusal::RequestTimeout)?;
            let Ok(data) = frame.into_data() else { continue };
            if first.len() + joined.len() + data.len() > limit {
                return Err(Refusal::BodyTooLarge { limit });
            }
            self.make_room(&mut place, data.len())?;
            // Nearly every body comes in one piece, which needs no copy.
            if first.is_empty() && joined.is_empty() {
                first = data;
            } else {
                if joined.is_empty() {
                    joined.extend_from_slice(&std::mem::take(&mut first));
                }
                joined.extend_from_slice(&data);
            }
        }
        Ok(WholeBody { bytes: if joined.is_empty() { first } else { joined.freeze() }, place })
    }

    /// Never waits: bodies that wait for each other's memory would wait for ever.
    fn make_room(&self, place: &mut Place, bytes: usize) -> Result<(), Refusal> {
        if bytes == 0 {
            return Ok(());
        }
        let bytes = u32::try_from(bytes).map_err(|_| Refusal::Overloaded)?;
        let more = Arc::clone(&self.0).try_acquire_many_owned(bytes).map_err(|_| Refusal::Overloaded)?;
        match &mut place.0 {
            Some(held) => held.merge(more),
            None => place.0 = Some(more),
        }
        Ok(())
    }
}

/// Refuses a body that says beforehand that it is too large. Reads nothing.
pub(crate) fn expect_within(body: &Body, limit: usize) -> Result<(), Refusal> {
    use http_body::Body as _;
    if body.size_hint().lower() > limit as u64 { Err(Refusal::BodyTooLarge { limit }) } else { Ok(()) }
}
