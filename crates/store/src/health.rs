//! Whether a store can do its work: whether the database answers, and whether it takes what is written. A full disk reads as
//! well as ever, so what the writers last failed with counts until a write goes through again.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use protocol::{AccountId, DeviceId};

use crate::error::StoreError;
use crate::operation::Transaction;
use crate::store::Store;
use crate::{device, statement};

/// Time after a failed write before another is tried for its own sake: writes that fail mostly fail at once.
const PAUSE: Duration = Duration::from_secs(2);

/// No account has this id: what is tried under it is nobody's.
const NOBODY: AccountId = AccountId::from_bytes([0; 16]);

/// What the writers of a store last failed with.
#[derive(Debug, Default)]
pub(crate) struct WriteFailure(Mutex<Option<(StoreError, Instant)>>);

impl WriteFailure {
    /// Notes a failed transaction, when it says that nothing at all can be written now; what is wrong with one operation is
    /// that operation's.
    pub(crate) fn note(&self, error: &StoreError) {
        if matches!(error, StoreError::Unavailable(_) | StoreError::OutcomeUnknown | StoreError::Damaged(_)) {
            *self.last() = Some((error.clone(), Instant::now()));
        }
    }

    fn clear(&self) {
        *self.last() = None;
    }

    fn last(&self) -> MutexGuard<'_, Option<(StoreError, Instant)>> {
        // Whole whatever happened to the thread that held it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    /// Whether the database answers, and takes what is written.
    ///
    /// # Errors
    /// When it does not answer, or with what the last write failed.
    pub async fn check(&self) -> Result<(), StoreError> {
        if self.lanes().is_closed() {
            return Err(StoreError::Closed);
        }
        let nobody = DeviceId::from_bytes([0; 16]);
        self.read(nobody, |session, _, id| Box::pin(device::one(session, id))).await?;
        let failed = self.lanes().failure().last().clone();
        failed.map_or(Ok(()), |(error, _)| Err(error))
    }

    /// After a failed write, and not more often than every two seconds, tries one that changes nothing, so that the store
    /// finds out by itself when it can write again. Nothing is written while nothing has failed.
    pub async fn try_again(&self) {
        self.try_again_at(Instant::now()).await;
    }

    async fn try_again_at(&self, now: Instant) {
        let failed_at = self.lanes().failure().last().as_ref().map(|(_, at)| *at);
        if failed_at.is_none_or(|at| now < at + PAUSE) {
            return;
        }
        // What it fails with is noted where every failure is.
        if self.write((), |transaction, ()| Box::pin(write_and_take_back(transaction))).await.is_ok() {
            self.lanes().failure().clear();
            tracing::info!("the database takes writes again");
        }
    }

    /// Operations that wait for a writer.
    #[must_use]
    pub fn queued_operations(&self) -> usize {
        self.lanes().queued()
    }
}

/// Both in one transaction: the pages are written and made durable, and hold what they held.
async fn write_and_take_back(transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
    let (account, name) = ((&NOBODY).into(), "tried".into());
    transaction.session.rows(&statement::SET_ACCOUNT_SETTING, &[account, name, "".into(), 0_i64.into()]).await?;
    transaction.session.rows(&statement::DROP_SETTING, &[account, name]).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::session::Session;
    use crate::{DatabaseUrl, Sealing, SealingKey, Settings};

    async fn open(url: &DatabaseUrl) -> Store {
        let settings = Settings::with(Sealing::with(SealingKey::new(&[7; 32])));
        Store::open(url, settings).await.unwrap()
    }

    /// As a full disk does, keeps the file from growing beyond what it has, or lets it again.
    async fn bound(store: &Store, pages: i64) {
        let bounded = store.write(pages, |transaction, pages| {
            let Session::Sqlite(connection) = &transaction.session else { unreachable!("this test's database is a file") };
            let bounded = connection.pragma_update(None, "max_page_count", *pages).map_err(StoreError::from);
            Box::pin(std::future::ready(bounded))
        });
        bounded.await.unwrap();
    }

    async fn write_much(store: &Store) -> Result<(), StoreError> {
        let much = Arc::new("x".repeat(100_000));
        store
            .write(much, |transaction, much| {
                Box::pin(async move {
                    let row = [(&NOBODY).into(), "much".into(), much.as_str().into(), 0_i64.into()];
                    transaction.session.rows(&statement::SET_ACCOUNT_SETTING, &row).await.map(|_| ())
                })
            })
            .await
    }

    #[tokio::test]
    async fn a_write_that_failed_counts_until_one_goes_through() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&DatabaseUrl::Sqlite(folder.path().join("db"))).await;
        bound(&store, 1).await;
        store.check().await.unwrap();
        assert!(matches!(write_much(&store).await, Err(StoreError::Unavailable(_))));
        // Reading and a transaction that writes nothing say nothing about it.
        store.upkeep(protocol::UnixMillis(0), 0.0).await.unwrap();
        assert!(matches!(store.check().await, Err(StoreError::Unavailable(why)) if why.contains("full")));
        store.try_again().await;
        assert!(store.check().await.is_err(), "not at once");
        store.try_again_at(Instant::now() + PAUSE).await;
        store.check().await.unwrap();
        bound(&store, 1_000_000).await;
        write_much(&store).await.unwrap();
        store.close().await;
    }

    #[tokio::test]
    async fn what_is_wrong_with_one_operation_is_not_held_against_the_store() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&DatabaseUrl::Sqlite(folder.path().join("db"))).await;
        let failed = store.write((), |_, ()| Box::pin(std::future::ready(Err::<(), _>(StoreError::Database("a rule".to_owned())))));
        assert!(failed.await.is_err());
        store.check().await.unwrap();
        store.close().await;
    }

    #[tokio::test]
    async fn trying_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        for url in [DatabaseUrl::Postgres(testkit::postgres::new_database()), DatabaseUrl::Sqlite(folder.path().join("db"))] {
            let store = open(&url).await;
            store.write((), |transaction, ()| Box::pin(write_and_take_back(transaction))).await.unwrap();
            store.close().await;
            assert!(crate::admin::check(&url, false).await.unwrap().is_sound());
        }
    }
}
