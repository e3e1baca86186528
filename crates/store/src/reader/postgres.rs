//! Reading from PostgreSQL.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{ReadFn, Reading};
use crate::error::StoreError;
use crate::session::postgres::Connection;
use crate::session::{PostgresUrl, Session};
use crate::settings::Settings;

/// Idle connections; more are made as they are needed, and broken ones are not kept.
pub(crate) struct PostgresReaders {
    url: PostgresUrl,
    idle: Mutex<Vec<Connection>>,
    not_before: Mutex<Option<Instant>>,
}

/// Pause after a connection could not be made.
const RECONNECT: Duration = Duration::from_millis(250);

impl PostgresReaders {
    pub(crate) const fn new(url: PostgresUrl) -> Self {
        Self { url, idle: Mutex::new(Vec::new()), not_before: Mutex::new(None) }
    }

    /// Fails at once for a moment after a connection could not be made: whoever asks is better told to come again than
    /// kept waiting, all of them one after the other.
    async fn open(&self) -> Result<Connection, StoreError> {
        let not_before = *self.not_before.lock().unwrap_or_else(PoisonError::into_inner);
        if not_before.is_some_and(|not_before| Instant::now() < not_before) {
            return Err(StoreError::Unavailable("reconnecting".to_owned()));
        }
        let opened = Connection::open(&self.url).await;
        *self.not_before.lock().unwrap_or_else(PoisonError::into_inner) = opened.is_err().then(|| Instant::now() + RECONNECT);
        opened
    }

    pub(super) async fn read<I: Sync, T>(
        &self,
        _turn: Reading,
        settings: &Arc<Settings>,
        input: &I,
        function: ReadFn<I, T>,
    ) -> Result<T, StoreError> {
        let lent = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop().filter(|connection| !connection.is_closed());
        let (mut connection, was_idle) = match lent {
            Some(connection) => (connection, true),
            None => (self.open().await?, false),
        };
        let mut outcome = function(&mut Session::Postgres(&mut connection), settings, input).await;
        if outcome.is_err() && was_idle && connection.is_closed() {
            // It broke while it was idle, and that was not seen until now.
            connection = self.open().await?;
            outcome = function(&mut Session::Postgres(&mut connection), settings, input).await;
        }
        // A read that failed may have left anything behind; a new connection is cheap beside finding out.
        if outcome.is_ok() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
        outcome
    }
}
