//! Which desktops were heard, told to the store now and then: presence that is exact to the second would cost a write a pull.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use axum::http::{HeaderMap, header};
use protocol::text::is_plain_character;
use protocol::{DeviceId, UnixMillis};
use store::{DeviceRecord, Presence};

use crate::state::Shared;

/// Between two notes of one device.
const NOTED_EVERY_MILLIS: i64 = 30_000;
/// Characters of what a desktop calls itself; a stranger's word, shown as text.
const MAX_VERSION: usize = 100;

/// When each device was noted last. Devices that are linked only, so their number bounds it.
#[derive(Debug, Default)]
pub(crate) struct LastHeard(Mutex<HashMap<DeviceId, UnixMillis>>);

impl LastHeard {
    fn is_worth_noting(&self, device: DeviceId, now: UnixMillis) -> bool {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = noted.get(&device).is_none_or(|at| now.0 - at.0 >= NOTED_EVERY_MILLIS);
        if is_news {
            noted.insert(device, now);
        }
        is_news
    }

    /// Forgets all but these.
    pub(crate) fn keep(&self, is_linked: impl Fn(DeviceId) -> bool) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|device, _| is_linked(*device));
    }
}

/// Notes that a device has asked for jobs. Whether the note succeeds decides nothing that the device asked for.
pub(super) fn note(state: &Shared, device: &DeviceRecord, headers: &HeaderMap, now: UnixMillis) {
    if !state.last_heard.is_worth_noting(device.id, now) {
        return;
    }
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let version = agent.chars().filter(|c| is_plain_character(*c)).take(MAX_VERSION).collect();
    let presence = Presence { device: device.id, seen_at: now, version };
    let (store, account) = (state.store.clone(), device.account);
    tokio::spawn(async move {
        if let Err(error) = store.note_presence(account, presence).await {
            tracing::debug!(%error, "presence was not noted");
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_noted_now_and_then() {
        let (heard, device, other) = (LastHeard::default(), DeviceId::from_bytes([1; 16]), DeviceId::from_bytes([2; 16]));
        assert!(heard.is_worth_noting(device, UnixMillis(0)));
        assert!(!heard.is_worth_noting(device, UnixMillis(29_999)));
        assert!(heard.is_worth_noting(other, UnixMillis(29_999)));
        assert!(heard.is_worth_noting(device, UnixMillis(30_000)));
        heard.keep(|kept| kept == device);
        assert_eq!(heard.0.lock().unwrap().keys().collect::<Vec<_>>(), [&device], "what is no longer linked is forgotten");
    }
}
