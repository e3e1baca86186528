//! Devices in memory: whose requests are checked against which public key, and which one-time values they have used.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use protocol::device_signature::FRESHNESS_SECONDS;
use protocol::{DeviceId, UnixMillis};
use store::{DeviceRecord, Store, StoreError};

/// How long a device is taken as it was read. A revocation on another relay takes effect within this time.
const KEPT: Duration = Duration::from_millis(500);
/// Devices kept in memory; more than any relay serves at once. The map begins anew when it is full.
const MAX_DEVICES: usize = 100_000;
/// One-time values remembered over all devices: 120 s of 5,000 requests a second.
const MAX_NONCES: usize = 600_000;

/// What is known of devices without asking the database.
#[derive(Debug)]
pub(crate) struct Devices {
    store: Store,
    known: Mutex<HashMap<DeviceId, Known>>,
    nonces: Mutex<Nonces>,
}

#[derive(Debug)]
struct Known {
    device: Option<Arc<DeviceRecord>>,
    read_at: Instant,
    version: u64,
}

/// In memory only: device requests are harmless when repeated (a pull by its poll id, a report by its fence), so what a
/// restart forgets within the freshness window lets nothing happen twice.
#[derive(Debug, Default)]
struct Nonces {
    spent: HashSet<(DeviceId, String)>,
    in_order: VecDeque<(UnixMillis, DeviceId, String)>,
}

impl Devices {
    pub(crate) fn new(store: Store) -> Self {
        Self { store, known: Mutex::default(), nonces: Mutex::default() }
    }

    /// The device of this id, unless it was revoked.
    pub(crate) async fn find(&self, id: DeviceId) -> Result<Option<Arc<DeviceRecord>>, StoreError> {
        let version = self.store.devices_version();
        if let Some(known) = self.known().get(&id)
            && known.version == version
            && known.read_at.elapsed() < KEPT
        {
            return Ok(known.device.clone());
        }
        let device = self.store.device(id).await?.filter(|device| device.revoked_at.is_none()).map(Arc::new);
        let mut known = self.known();
        if known.len() >= MAX_DEVICES {
            known.clear();
        }
        // Unknown ids are kept too, for half a second: a flood of them then costs few reads.
        known.insert(id, Known { device: device.clone(), read_at: Instant::now(), version });
        Ok(device)
    }

    /// Whether this device uses this nonce for the first time.
    pub(crate) fn spend_nonce(&self, device: DeviceId, nonce: &str, now: UnixMillis) -> bool {
        let mut nonces = self.nonces.lock().unwrap_or_else(PoisonError::into_inner);
        let Nonces { spent, in_order } = &mut *nonces;
        // `created` may lie in the future by as much: a nonce matters for twice the window.
        let oldest = now.plus_seconds(-2 * FRESHNESS_SECONDS - 1);
        while in_order.len() >= MAX_NONCES || in_order.front().is_some_and(|(at, ..)| *at < oldest) {
            if let Some((_, device, nonce)) = in_order.pop_front() {
                spent.remove(&(device, nonce));
            }
        }
        let fresh = spent.insert((device, nonce.to_owned()));
        if fresh {
            in_order.push_back((now, device, nonce.to_owned()));
        }
        fresh
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<DeviceId, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
