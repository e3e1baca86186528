//! Reading from PostgreSQL.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

use super::{CONNECTIONS, ReadFn};
use crate::error::StoreError;
use crate::session::postgres::Connection;
use crate::session::{PostgresUrl, Session};
use crate::settings::Settings;

/// Idle connections; more are made as they are needed, and broken ones are not kept.
pub(crate) struct PostgresReaders {
    url: PostgresUrl,
    idle: Mutex<Vec<Connection>>,
    turns: Semaphore,
}

impl PostgresReaders {
    pub(crate) const fn new(url: PostgresUrl) -> Self {
        Self { url, idle: Mutex::new(Vec::new()), turns: Semaphore::const_new(CONNECTIONS) }
    }

    pub(super) async fn read<I: Sync, T>(&self, settings: &Arc<Settings>, input: &I, function: ReadFn<I, T>) -> Result<T, StoreError> {
        let _turn = self.turns.acquire().await.map_err(|_| StoreError::Closed)?;
        let lent = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop().filter(|connection| !connection.is_closed());
        let (mut connection, was_idle) = match lent {
            Some(connection) => (connection, true),
            None => (Connection::open(&self.url).await?, false),
        };
        let mut outcome = function(&mut Session::Postgres(&mut connection), settings, input).await;
        if outcome.is_err() && was_idle && connection.is_closed() {
            // It broke while it was idle, and that was not seen until now.
            connection = Connection::open(&self.url).await?;
            outcome = function(&mut Session::Postgres(&mut connection), settings, input).await;
        }
        // A read that failed may have left anything behind; a new connection is cheap beside finding out.
        if outcome.is_ok() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
        outcome
    }
}
