//! What can go wrong between an operation and the database. Refusals are no errors: they are values of their operation.

use std::path::PathBuf;

/// Why an operation did not happen, or cannot be said to have happened.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// Every place in the queue before the writer is taken. Nothing was stored; try again.
    #[error("the writer's queue is full")]
    Overloaded,
    /// The store is shutting down. Nothing was stored.
    #[error("the store is closed")]
    Closed,
    /// The database cannot be used as it is.
    #[error("{0}")]
    Setup(String),
    /// Another relay serves the SQLite file.
    #[error("{} is in use by a running relay, and SQLite serves one: stop that relay first, or let both share a PostgreSQL database", .0.display())]
    Served(PathBuf),
    /// The database cannot be reached now, or cannot be written to. Nothing was stored; try again.
    #[error("the database cannot be reached or written to: {0}")]
    Unavailable(String),
    /// Other transactions stood in the way more often than was worth trying. Nothing was stored; try again.
    #[error("other transactions stood in the way: {0}")]
    Conflict(String),
    /// The database failed. Nothing was stored.
    #[error("database: {0}")]
    Database(String),
    /// The file of the embedded database is damaged, or no database at all.
    #[error("the database file is damaged: {0}")]
    Damaged(String),
    /// The database holds something that this program never writes.
    #[error("the database holds an unreadable value: {0}")]
    Corrupt(String),
    /// Whoever asked has lost the right to, since they began to ask. Nothing was stored.
    #[error("the right to do this was lost meanwhile")]
    RightLost,
    /// The database did not say whether it committed. The same request again settles it, by its idempotency key.
    #[error("the database did not say whether it committed")]
    OutcomeUnknown,
}

impl StoreError {
    /// A failure inside the named statement.
    pub(crate) fn in_statement(name: &str, error: impl std::fmt::Display) -> Self {
        Self::Database(format!("{name}: {error}"))
    }
}

impl StoreError {
    /// A failure of the embedded database. A file that another process holds, or a disk that takes nothing, is no fault of
    /// the request: the same one may go through later.
    pub(crate) fn of_sqlite(place: &str, error: &rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseBusy, DatabaseCorrupt, DatabaseLocked, DiskFull, NotADatabase, ReadOnly, SystemIoFailure};
        match error.sqlite_error_code() {
            Some(DatabaseBusy | DatabaseLocked | DiskFull | ReadOnly | SystemIoFailure) => Self::Unavailable(format!("{place}: {error}")),
            Some(DatabaseCorrupt | NotADatabase) => Self::Damaged(format!("{place}: {error}")),
            _ => Self::in_statement(place, error),
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::of_sqlite("sqlite", &error)
    }
}
