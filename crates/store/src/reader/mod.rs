//! Connections that only read, apart from the writers', so that neither waits for the other. Accounts take turns, and those
//! who ask within an account do.

mod postgres;
mod sqlite;

use std::path::Path;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use protocol::AccountId;
use tokio::sync::oneshot;

use crate::error::StoreError;
use crate::reader::postgres::PostgresReaders;
use crate::reader::sqlite::SqliteReaders;
use crate::session::{PostgresUrl, Session};
use crate::settings::Settings;
use crate::turns::{Asker, Bounds, Entry, NOBODY, Turn, Turns};

/// Reads that run at once; the rest wait their turn. Reads are short, and more connections than this only take turns.
const CONNECTIONS: usize = 4;

/// A function over a connection that reads.
pub(crate) type ReadFn<I, T> = for<'a> fn(&'a mut Session<'_>, &'a Settings, &'a I) -> BoxFuture<'a, Result<T, StoreError>>;

/// Reads that may wait their turn. Whoever comes later is better told to come again.
const MAX_WAITING: usize = 2_048;

/// The pool of reading connections.
pub(crate) struct Readers {
    pool: Pool,
    turns: Arc<Turns<Call>>,
}

enum Pool {
    Sqlite(SqliteReaders),
    Postgres(PostgresReaders),
}

/// Tells a read that its turn has come.
type Call = oneshot::Sender<Reading>;

/// The turn of one read. When it goes, whoever is next is called.
pub(super) struct Reading {
    /// None: given up already.
    turn: Option<Turn<Call>>,
    turns: Arc<Turns<Call>>,
}

/// For whom a read is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Whose {
    /// None: for no account in particular.
    pub(crate) account: Option<AccountId>,
    /// None: who asks is not known.
    pub(crate) asker: Option<Asker>,
}

impl From<AccountId> for Whose {
    fn from(account: AccountId) -> Self {
        Self { account: Some(account), asker: None }
    }
}

impl Readers {
    pub(crate) fn sqlite(path: &Path) -> Self {
        Self::of(Pool::Sqlite(SqliteReaders::new(path)))
    }

    pub(crate) fn postgres(url: PostgresUrl) -> Self {
        Self::of(Pool::Postgres(PostgresReaders::new(url)))
    }

    fn of(pool: Pool) -> Self {
        let bounds = Bounds { servers: CONNECTIONS, waiting: MAX_WAITING, room: 1 };
        Self { pool, turns: Arc::new(Turns::new(bounds)) }
    }

    /// Closes the connections of an SQLite file, those in use as soon as they are not: reads that come later fail. What is
    /// open to a server ends with the process.
    pub(crate) fn close(&self) {
        if let Pool::Sqlite(readers) = &self.pool {
            readers.close();
        }
    }

    /// Runs a reading function over a connection of the pool.
    pub(crate) async fn read<I, T>(&self, settings: &Arc<Settings>, whose: Whose, input: I, function: ReadFn<I, T>) -> Result<T, StoreError>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
    {
        let reading = self.turn(whose).await?;
        match &self.pool {
            Pool::Sqlite(readers) => readers.read(reading, settings, input, function).await,
            Pool::Postgres(readers) => readers.read(reading, settings, &input, function).await,
        }
    }

    /// Waits until a read may run.
    async fn turn(&self, Whose { account, asker }: Whose) -> Result<Reading, StoreError> {
        let (command, called) = oneshot::channel();
        self.turns.put(Entry { account: account.unwrap_or(NOBODY), asker, device: None, work: 1, command })?;
        call_next(&self.turns);
        called.await.map_err(|_| StoreError::Closed)
    }
}

/// Calls those whose turn has come.
fn call_next(turns: &Arc<Turns<Call>>) {
    while let Some(mut turn) = turns.take_now() {
        let Some(call) = turn.commands.pop() else { continue };
        let reading = Reading { turn: Some(turn), turns: Arc::clone(turns) };
        if let Err(mut reading) = call.send(reading) {
            // Whoever asked has gone away. Given up here, or each of a thousand of them would call the next within itself.
            reading.turn = None;
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        if self.turn.take().is_some() {
            call_next(&self.turns);
        }
    }
}
