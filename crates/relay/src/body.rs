//! Reading a body once, whole, within its bounds: of one body, of all that one sender has here, and of all that are held
//! at once.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use protocol::DeviceId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::console::network_of;
use crate::edge;
use crate::problem::Refusal;

/// Time that a body may take to arrive: a slow sender must not hold a connection for long.
const ARRIVAL: Duration = Duration::from_secs(10);
/// Bytes of bodies that are held at once, over all connections and their streams: room for 64 of the largest reports or
/// 4,096 of the largest fetches in the very same moment, and little beside the memory of any machine that serves so many.
pub(crate) const DEFAULT_HELD_BYTES: usize = 256 * 1_024 * 1_024;

/// One sender may hold this part of the memory and no more: bodies that come slowly, or reports that wait for the database,
/// are no way to keep everybody else out. Eight of the largest reports.
const SHARES: usize = 8;

/// Seconds after which a sender's share may have room again: most bodies are gone within a few milliseconds.
const FULL_RETRY_SECONDS: u64 = 1;

/// The memory for bodies.
#[derive(Clone, Debug)]
pub(crate) struct Bodies {
    all: Arc<Semaphore>,
    /// Bytes that one sender may hold.
    share: usize,
    /// Bytes that each sender holds; those who hold none are not here.
    held: Arc<Mutex<HashMap<Sender, usize>>>,
}

/// Who sends a body, as far as is known before it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Sender {
    /// Nobody has proven anything yet: the client's address, of IPv6 its network.
    Address(IpAddr),
    /// A desktop that has proven its head.
    Device(DeviceId),
}

/// A body, whole. Its bytes count as held until its [`Place`] goes.
#[derive(Debug)]
pub(crate) struct WholeBody {
    pub(crate) bytes: Bytes,
    pub(crate) place: Place,
}

/// The memory that a body takes, or what was read from it.
#[derive(Debug, Default)]
pub(crate) struct Place {
    of_all: Option<OwnedSemaphorePermit>,
    of_sender: Option<Share>,
}

/// Bytes that a sender holds, until this goes.
#[derive(Debug)]
struct Share {
    held: Arc<Mutex<HashMap<Sender, usize>>>,
    sender: Sender,
    bytes: usize,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bytes) = held.get_mut(&self.sender) {
            *bytes -= self.bytes;
            if *bytes == 0 {
                held.remove(&self.sender);
            }
        }
    }
}

impl Sender {
    /// The sender of a request that has proven nothing. Loopback has no share of its own: a proxy here that nobody has
    /// declared speaks for the whole world.
    pub(crate) fn of(extensions: &http::Extensions) -> Option<Self> {
        let address = edge::client_address(extensions);
        (!address.is_loopback()).then(|| Self::Address(network_of(address)))
    }
}

impl Bodies {
    /// Memory for so many bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        let bytes = bytes.min(Semaphore::MAX_PERMITS);
        Self { all: Arc::new(Semaphore::new(bytes)), share: bytes / SHARES, held: Arc::default() }
    }

    /// Reads the body. `sender`: whose share of the memory it takes; nobody's when that cannot be said.
    ///
    /// # Errors
    /// When it has more than `limit` bytes, or does not arrive within [`ARRIVAL`], or breaks off, or there is no memory for
    /// it, or its sender holds too much already.
    pub(crate) async fn read(&self, sender: Option<Sender>, body: Body, limit: usize) -> Result<WholeBody, Refusal> {
        expect_within(&body, limit)?;
        tokio::time::timeout(ARRIVAL, self.collect(sender, body, limit)).await.unwrap_or(Err(Refusal::RequestTimeout))
    }

    async fn collect(&self, sender: Option<Sender>, mut body: Body, limit: usize) -> Result<WholeBody, Refusal> {
        let mut first = Bytes::new();
        let mut joined = BytesMut::new();
        let mut place = Place::default();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Refusal::RequestTimeout)?;
            let Ok(data) = frame.into_data() else { continue };
            if first.len() + joined.len() + data.len() > limit {
                return Err(Refusal::BodyTooLarge { limit });
            }
            self.make_room(&mut place, sender, data.len())?;
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
    fn make_room(&self, place: &mut Place, sender: Option<Sender>, bytes: usize) -> Result<(), Refusal> {
        if bytes == 0 {
            return Ok(());
        }
        if let Some(sender) = sender {
            self.take_share(place, sender, bytes)?;
        }
        let permits = u32::try_from(bytes).map_err(|_| Refusal::Overloaded)?;
        let more = Arc::clone(&self.all).try_acquire_many_owned(permits).map_err(|_| Refusal::Overloaded)?;
        match &mut place.of_all {
            Some(held) => held.merge(more),
            None => place.of_all = Some(more),
        }
        Ok(())
    }

    fn take_share(&self, place: &mut Place, sender: Sender, bytes: usize) -> Result<(), Refusal> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let before = held.get(&sender).copied().unwrap_or(0);
        if before + bytes > self.share {
            return Err(match sender {
                Sender::Address(_) => Refusal::AddressLimited { retry_after: FULL_RETRY_SECONDS },
                Sender::Device(_) => Refusal::DeviceLimited { retry_after: FULL_RETRY_SECONDS },
            });
        }
        held.insert(sender, before + bytes);
        match &mut place.of_sender {
            Some(share) => share.bytes += bytes,
            None => place.of_sender = Some(Share { held: Arc::clone(&self.held), sender, bytes }),
        }
        Ok(())
    }
}

/// Refuses a body that says beforehand that it is too large. Reads nothing.
pub(crate) fn expect_within(body: &Body, limit: usize) -> Result<(), Refusal> {
    use http_body::Body as _;
    if body.size_hint().lower() > limit as u64 { Err(Refusal::BodyTooLarge { limit }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(bytes: usize) -> Body {
        Body::from(vec![b' '; bytes])
    }

    #[tokio::test]
    async fn one_sender_holds_its_share_and_leaves_room_for_others() {
        let bodies = Bodies::new(8_000);
        let [one, other] = [7, 8].map(|last| Some(Sender::Address([192, 0, 2, last].into())));
        let first = bodies.read(one, body(600), 1_000).await.unwrap();
        let second = bodies.read(one, body(400), 1_000).await.unwrap();
        assert!(matches!(bodies.read(one, body(1), 1_000).await, Err(Refusal::AddressLimited { .. })));
        let others = bodies.read(other, body(1_000), 1_000).await.unwrap();
        assert!(bodies.read(None, body(1_000), 1_000).await.is_ok(), "nobody's share");
        drop(first);
        let third = bodies.read(one, body(600), 1_000).await.unwrap();
        let device = Some(Sender::Device(DeviceId::from_bytes([1; 16])));
        assert!(matches!(bodies.read(device, body(1_001), 2_000).await, Err(Refusal::DeviceLimited { .. })));
        drop((second, others, third));
        assert!(bodies.held.lock().unwrap().is_empty(), "who holds nothing is forgotten");
        assert_eq!(bodies.all.available_permits(), 8_000);
    }
}
