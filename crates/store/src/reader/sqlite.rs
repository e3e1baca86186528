//! Reading the embedded database, on threads where it may block.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use super::{ReadFn, Reading};
use crate::error::StoreError;
use crate::session::{Session, sqlite};
use crate::settings::Settings;
use crate::writer::sqlite::at_once;

/// Idle connections to the file; more are opened as they are needed.
pub(crate) struct SqliteReaders {
    path: PathBuf,
    idle: Arc<Mutex<Idle>>,
}

/// Connections that nobody reads with now.
#[derive(Default)]
struct Idle {
    connections: Vec<Connection>,
    is_closed: bool,
}

impl Idle {
    /// `None`: there is no idle one, and another may be opened.
    fn lend(&mut self) -> Result<Option<Connection>, StoreError> {
        if self.is_closed { Err(StoreError::Closed) } else { Ok(self.connections.pop()) }
    }

    fn give_back(&mut self, connection: Connection) {
        if !self.is_closed {
            self.connections.push(connection);
        }
    }
}

impl SqliteReaders {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), idle: Arc::default() }
    }

    pub(super) fn close(&self) {
        *lock(&self.idle) = Idle { connections: Vec::new(), is_closed: true };
    }

    pub(super) async fn read<I, T>(
        &self,
        turn: Reading,
        settings: &Arc<Settings>,
        input: I,
        function: ReadFn<I, T>,
    ) -> Result<T, StoreError>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
    {
        let (settings, idle, path) = (Arc::clone(settings), Arc::clone(&self.idle), self.path.clone());
        let read = move || {
            // Held to the end of the read, also when whoever asked for it has gone away.
            let _turn = turn;
            let lent = lock(&idle).lend()?;
            let mut connection = lent.map_or_else(|| sqlite::open(&path, true), Ok)?;
            let outcome = at_once(function(&mut Session::Sqlite(&mut connection), &settings, &input));
            lock(&idle).give_back(connection);
            outcome
        };
        tokio::task::spawn_blocking(read).await.map_err(|_| StoreError::Closed)?
    }
}

fn lock(idle: &Mutex<Idle>) -> MutexGuard<'_, Idle> {
    // A list of connections is whole whatever happened to the thread that held it.
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}
