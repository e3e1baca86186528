//! Connections that only read, apart from the writer's, so that neither waits for the other.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::error::StoreError;
use crate::session::{self, Session};
use crate::settings::Settings;
use crate::writer::at_once;

/// Reads that run at once; the rest wait their turn. Reads are short, and more threads than this only take turns.
const CONNECTIONS: usize = 4;

/// A function over a connection that reads.
pub(crate) type ReadFn<I, T> = for<'a> fn(&'a mut Session<'_>, &'a Settings, &'a I) -> BoxFuture<'a, Result<T, StoreError>>;

/// The pool of reading connections.
pub(crate) struct Readers {
    path: PathBuf,
    idle: Arc<std::sync::Mutex<Vec<Connection>>>,
    turns: Semaphore,
}

impl Readers {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), idle: Arc::default(), turns: Semaphore::new(CONNECTIONS) }
    }

    /// Runs a reading function on a thread where it may block.
    pub(crate) async fn read<I, T>(&self, settings: &Arc<Settings>, input: I, function: ReadFn<I, T>) -> Result<T, StoreError>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
    {
        let _turn = self.turns.acquire().await.map_err(|_| StoreError::Closed)?;
        let (settings, idle, path) = (Arc::clone(settings), Arc::clone(&self.idle), self.path.clone());
        let read = move || {
            let lent = lock(&idle).pop();
            let mut connection = lent.map_or_else(|| session::open_sqlite(&path, true), Ok)?;
            let outcome = at_once(function(&mut Session::Sqlite(&mut connection), &settings, &input));
            lock(&idle).push(connection);
            outcome
        };
        tokio::task::spawn_blocking(read).await.map_err(|_| StoreError::Closed)?
    }
}

fn lock(idle: &std::sync::Mutex<Vec<Connection>>) -> std::sync::MutexGuard<'_, Vec<Connection>> {
    // A list of connections is whole whatever happened to the thread that held it.
    idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
