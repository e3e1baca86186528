//! Connections that only read, apart from the writers', so that neither waits for the other.

mod postgres;
mod sqlite;

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::error::StoreError;
use crate::session::Session;
use crate::settings::Settings;

pub(crate) use postgres::PostgresReaders;
pub(crate) use sqlite::SqliteReaders;

/// Reads that run at once; the rest wait their turn. Reads are short, and more connections than this only take turns.
const CONNECTIONS: usize = 4;

/// A function over a connection that reads.
pub(crate) type ReadFn<I, T> = for<'a> fn(&'a mut Session<'_>, &'a Settings, &'a I) -> BoxFuture<'a, Result<T, StoreError>>;

/// The pool of reading connections.
pub(crate) enum Readers {
    Sqlite(SqliteReaders),
    Postgres(PostgresReaders),
}

impl Readers {
    /// Runs a reading function over a connection of the pool.
    pub(crate) async fn read<I, T>(&self, settings: &Arc<Settings>, input: I, function: ReadFn<I, T>) -> Result<T, StoreError>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
    {
        match self {
            Self::Sqlite(readers) => readers.read(settings, input, function).await,
            Self::Postgres(readers) => readers.read(settings, &input, function).await,
        }
    }
}
