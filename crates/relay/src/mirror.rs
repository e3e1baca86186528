//! A small table of the database in memory, whole: what signatures are checked with. A flood of forged requests then asks
//! the database for nothing, and what is known goes on being used while the database cannot be asked.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use store::StoreError;
use tokio::sync::Mutex;

/// A table as it was when it was last read.
#[derive(Debug)]
pub(crate) struct Mirror<T> {
    /// What is mirrored, for the log.
    name: &'static str,
    held: RwLock<Held<T>>,
    /// The store's version just before it was read.
    version: AtomicU64,
    /// How the last reading went. Held meanwhile: one reads, the others wait for what it brings.
    last: Mutex<Option<Reading>>,
}

/// The table as it was last read.
#[derive(Debug)]
pub(crate) struct Held<T> {
    pub(crate) table: Arc<T>,
    /// Whether reading it again has failed: what is not in it may be in the database now.
    pub(crate) in_doubt: bool,
}

impl<T> Clone for Held<T> {
    fn clone(&self) -> Self {
        Self { table: Arc::clone(&self.table), in_doubt: self.in_doubt }
    }
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

impl<T> Mirror<T> {
    /// A mirror that holds `empty` until it is read for the first time.
    pub(crate) fn new(name: &'static str, empty: T) -> Self {
        let held = RwLock::new(Held { table: Arc::new(empty), in_doubt: false });
        Self { name, held, version: AtomicU64::new(NEVER), last: Mutex::default() }
    }

    /// The table, as it was when it was last read.
    pub(crate) fn table(&self) -> Arc<T> {
        self.held().table
    }

    /// The same, and whether it is in doubt.
    pub(crate) fn held(&self) -> Held<T> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads it again when the store's version has moved on. When that fails, it stays as it was.
    pub(crate) async fn follow<R>(&self, version: impl Fn() -> u64, read: impl FnOnce() -> R)
    where
        R: Future<Output = Result<T, StoreError>>,
    {
        let is_current = || self.version.load(Ordering::Acquire) == version();
        if is_current() {
            return;
        }
        let mut last = self.last.lock().await;
        // Whoever held the lock before may have read it, or failed to.
        let has_just_failed = last.as_ref().is_some_and(|last| last.failed && last.at.elapsed() < AFTER_FAILURE);
        if is_current() || has_just_failed {
            return;
        }
        if let Err(error) = self.read(version(), read, &mut last).await {
            tracing::warn!(%error, what = self.name, "not read again; what is known goes on being used");
        }
    }

    /// Reads it again although nobody said that it has changed, unless that was done less than `gap` ago: what says so
    /// is a hint, and hints get lost. It can be used meanwhile.
    ///
    /// # Errors
    /// When the database fails; it stays as it was.
    pub(crate) async fn reread<R>(&self, gap: Duration, version: impl Fn() -> u64, read: impl FnOnce() -> R) -> Result<(), StoreError>
    where
        R: Future<Output = Result<T, StoreError>>,
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
        R: Future<Output = Result<T, StoreError>>,
    {
        let table = read().await;
        *last = Some(Reading { at: Instant::now(), failed: table.is_err() });
        {
            let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
            held.in_doubt = table.is_err();
            held.table = Arc::new(table?);
        }
        self.version.store(version, Ordering::Release);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn it_is_read_again_when_the_version_moves_and_only_then() {
        let mirror = Mirror::new("values", 0);
        let (version, reads) = (Cell::new(0), Cell::new(0));
        let read = || {
            reads.set(reads.get() + 1);
            std::future::ready(Ok(reads.get()))
        };
        assert_eq!(*mirror.table(), 0);
        for (now, expected) in [(0, 1), (0, 1), (1, 2), (1, 2), (0, 3)] {
            version.set(now);
            mirror.follow(|| version.get(), read).await;
            assert_eq!(*mirror.table(), expected);
        }
    }

    #[tokio::test]
    async fn what_is_known_stays_while_it_cannot_be_read() {
        let mirror = Mirror::new("values", 0);
        mirror.follow(|| 0, || std::future::ready(Ok(1))).await;
        let failed = Cell::new(0);
        let fail = || {
            failed.set(failed.get() + 1);
            std::future::ready(Err(StoreError::Closed))
        };
        mirror.follow(|| 1, fail).await;
        mirror.follow(|| 1, fail).await;
        assert_eq!((*mirror.table(), failed.get()), (1, 1), "and the database is left alone for a moment");
        assert!(mirror.held().in_doubt);
        assert!(mirror.reread(Duration::ZERO, || 1, fail).await.is_err());
        mirror.reread(Duration::ZERO, || 1, || std::future::ready(Ok(2))).await.unwrap();
        let Held { table, in_doubt } = mirror.held();
        assert_eq!((*table, in_doubt), (2, false));
    }

    #[tokio::test]
    async fn rereading_keeps_its_distance() {
        let mirror = Mirror::new("values", 0);
        for value in 1..=3 {
            mirror.reread(Duration::from_secs(3_600), || 0, || std::future::ready(Ok(value))).await.unwrap();
        }
        assert_eq!(*mirror.table(), 1);
    }
}
