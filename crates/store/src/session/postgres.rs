//! A connection to PostgreSQL: statements prepared once, batches as arrays, and a commit that is believed only when the
//! server has said without reserve that it happened.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::sync::mpsc;
use tokio_postgres::error::{Severity, SqlState};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{AsyncMessage, Client, Notification};

use super::column::Column;
use super::row::{Cell, Row};
use super::{Batch, NumberedRow, PostgresUrl, Value};
use crate::error::StoreError;
use crate::statement::Statement;

/// Time that connecting may take.
const CONNECT: Duration = Duration::from_secs(5);
/// Time that a commit's answer may take. Later, nobody waits for it any more; its outcome is unknown.
const COMMIT: Duration = Duration::from_secs(15);
/// The oldest server: earlier ones lack what `migrations/postgres` uses, and are past their support.
const OLDEST_SERVER: i32 = 15_00_00;

/// What every connection begins with. The statements are all point operations over indexes: a plan made while a table
/// was empty must not stay a sequential scan, and replanning by parameters would cost more than it finds.
const SETTINGS: &str = "
    SET statement_timeout = '30s';
    SET lock_timeout = '10s';
    SET idle_in_transaction_session_timeout = '30s';
    SET client_min_messages = 'warning';
    SET plan_cache_mode = 'force_generic_plan';
    SET enable_seqscan = off;
    SET enable_hashjoin = off;
    SET enable_mergejoin = off;
    SET jit = off";

/// An open connection.
pub(crate) struct Connection {
    client: Client,
    prepared: HashMap<&'static str, tokio_postgres::Statement>,
    /// Whether the server has warned since this was last reset. A warning at a commit means: durable here, but not
    /// where it should be (a cancelled wait for a synchronous standby reports success all the same).
    warned: Arc<AtomicBool>,
}

impl Connection {
    /// Connects and prepares the session.
    pub(crate) async fn open(url: &PostgresUrl) -> Result<Self, StoreError> {
        Self::open_listening(url, None).await
    }

    /// As [`Self::open`]; notifications go to `notifications`.
    pub(crate) async fn open_listening(url: &PostgresUrl, notifications: Option<mpsc::Sender<Notification>>) -> Result<Self, StoreError> {
        let connect = url.config().connect(url.tls()?);
        let connected =
            tokio::time::timeout(CONNECT, connect).await.map_err(|_| StoreError::Unavailable("connecting took too long".to_owned()))?;
        let (client, connection) = connected.map_err(|error| unavailable(&error))?;
        let warned = Arc::new(AtomicBool::new(false));
        tokio::spawn(drive(connection, Arc::clone(&warned), notifications));
        let connection = Self { client, prepared: HashMap::new(), warned };
        tokio::time::timeout(CONNECT, connection.set_up())
            .await
            .map_err(|_| StoreError::Unavailable("the server does not answer".to_owned()))??;
        Ok(connection)
    }

