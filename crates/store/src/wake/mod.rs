//! Wake-ups: hints that something has changed, for whoever waits in this process. A hint may be lost; every waiter also
//! looks by itself from time to time.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use protocol::{AccountId, JobId};
use tokio::sync::Notify;

use crate::effects::Effects;

pub(crate) mod remote;

/// Who waits for what.
#[derive(Debug, Default)]
pub(crate) struct Wake {
    ready: Waiters<AccountId>,
    ended: Waiters<JobId>,
    recorded: Waiters<AccountId>,
    keys_version: AtomicU64,
    devices_version: AtomicU64,
    remote: Option<Arc<remote::Hints>>,
}

impl Wake {
    /// Wake-ups that also go to the other relays of the same database.
    pub(crate) fn with_remote(hints: Arc<remote::Hints>) -> Self {
        Self { remote: Some(hints), ..Self::default() }
    }

    /// Tells everyone whom a commit concerns.
    pub(crate) fn tell(&self, effects: Effects) {
        if effects.is_empty() {
            return;
        }
        if let Some(remote) = &self.remote {
            remote.add(effects.clone());
        }
        self.tell_here(effects);
    }

    /// Tells those of this process.
    fn tell_here(&self, effects: Effects) {
        // First, so that whoever is woken sees that what it knew is stale.
        if effects.keys_changed {
            self.keys_version.fetch_add(1, Ordering::Release);
        }
        if effects.devices_changed {
            self.devices_version.fetch_add(1, Ordering::Release);
        }
        for (account, count) in effects.ready {
            self.ready.tell(&account, count);
        }
        for job_id in effects.ended {
            self.ended.tell(&job_id, usize::MAX);
        }
        for account in effects.recorded {
            self.recorded.tell(&account, usize::MAX);
        }
    }

    /// Tells everyone of this process to look for themselves.
    fn tell_everyone(&self) {
        self.ready.tell_all();
        self.ended.tell_all();
        self.recorded.tell_all();
        self.keys_version.fetch_add(1, Ordering::Release);
        self.devices_version.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn watch_ready(self: &Arc<Self>, account: AccountId) -> ReadyWatch {
        ReadyWatch(self.ready.notify(account))
    }

    pub(crate) fn watch_ended(self: &Arc<Self>, job_id: JobId) -> EndedWatch {
        EndedWatch(self.ended.notify(job_id))
    }

    pub(crate) fn watch_recorded(self: &Arc<Self>, account: AccountId) -> RecordedWatch {
        RecordedWatch(self.recorded.notify(account))
    }

    pub(crate) fn keys_version(&self) -> u64 {
        self.keys_version.load(Ordering::Acquire)
    }

    pub(crate) fn devices_version(&self) -> u64 {
        self.devices_version.load(Ordering::Acquire)
    }
}

/// Waits for newly ready jobs of one account. Make it before the last look for ready jobs, or a wake-up falls between.
#[derive(Debug)]
pub struct ReadyWatch(Arc<Notify>);

impl ReadyWatch {
    /// Begins to listen: wake-ups from here on are not missed, also before the future is first polled.
    #[must_use]
    pub fn listen(&self) -> std::pin::Pin<Box<tokio::sync::futures::Notified<'_>>> {
        listen(&self.0)
    }
}

/// Waits for the end of one job.
#[derive(Debug)]
pub struct EndedWatch(Arc<Notify>);

impl EndedWatch {
    /// Begins to listen: a wake-up from here on is not missed, also before the future is first polled.
    #[must_use]
    pub fn listen(&self) -> std::pin::Pin<Box<tokio::sync::futures::Notified<'_>>> {
        listen(&self.0)
    }
}

/// Waits for new entries in an account's audit.
#[derive(Debug)]
pub struct RecordedWatch(Arc<Notify>);

impl RecordedWatch {
    /// Begins to listen: a wake-up from here on is not missed, also before the future is first polled.
    #[must_use]
    pub fn listen(&self) -> std::pin::Pin<Box<tokio::sync::futures::Notified<'_>>> {
        listen(&self.0)
    }
}

fn listen(notify: &Notify) -> std::pin::Pin<Box<tokio::sync::futures::Notified<'_>>> {
    let mut notified = Box::pin(notify.notified());
    notified.as_mut().enable();
    notified
}

/// Waiters by what they wait for. Entries without waiters go when their number has doubled, so that the map is bounded
/// by those who wait.
#[derive(Debug)]
struct Waiters<K> {
    map: Mutex<(HashMap<K, Weak<Notify>>, usize)>,
}

impl<K> Default for Waiters<K> {
    fn default() -> Self {
        const FIRST_SWEEP: usize = 1_024;
        Self { map: Mutex::new((HashMap::new(), FIRST_SWEEP)) }
    }
}

impl<K: Eq + Hash + Copy> Waiters<K> {
    fn notify(&self, key: K) -> Arc<Notify> {
        let mut guard = self.lock();
        let (map, sweep_at) = &mut *guard;
        if let Some(notify) = map.get(&key).and_then(Weak::upgrade) {
            return notify;
        }
        if map.len() >= *sweep_at {
            map.retain(|_, notify| notify.strong_count() > 0);
            *sweep_at = (map.len() * 2).max(*sweep_at);
        }
        let notify = Arc::new(Notify::new());
        map.insert(key, Arc::downgrade(&notify));
        notify
    }

    /// Wakes at most `count` waiters: more than there are jobs would only find nothing.
    fn tell(&self, key: &K, count: usize) {
        let waiting = self.lock().0.get(key).and_then(Weak::upgrade);
        let Some(notify) = waiting else { return };
        if count >= Arc::strong_count(&notify) {
            notify.notify_waiters();
        } else {
            for _ in 0..count {
                notify.notify_one();
            }
        }
    }

    fn tell_all(&self) {
        for notify in self.lock().0.values().filter_map(Weak::upgrade) {
            notify.notify_waiters();
        }
    }

    fn lock(&self) -> MutexGuard<'_, (HashMap<K, Weak<Notify>>, usize)> {
        // The map is whole whatever happened to the thread that held it.
        self.map.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
