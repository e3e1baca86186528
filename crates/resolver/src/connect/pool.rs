//! Connections kept for the next request to the same origin, and the bound on how many a host may have at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::client::conn::http2::SendRequest;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::guard::CheckedAddr;
use crate::http1::Connection;

/// How long an idle connection is kept: shorter than servers' own patience, which is rarely under 15 s.
const IDLE: Duration = Duration::from_secs(10);
/// Idle connections of all hosts together; each holds a socket and some kilobytes.
const MAX_IDLE: usize = 512;
/// Hosts that are remembered before those without anything open are forgotten.
const MAX_HOSTS: usize = 4_096;

/// Whom a connection belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) is_https: bool,
    /// Name of the proxy profile that it goes through.
    pub(crate) proxy: Option<String>,
}

/// What is known of the other end; evidence for every hop that reuses the connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    /// What was dialled: the site, or the proxy.
    pub(crate) address: CheckedAddr,
    pub(crate) tls_version: Option<&'static str>,
}

/// A multiplexed connection that any number of requests may share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) sender: SendRequest<http_body_util::Empty<bytes::Bytes>>,
    pub(crate) peer: Peer,
}

#[derive(Default)]
struct Slot {
    idle: Vec<(Connection, Peer, Instant)>,
    shared: Option<Shared>,
}

/// The connections of one resolver.
pub(crate) struct Pool {
    per_host: usize,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    slots: HashMap<Origin, Slot>,
    permits: HashMap<(String, u16), Arc<Semaphore>>,
    idle: usize,
}

/// What the pool has for a request.
pub(crate) enum Found {
    Own(Connection, Peer),
    Shared(Shared),
    Nothing,
}

impl Pool {
    pub(crate) fn new(per_host: usize) -> Self {
        Self { per_host, open: Mutex::default() }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        // Nothing below panics between two changes that belong together.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the right to have one more request under way to a host.
    pub(crate) async fn permit(&self, host: &str, port: u16) -> Option<OwnedSemaphorePermit> {
        let permits = {
            let mut open = self.open();
            if open.permits.len() >= MAX_HOSTS {
                let per_host = self.per_host;
                open.permits.retain(|_, permits| permits.available_permits() < per_host);
            }
            Arc::clone(open.permits.entry((host.to_owned(), port)).or_insert_with(|| Arc::new(Semaphore::new(self.per_host))))
        };
        // A semaphore that nobody closes always grants.
        permits.acquire_owned().await.ok()
    }

    /// A connection for `origin`, freshest first.
    pub(crate) fn take(&self, origin: &Origin) -> Found {
        let mut open = self.open();
        let Open { slots, idle, .. } = &mut *open;
        let Some(slot) = slots.get_mut(origin) else { return Found::Nothing };
        if let Some(shared) = slot.shared.take_if(|shared| shared.sender.is_closed()) {
            drop(shared);
        }
        if let Some(shared) = &slot.shared {
            return Found::Shared(shared.clone());
        }
        let now = Instant::now();
        while let Some((connection, peer, since)) = slot.idle.pop() {
            *idle -= 1;
            if now.duration_since(since) < IDLE {
                return Found::Own(connection, peer);
            }
        }
        Found::Nothing
    }

    /// Keeps a connection for the next request.
    pub(crate) fn keep(&self, origin: &Origin, connection: Connection, peer: Peer) {
        let mut open = self.open();
        if open.idle >= MAX_IDLE {
            open.forget_old();
        }
        if open.idle < MAX_IDLE {
            open.idle += 1;
            open.slots.entry(origin.clone()).or_default().idle.push((connection, peer, Instant::now()));
        }
    }

    /// Shares a connection with the requests to come.
    pub(crate) fn share(&self, origin: &Origin, shared: Shared) {
        let mut open = self.open();
        if open.slots.len() >= MAX_HOSTS {
            open.forget_old();
        }
        open.slots.entry(origin.clone()).or_default().shared = Some(shared);
    }

    /// Forgets a shared connection that has failed.
    pub(crate) fn unshare(&self, origin: &Origin) {
        if let Some(slot) = self.open().slots.get_mut(origin) {
            slot.shared = None;
        }
    }
}

impl Open {
    /// Drops connections that were idle for too long, and when all are fresh, all of them: the bound comes first.
    fn forget_old(&mut self) {
        let now = Instant::now();
        let Self { slots, idle, .. } = self;
        for patience in [IDLE, Duration::ZERO] {
            slots.retain(|_, slot| {
                let before = slot.idle.len();
                slot.idle.retain(|(_, _, since)| now.duration_since(*since) < patience);
                *idle -= before - slot.idle.len();
                slot.shared.take_if(|shared| shared.sender.is_closed() || patience.is_zero());
                !slot.idle.is_empty() || slot.shared.is_some()
            });
            if *idle < MAX_IDLE && slots.len() < MAX_HOSTS {
                return;
            }
        }
    }
}