    async fn set_up(&self) -> Result<(), StoreError> {
        let version: i32 = self
            .client
            .query_one("SELECT current_setting('server_version_num')::int", &[])
            .await
            .map_err(|error| unavailable(&error))?
            .get(0);
        if version < OLDEST_SERVER {
            return Err(StoreError::Setup(format!("PostgreSQL 15 or newer is needed; the server is {}", version / 10_000)));
        }
        self.client.batch_execute(SETTINGS).await.map_err(|error| unavailable(&error))?;
        // Whatever the server's default: an answer of ours is durable. Stronger settings stay.
        let durable =
            "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') IN ('off', 'local')";
        self.client.batch_execute(durable).await.map_err(|error| unavailable(&error))
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// For migrations, which bring statements of their own.
    pub(crate) const fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    pub(super) async fn rows(&mut self, statement: &'static Statement, parameters: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        self.prepare(statement).await?;
        let parameters: Vec<&(dyn ToSql + Sync)> = parameters.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
        let rows = self.client.query(&self.prepared[statement.name], &parameters).await.map_err(|error| failed(statement, &error))?;
        rows.iter().map(|row| cells(row, 0).map(Row)).collect()
    }

    pub(super) async fn all(&mut self, batches: &[Batch<'_>]) -> Result<Vec<Vec<NumberedRow>>, StoreError> {
        for batch in batches {
            self.prepare(batch.statement).await?;
        }
        // Each future sends when it is first polled, in this order, before any of them waits.
        try_join_all(batches.iter().map(|batch| self.run(batch))).await
    }

    async fn run(&self, batch: &Batch<'_>) -> Result<Vec<NumberedRow>, StoreError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let prepared = &self.prepared[batch.statement.name];
        let columns: Vec<Column<'_>> = (0..prepared.params().len()).map(|index| Column(batch.column(index).collect())).collect();
        let parameters: Vec<&(dyn ToSql + Sync)> = columns.iter().map(|column| column as &(dyn ToSql + Sync)).collect();
        let rows = self.client.query(prepared, &parameters).await.map_err(|error| failed(batch.statement, &error))?;
        (rows.iter())
            .map(|row| {
                let number: i64 = row.try_get(0).map_err(|error| failed(batch.statement, &error))?;
                Ok((usize::try_from(number).unwrap_or_default(), Row(cells(row, 1)?)))
            })
            .collect()
    }

    async fn prepare(&mut self, statement: &'static Statement) -> Result<(), StoreError> {
        if !self.prepared.contains_key(statement.name) {
            let prepared = self.client.prepare(statement.postgres()).await.map_err(|error| failed(statement, &error))?;
            self.prepared.insert(statement.name, prepared);
        }
        Ok(())
    }

    pub(super) async fn begin(&mut self) -> Result<(), StoreError> {
        self.client.batch_execute("BEGIN").await.map_err(|error| unavailable(&error))
    }

    pub(super) async fn commit(&mut self) -> Result<(), StoreError> {
        self.warned.store(false, Ordering::SeqCst);
        match tokio::time::timeout(COMMIT, self.client.batch_execute("COMMIT")).await {
            Ok(Ok(())) if self.warned.load(Ordering::SeqCst) => Err(StoreError::OutcomeUnknown),
            Ok(Ok(())) => Ok(()),
            // An ERROR is the server's word that nothing was committed. Anything worse, or no word at all, is not.
            Ok(Err(error)) if error.as_db_error().is_some_and(|error| error.parsed_severity() == Some(Severity::Error)) => {
                Err(StoreError::Database(error.to_string()))
            }
            Ok(Err(_)) | Err(_) => Err(StoreError::OutcomeUnknown),
        }
    }

    pub(super) async fn rollback(&mut self) -> Result<(), StoreError> {
        let rolled_back = tokio::time::timeout(CONNECT, self.client.batch_execute("ROLLBACK")).await;
        rolled_back.map_err(|_| StoreError::Unavailable("the server does not answer".to_owned()))?.map_err(|error| unavailable(&error))
    }

    /// Sends a notification to everyone who listens on the channel.
    pub(crate) async fn notify(&self, channel: &str, payload: &str) -> Result<(), StoreError> {
        let sent = self.client.query_typed("SELECT pg_notify($1, $2)", &[(&channel, Type::TEXT), (&payload, Type::TEXT)]).await;
        sent.map(|_| ()).map_err(|error| unavailable(&error))
    }

    /// Listens on a channel.
    pub(crate) async fn listen(&self, channel: &str) -> Result<(), StoreError> {
        self.client.batch_execute(&format!("LISTEN {channel}")).await.map_err(|error| unavailable(&error))
    }
}

/// Moves bytes for as long as the connection lives, and notes what the server says unasked.
async fn drive<S, T>(
    mut connection: tokio_postgres::Connection<S, T>,
    warned: Arc<AtomicBool>,
    notifications: Option<mpsc::Sender<Notification>>,
) where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    while let Some(Ok(message)) = std::future::poll_fn(|context| connection.poll_message(context)).await {
        match message {
            // Comes before the answer to the statement that it belongs to, and is noted before that answer is.
            AsyncMessage::Notice(notice) => {
                tracing::warn!(notice = notice.message(), "the database warns");
                warned.store(true, Ordering::SeqCst);
            }
            AsyncMessage::Notification(notification) => {
                if let Some(notifications) = &notifications {
                    // A full queue loses a hint; polling makes up for it.
                    let _ = notifications.try_send(notification);
                }
            }
            _ => {}
        }
    }
}

fn cells(row: &tokio_postgres::Row, first: usize) -> Result<Vec<Cell>, StoreError> {
    (first..row.len())
        .map(|index| {
            let cell = match *row.columns()[index].type_() {
                Type::INT8 => row.try_get::<_, Option<i64>>(index).map(|value| value.map_or(Cell::Null, Cell::Int)),
                Type::INT4 => row.try_get::<_, Option<i32>>(index).map(|value| value.map_or(Cell::Null, |value| Cell::Int(value.into()))),
                Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(index).map(|value| value.map_or(Cell::Null, Cell::Bytes)),
                _ => row.try_get::<_, Option<String>>(index).map(|value| value.map_or(Cell::Null, Cell::Text)),
            };
            cell.map_err(|error| StoreError::Corrupt(error.to_string()))
        })
        .collect()
}

fn failed(statement: &Statement, error: &tokio_postgres::Error) -> StoreError {
    match error.as_db_error() {
        Some(reason) if matches!(*reason.code(), SqlState::T_R_DEADLOCK_DETECTED | SqlState::T_R_SERIALIZATION_FAILURE) => {
            StoreError::Conflict(format!("{}: {}", statement.name, reason.message()))
        }
        Some(reason) => StoreError::in_statement(statement.name, format!("{} ({})", reason.message(), reason.code().code())),
        None => StoreError::Unavailable(error.to_string()),
    }
}

fn unavailable(error: &tokio_postgres::Error) -> StoreError {
    let reason = error.as_db_error().map_or_else(|| error.to_string(), |reason| reason.message().to_owned());
    StoreError::Unavailable(reason)
}
