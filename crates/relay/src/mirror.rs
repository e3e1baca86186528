//! A small table of the database in memory, whole: what signatures are checked with. A flood of forged requests then asks
//! the database for nothing, and what is known goes on being used while the database cannot be asked.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use store::StoreError;
use tokio::sync::Mutex;

/// Entries by their id.
pub(crate) type Entries<K, V> = HashMap<K, Arc<V>>;

/// Entries as they were when they were last read.
#[derive(Debug)]
pub(crate) struct Mirror<K, V> {
    /// What is mirrored, for the log.
    name: &'static str,
    entries: RwLock<Arc<Entries<K, V>>>,
    /// The store's version just before they were read.
    version: AtomicU64,
    /// How the last reading went. Held meanwhile: one reads, the others wait for what it brings.
    last: Mutex<Option<Reading>>,
}

#[derive(Debug)]
struct Reading {
    at: Instant,
    failed: bool,
}

/// No store's version: what has it was never read.
const NEVER: u64 = u64::MAX;
/// Pause after a reading that failed: a database in trouble is not asked by every request.
const AFTER_FAILURE: Duration = Duration::from_millis(250);

impl<K: Eq + Hash, V> Mirror<K, V> {
    /// An empty mirror.
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, entries: RwLock::default(), version: AtomicU64::new(NEVER), last: Mutex::default() }
    }

    /// The entry of this id, as it was when it was last read.
    pub(crate) fn get<Q: Eq + Hash + ?Sized>(&self, id: &Q) -> Option<Arc<V>>
    where
        K: Borrow<Q>,
    {
        self.entries().get(id).cloned()
    }

    /// All of them.
    pub(crate) fn entries(&self) -> Arc<Entries<K, V>> {
        Arc::clone(&self.entries.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads them again when the store's version has moved on. When that fails, they stay as they were.
    pub(crate) async fn follow<R>(&self, version: impl Fn() -> u64, read: impl FnOnce() -> R)
    where
        R: Future<Output = Result<Entries<K, V>, StoreError>>,
    {
        let is_current = || self.version.load(Ordering::Acquire) == version();
        if is_current() {
            return;
        }
        let mut last = self.last.lock().await;
        // Whoever held the lock before may have read them, or failed to.
        let has_just_failed = last.as_ref().is_some_and(|last| last.failed && last.at.elapsed() < AFTER_FAILURE);
        if is_current() || has_just_failed {
            return;
        }
        if let Err(error) = self.read(version(), read, &mut last).await {
            tracing::warn!(%error, what = self.name, "not read again; what is known goes on being used");
        }
    }

    /// Reads them again although nobody said that they have changed, unless that was done less than `gap` ago: what says so
    /// is a hint, and hints get lost. They can be used meanwhile.
    ///
    /// # Errors
    /// When the database fails; they stay as they were.
    pub(crate) async fn reread<R>(&self, gap: Duration, version: impl Fn() -> u64, read: impl FnOnce() -> R) -> Result<(), StoreError>
    where
        R: Future<Output = Result<Entries<K, V>, StoreError>>,
    {
        let mut last = self.last.lock().await;
        if last.as_ref().is_some_and(|last| last.at.elapsed() < gap) {
            return Ok(());
        }
        self.read(version(), read, &mut last).await
    }

    /// `version` is from before the reading: a change in between is then noticed by the next request.
    async fn read<R>(&self, version: u64, read: impl FnOnce() -> R, last: &mut Option<Reading>) -> Result<(), StoreError>
    where
        R: Future<Output = Result<Entries<K, V>, StoreError>>,
    {
        let entries = read().await;
        *last = Some(Reading { at: Instant::now(), failed: entries.is_err() });
        *self.entries.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(entries?);
        self.version.store(version, Ordering::Release);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn one(value: u32) -> Result<Entries<&'static str, u32>, StoreError> {
        Ok(HashMap::from([("a", Arc::new(value))]))
    }

    #[tokio::test]
    async fn it_is_read_again_when_the_version_moves_and_only_then() {
        let mirror = Mirror::new("values");
        let (version, reads) = (Cell::new(0), Cell::new(0));
        let read = || {
            reads.set(reads.get() + 1);
            std::future::ready(one(reads.get()))
        };
        assert_eq!(mirror.get("a"), None);
        for (now, expected) in [(0, 1), (0, 1), (1, 2), (1, 2), (0, 3)] {
            version.set(now);
            mirror.follow(|| version.get(), read).await;
            assert_eq!(mirror.get("a").as_deref(), Some(&expected));
        }
    }

    #[tokio::test]
    async fn what_is_known_stays_while_it_cannot_be_read() {
        let mirror = Mirror::new("values");
        mirror.follow(|| 0, || std::future::ready(one(1))).await;
        let failed = Cell::new(0);
        let fail = || {
            failed.set(failed.get() + 1);
            std::future::ready(Err(StoreError::Closed))
        };
        mirror.follow(|| 1, fail).await;
        mirror.follow(|| 1, fail).await;
        assert_eq!((mirror.get("a").as_deref(), failed.get()), (Some(&1), 1), "and the database is left alone for a moment");
        assert!(mirror.reread(Duration::ZERO, || 1, fail).await.is_err());
        mirror.reread(Duration::ZERO, || 1, || std::future::ready(one(2))).await.unwrap();
        assert_eq!(mirror.get("a").as_deref(), Some(&2));
    }

    #[tokio::test]
    async fn rereading_keeps_its_distance() {
        let mirror = Mirror::new("values");
        for value in 1..=3 {
            mirror.reread(Duration::from_secs(3_600), || 0, || std::future::ready(one(value))).await.unwrap();
        }
        assert_eq!(mirror.get("a").as_deref(), Some(&1));
    }
}
