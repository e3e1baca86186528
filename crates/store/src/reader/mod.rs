//! Connections that only read, apart from the writers', so that neither waits for the other.

mod postgres;
mod sqlite;

use std::path::Path;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;

use crate::error::StoreError;
use crate::reader::postgres::PostgresReaders;
use crate::reader::sqlite::SqliteReaders;
use crate::session::{PostgresUrl, Session};
use crate::settings::Settings;

/// Reads that run at once; the rest wait their turn. Reads are short, and more connections than this only take turns.
const CONNECTIONS: usize = 4;

/// A function over a connection that reads.
pub(crate) type ReadFn<I, T> = for<'a> fn(&'a mut Session<'_>, &'a Settings, &'a I) -> BoxFuture<'a, Result<T, StoreError>>;

/// Reads that may wait their turn. Whoever comes later is better told to come again.
const MAX_WAITING: usize = 2_048;

/// The pool of reading connections.
pub(crate) struct Readers {
    pool: Pool,
    places: Semaphore,
}

enum Pool {
    Sqlite(SqliteReaders),
    Postgres(PostgresReaders),
}

impl Readers {
    pub(crate) fn sqlite(path: &Path) -> Self {
        Self { pool: Pool::Sqlite(SqliteReaders::new(path)), places: Semaphore::new(MAX_WAITING) }
    }

    pub(crate) fn postgres(url: PostgresUrl) -> Self {
        Self { pool: Pool::Postgres(PostgresReaders::new(url)), places: Semaphore::new(MAX_WAITING) }
    }

    /// Runs a reading function over a connection of the pool.
    pub(crate) async fn read<I, T>(&self, settings: &Arc<Settings>, input: I, function: ReadFn<I, T>) -> Result<T, StoreError>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
    {
        let _place = self.places.try_acquire().map_err(|_| StoreError::Overloaded)?;
        match &self.pool {
            Pool::Sqlite(readers) => readers.read(settings, input, function).await,
            Pool::Postgres(readers) => readers.read(settings, &input, function).await,
        }
    }
}
