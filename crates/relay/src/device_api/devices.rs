//! Devices in memory: whose requests are checked against which public key, and which one-time values they have used.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use protocol::device_signature::{DeviceKey, DevicePublicKey, FRESHNESS_SECONDS};
use protocol::{DeviceId, UnixMillis};
use store::{DeviceRecord, Store, StoreError};

use crate::mirror::{Held, Mirror};

/// Pause between two readings that a signature which does not match may cause. It may be that of a device which another
/// relay has linked just now; a flood of forged ones costs two readings a second.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// One-time values remembered over all devices: 120 s of 5,000 requests a second.
const MAX_NONCES: usize = 600_000;

/// What is known of devices without asking the database.
#[derive(Debug)]
pub(crate) struct Devices {
    store: Store,
    /// Every device that is linked, by id.
    linked: Mirror<HashMap<DeviceId, Arc<DeviceRecord>>>,
    nonces: Mutex<Nonces>,
    dummy: DevicePublicKey,
}

/// In memory only: device requests are harmless when repeated (a pull by its poll id, a report by its fence), so what a
/// restart forgets within the freshness window lets nothing happen twice.
#[derive(Debug, Default)]
struct Nonces {
    spent: HashSet<(DeviceId, String)>,
    in_order: VecDeque<(UnixMillis, DeviceId, String)>,
}

impl Devices {
    pub(crate) async fn load(store: Store) -> Result<Self, StoreError> {
        let dummy = DeviceKey::generate().public();
        let devices = Self { store, linked: Mirror::new("devices", HashMap::new()), nonces: Mutex::default(), dummy };
        devices.reread().await?;
        Ok(devices)
    }

    /// The device of this id, if it is linked.
    pub(crate) async fn find(&self, id: DeviceId) -> Option<Arc<DeviceRecord>> {
        self.find_or_doubt(id).await.0
    }

    /// As [`Self::find`], and whether the database, which could not be asked, may know better.
    pub(crate) async fn find_or_doubt(&self, id: DeviceId) -> (Option<Arc<DeviceRecord>>, bool) {
        self.linked.follow(|| self.store.devices_version(), || self.read()).await;
        let Held { table, in_doubt } = self.linked.held();
        (table.get(&id).cloned(), in_doubt)
    }

    /// Tells which devices are linked, as they were read last.
    pub(crate) fn linked(&self) -> impl Fn(DeviceId) -> bool + use<> {
        let linked = self.linked.table();
        move |device| linked.contains_key(&device)
    }

    /// What the signatures of unknown devices are checked with.
    pub(crate) const fn dummy(&self) -> &DevicePublicKey {
        &self.dummy
    }

    /// Reads the devices again although nobody said that they have changed.
    pub(crate) async fn reread(&self) -> Result<(), StoreError> {
        self.linked.reread(Duration::ZERO, || self.store.devices_version(), || self.read()).await
    }

    /// As [`Self::reread`], at most every [`LOOK_AGAIN`].
    pub(crate) async fn look_again(&self) -> Result<(), StoreError> {
        self.linked.reread(LOOK_AGAIN, || self.store.devices_version(), || self.read()).await
    }

    async fn read(&self) -> Result<HashMap<DeviceId, Arc<DeviceRecord>>, StoreError> {
        let devices = self.store.all_devices().await?;
        Ok(devices.into_iter().map(|device| (device.id, Arc::new(device))).collect())
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
}
