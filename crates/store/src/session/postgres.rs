//! A connection to PostgreSQL: statements prepared once, batches as arrays, and a commit that is believed only when the
//! server has said without reserve that it happened.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt, TryStreamExt};
use tokio::sync::{mpsc, oneshot};
use tokio_postgres::error::{DbError, Severity, SqlState};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{AsyncMessage, Client, Notification, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::column::Column;
use super::row::{Cell, Row};
use super::{Batch, NumberedRow, PostgresUrl, Value};
use crate::error::StoreError;
use crate::page_room::Room;
use crate::statement::{self, Statement};

/// Time that connecting to a host may take.
const CONNECT: Duration = Duration::from_secs(5);
/// Head start of a host before the next one of the URL is tried beside it: one that hangs must not keep us from the one
/// that has taken its place.
const HEAD_START: Duration = Duration::from_millis(500);
/// Time that a connection gets to end in order after it was given up.
const FAREWELL: Duration = Duration::from_secs(1);
/// How long plans are kept: the queue's tables are empty at one moment and hold millions at another, and a plan goes by the
/// size that it has met. Making them anew takes some milliseconds.
const REPLAN: Duration = Duration::from_secs(5);
/// The oldest server: earlier ones lack what `migrations/postgres` uses, and are past their support.
const OLDEST_SERVER: i32 = 15_00_00;

/// What every connection begins with, for a server that may leave nothing unanswered for longer than this. The
/// statements are all point operations over indexes: a plan made while a table was empty must not stay a sequential scan,
/// and replanning by parameters would cost more than it finds. Rows are dear, so that a nested loop looks its rows up one by
/// one instead of walking over a table that was small when it was planned. Whoever wants the first of a queue reads it in the index's
/// order and does not gather all of it. Sorting stays allowed: without it, whatever is asked for in order, be it one account,
/// would be found by a walk over all of an index that has this order. No helpers either: what is asked for is small, and to start
/// them takes longer than to find it. Facts are read under locks that the statement before them
/// has taken: that needs a snapshot for each statement.
fn settings(answer_timeout: Duration) -> String {
    let millis = answer_timeout.as_millis();
    // A wait for a lock ends first: the server then still has time to say so.
    let lock_millis = millis / 2;
    format!(
        "
        SET statement_timeout = {millis};
        SET lock_timeout = {lock_millis};
        SET idle_in_transaction_session_timeout = {millis};
        SET default_transaction_isolation = 'read committed';
        SET client_min_messages = 'warning';
        SET plan_cache_mode = 'force_generic_plan';
        SET enable_seqscan = off;
        SET enable_bitmapscan = off;
        SET enable_hashjoin = off;
        SET enable_mergejoin = off;
        SET cpu_tuple_cost = 1;
        SET cpu_index_tuple_cost = 1;
        SET max_parallel_workers_per_gather = 0;
        SET jit = off"
    )
}

/// What a statement answers with.
type Answer = Result<Vec<tokio_postgres::Row>, tokio_postgres::Error>;

/// A statement that has been sent, and the answer that the server still owes.
struct Sent {
    name: &'static str,
    answer: BoxFuture<'static, Answer>,
}

/// An open connection.
pub(crate) struct Connection {
    client: Arc<Client>,
    prepared: HashMap<&'static str, tokio_postgres::Statement>,
    /// Statements of this transaction whose answers nobody has looked at yet, oldest first: the server works on them while
    /// we go on. Whoever waits next waits for them too.
    unanswered: Vec<Sent>,
    /// When the plans of the prepared statements began to be made.
    planned_at: Instant,
    /// Whether a transaction has begun and its end has not been asked for.
    in_transaction: bool,
    /// Whether the server has warned since this was last reset. A warning at a commit means: durable here, but not
    /// where it should be (a cancelled wait for a synchronous standby reports success all the same).
    warned: Arc<AtomicBool>,
    /// Time that the server may leave anything unanswered.
    answer_timeout: Duration,
    /// Dropped with the connection: tells the task that moves its bytes not to wait for answers any more.
    _alive: oneshot::Sender<()>,
}

impl Connection {
    /// Connects and prepares the session.
    pub(crate) async fn open(url: &PostgresUrl) -> Result<Self, StoreError> {
        Self::open_listening(url, None).await
    }

    /// As [`Self::open`]; notifications go to `notifications`.
    pub(crate) async fn open_listening(url: &PostgresUrl, notifications: Option<mpsc::Sender<Notification>>) -> Result<Self, StoreError> {
        let (client, connection) = first_to_serve(url).await?;
        let warned = Arc::new(AtomicBool::new(false));
        let (alive, given_up) = oneshot::channel();
        tokio::spawn(drive(connection, Arc::clone(&warned), notifications, given_up));
        let answer_timeout = url.answer_timeout();
        let mut connection = Self {
            client: Arc::new(client),
            prepared: HashMap::new(),
            unanswered: Vec::new(),
            planned_at: Instant::now(),
            in_transaction: false,
            warned,
            answer_timeout,
            _alive: alive,
        };
        tokio::time::timeout(CONNECT, connection.set_up()).await.map_err(|_| silent())??;
        Ok(connection)
    }

    async fn set_up(&mut self) -> Result<(), StoreError> {
        let version: i32 = self
            .client
            .query_one("SELECT current_setting('server_version_num')::int", &[])
            .await
            .map_err(|error| unavailable(&error))?
            .get(0);
        if version < OLDEST_SERVER {
            return Err(StoreError::Setup(format!("PostgreSQL 15 or newer is needed; the server is {}", version / 10_000)));
        }
        self.client.batch_execute(&settings(self.answer_timeout)).await.map_err(|error| unavailable(&error))?;
        // Whatever the server's default: an answer of ours is durable. Stronger settings stay.
        let durable =
            "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') IN ('off', 'local')";
        self.client.batch_execute(durable).await.map_err(|error| unavailable(&error))
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Lets answers take as long as they take from now on: for an operator's work, which looks at everything.
    pub(crate) const fn answer_at_leisure(&mut self) {
        self.answer_timeout = Duration::MAX;
    }

    /// For whoever brings statements of their own.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// For migrations, whose runner wants the connection for itself.
    ///
    /// # Errors
    /// In the middle of a transaction.
    pub(crate) fn alone(&mut self) -> Result<&mut Client, StoreError> {
        Arc::get_mut(&mut self.client).ok_or_else(|| StoreError::Setup("the connection is in use".to_owned()))
    }

    pub(super) async fn rows(&mut self, statement: &'static Statement, parameters: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        self.prepare(statement).await?;
        let unanswered = std::mem::take(&mut self.unanswered);
        let parameters: Vec<&(dyn ToSql + Sync)> = parameters.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
        let query = self.client.query(&self.prepared[statement.name], &parameters);
        let query = query.map(|answer| answer.map_err(|error| (statement.name, error)));
        let rows = answered(self.answer_timeout, behind(unanswered, query)).await?.map_err(failed)?;
        rows.iter().map(|row| cells(row, 0).map(Row)).collect()
    }

    /// As [`Self::rows`], as far as there is room: what the server sends beyond that is thrown away as it comes.
    pub(super) async fn rows_within(
        &mut self,
        statement: &'static Statement,
        parameters: &[Value<'_>],
        room: &mut Room,
    ) -> Result<Vec<Row>, StoreError> {
        self.prepare(statement).await?;
        let unanswered = std::mem::take(&mut self.unanswered);
        let parameters = parameters.iter().map(|value| value as &(dyn ToSql + Sync));
        let query = async {
            let mut answer = std::pin::pin!(self.client.query_raw(&self.prepared[statement.name], parameters).await?);
            let mut rows = Vec::new();
            while let Some(row) = answer.try_next().await? {
                let row = cells(&row, 0).map(Row);
                if row.as_ref().is_ok_and(|row| !room.take(row.bytes())) {
                    break;
                }
                rows.push(row);
            }
            Ok(rows)
        };
        let query = query.map(|answer: Result<_, tokio_postgres::Error>| answer.map_err(|error| (statement.name, error)));
        answered(self.answer_timeout, behind(unanswered, query)).await?.map_err(failed)?.into_iter().collect()
    }

    /// Runs batches in order, all of them sent before the first answer is waited for.
    pub(super) async fn all(&mut self, batches: &[Batch<'_>]) -> Result<Vec<Vec<NumberedRow>>, StoreError> {
        self.prepare_all(batches).await?;
        let asked: Vec<Option<Sent>> = batches.iter().map(|batch| self.send(batch)).collect();
        if asked.iter().all(Option::is_none) {
            return Ok(asked.iter().map(|_| Vec::new()).collect());
        }
        let answers = async {
            let mut all = Vec::with_capacity(asked.len());
            for sent in asked {
                all.push(match sent {
                    None => Vec::new(),
                    Some(Sent { name, answer }) => answer.await.map_err(|error| (name, error))?,
                });
            }
            Ok(all)
        };
        let unanswered = std::mem::take(&mut self.unanswered);
        let answers = answered(self.answer_timeout, behind(unanswered, answers)).await?.map_err(failed)?;
        answers.iter().map(|rows| numbered(rows)).collect()
    }

    /// Sends batches whose rows nobody wants, and waits for nothing: what goes wrong with them is told to whoever waits
    /// next, the commit at the latest.
    pub(super) async fn write(&mut self, batches: &[Batch<'_>]) -> Result<(), StoreError> {
        self.prepare_all(batches).await?;
        for batch in batches {
            self.unanswered.extend(self.send(batch));
        }
        Ok(())
    }

    /// Prepares before anything is sent: behind a statement that fails, the server refuses to prepare the next, and that
    /// would be taken for what went wrong.
    async fn prepare_all(&mut self, batches: &[Batch<'_>]) -> Result<(), StoreError> {
        for batch in batches.iter().filter(|batch| !batch.is_empty()) {
            self.prepare(batch.statement).await?;
        }
        Ok(())
    }

    /// Sends a prepared batch, unless it is empty.
    fn send(&self, batch: &Batch<'_>) -> Option<Sent> {
        if batch.is_empty() {
            return None;
        }
        let prepared = self.prepared[batch.statement.name].clone();
        let columns: Vec<Column> = (prepared.params().iter().enumerate())
            .map(|(index, column)| Column::encode(column, batch.rows().len(), batch.column(index)))
            .collect();
        let client = Arc::clone(&self.client);
        let answer = async move { client.query_raw(&prepared, columns).await?.try_collect().await };
        Some(Sent { name: batch.statement.name, answer: sent(answer) })
    }

    async fn prepare(&mut self, statement: &'static Statement) -> Result<(), StoreError> {
        if !self.prepared.contains_key(statement.name) {
            let unanswered = std::mem::take(&mut self.unanswered);
            let prepare = self.client.prepare(statement.postgres());
            let prepare = prepare.map(|prepared| prepared.map_err(|error| (statement.name, error)));
            let prepared = answered(self.answer_timeout, behind(unanswered, prepare)).await?.map_err(failed)?;
            self.prepared.insert(statement.name, prepared);
        }
        Ok(())
    }

    /// Begins a transaction, and waits for nothing: the first statement follows at once.
    pub(super) fn begin(&mut self) {
        let is_stale = self.planned_at.elapsed() >= REPLAN;
        if is_stale {
            self.planned_at = Instant::now();
        }
        self.begin_as(if is_stale { "DISCARD PLANS; BEGIN" } else { "BEGIN" });
    }

    /// As [`Self::begin`], for a transaction in which every statement sees the same moment, and none writes.
    pub(crate) fn begin_snapshot(&mut self) {
        self.begin_as("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY");
    }

    fn begin_as(&mut self, begin: &'static str) {
        let client = Arc::clone(&self.client);
        let answer = async move { client.batch_execute(begin).await.map(|()| Vec::new()) };
        self.unanswered = vec![Sent { name: "begin", answer: sent(answer) }];
        self.in_transaction = true;
    }

    /// Commits. Sent behind whatever has been written: when that fails, the server rolls back instead.
    pub(super) async fn commit(&mut self) -> Result<(), StoreError> {
        self.warned.store(false, Ordering::SeqCst);
        self.in_transaction = false;
        let unanswered = std::mem::take(&mut self.unanswered);
        let commit = self.client.batch_execute("COMMIT");
        let commit = commit.map(|committed| committed.map_err(|error| ("commit", error)));
        match answered(self.answer_timeout, behind(unanswered, commit)).await {
            Ok(Ok(())) if self.warned.load(Ordering::SeqCst) => Err(StoreError::OutcomeUnknown),
            Ok(Ok(())) => Ok(()),
            // An ERROR is the server's word that nothing was committed. Anything worse, or no word at all, is not.
            Ok(Err((name, error))) => match error.as_db_error() {
                Some(reason) if reason.parsed_severity() == Some(Severity::Error) => Err(refused(name, reason)),
                _ => Err(StoreError::OutcomeUnknown),
            },
            Err(_) => Err(StoreError::OutcomeUnknown),
        }
    }

    pub(super) async fn rollback(&mut self) -> Result<(), StoreError> {
        self.unanswered.clear();
        // A commit that fails ends its transaction too.
        if !std::mem::take(&mut self.in_transaction) {
            return Ok(());
        }
        answered(self.answer_timeout, self.client.batch_execute("ROLLBACK")).await?.map_err(|error| unavailable(&error))
    }

    /// Has nothing made durable from now on: for notifications, whose commits would take the disk from those that matter.
    pub(crate) async fn make_nothing_durable(&mut self) -> Result<(), StoreError> {
        let settings = self.client.batch_execute("SET synchronous_commit = off");
        answered(self.answer_timeout, settings).await?.map_err(|error| unavailable(&error))
    }

    /// Sends a notification to everyone who listens on the channel.
    pub(crate) async fn notify(&mut self, channel: &str, payload: &str) -> Result<(), StoreError> {
        self.rows(&statement::NOTIFY, &[channel.into(), payload.into()]).await.map(|_| ())
    }

    /// Listens on a channel.
    pub(crate) async fn listen(&mut self, channel: &str) -> Result<(), StoreError> {
        answered(self.answer_timeout, self.client.batch_execute(&format!("LISTEN {channel}"))).await?.map_err(|error| unavailable(&error))
    }
}

type Driven = tokio_postgres::Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

/// Connects to the hosts of the URL in their order, each with a head start before the next; the first that serves is the
/// one.
async fn first_to_serve(url: &PostgresUrl) -> Result<(Client, Driven), StoreError> {
    let tls = url.tls()?;
    let (mut hosts, mut attempts, mut reasons) = (url.hosts().iter(), FuturesUnordered::new(), Vec::new());
    loop {
        match hosts.next() {
            Some(host) => attempts.push(tokio::time::timeout(CONNECT, host.connect(tls.clone()))),
            None if attempts.is_empty() => return Err(StoreError::Unavailable(reasons.join("; "))),
            None => {}
        }
        let head_start = tokio::time::sleep(HEAD_START);
        tokio::select! {
            Some(ended) = attempts.next() => match ended {
                Ok(Ok(connected)) => return Ok(connected),
                Ok(Err(error)) => reasons.push(reason(&error)),
                Err(_) => reasons.push("connecting took too long".to_owned()),
            },
            () = head_start, if hosts.len() > 0 => {}
        }
    }
}

/// Moves bytes for as long as the connection lives, and notes what the server says unasked.
async fn drive(
    mut connection: Driven,
    warned: Arc<AtomicBool>,
    notifications: Option<mpsc::Sender<Notification>>,
    given_up: oneshot::Receiver<()>,
) {
    let moving = async move {
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
    };
    let mut moving = std::pin::pin!(moving);
    tokio::select! {
        () = moving.as_mut() => {}
        // The driver would go on for the answers that a server which hangs still owes, for ever.
        _ = given_up => { let _ = tokio::time::timeout(FAREWELL, moving).await; }
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

/// The first column of a batch's statement says which of the batch's rows it answers.
fn numbered(rows: &[tokio_postgres::Row]) -> Result<Vec<NumberedRow>, StoreError> {
    (rows.iter())
        .map(|row| {
            let number: i64 = row.try_get(0).map_err(|error| StoreError::Corrupt(error.to_string()))?;
            Ok((usize::try_from(number).unwrap_or_default(), Row(cells(row, 1)?)))
        })
        .collect()
}

/// Waits for the server's answer for as long as it may take.
async fn answered<T>(answer_timeout: Duration, answer: impl Future<Output = T>) -> Result<T, StoreError> {
    tokio::time::timeout(answer_timeout, answer).await.map_err(|_| silent())
}

/// A statement is sent when its answer is first asked for. This asks, and leaves the answer for later.
fn sent(answer: impl Future<Output = Answer> + Send + 'static) -> BoxFuture<'static, Answer> {
    let mut answer = answer.boxed();
    match (&mut answer).now_or_never() {
        Some(failed) => std::future::ready(failed).boxed(),
        None => answer,
    }
}

/// Which statement went wrong, and how.
type Failure = (&'static str, tokio_postgres::Error);

/// Sends the last statement and waits for all answers, in their order: the first that went wrong is the reason why those
/// behind it did.
async fn behind<T>(unanswered: Vec<Sent>, last: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let mut last = std::pin::pin!(last);
    let at_once = last.as_mut().now_or_never();
    for Sent { name, answer } in unanswered {
        answer.await.map_err(|error| (name, error))?;
    }
    match at_once {
        Some(answer) => answer,
        None => last.await,
    }
}

fn failed((name, error): Failure) -> StoreError {
    error.as_db_error().map_or_else(|| unavailable(&error), |reason| refused(name, reason))
}

/// What the server's word means: that the statement is wrong, or that this is not the time for it.
fn refused(name: &str, reason: &DbError) -> StoreError {
    let said = format!("{name}: {} ({})", reason.message(), reason.code().code());
    // It ends the connection: shut down, terminated by somebody, crashed beside us.
    if reason.parsed_severity() != Some(Severity::Error) {
        return StoreError::Unavailable(said);
    }
    match *reason.code() {
        SqlState::T_R_DEADLOCK_DETECTED | SqlState::T_R_SERIALIZATION_FAILURE => StoreError::Conflict(said),
        // Waits that took too long, a server that has become a standby, and (class 53) one that is out of room.
        SqlState::QUERY_CANCELED | SqlState::LOCK_NOT_AVAILABLE | SqlState::READ_ONLY_SQL_TRANSACTION => StoreError::Unavailable(said),
        _ if reason.code().code().starts_with("53") => StoreError::Unavailable(said),
        _ => StoreError::Database(said),
    }
}

fn unavailable(error: &tokio_postgres::Error) -> StoreError {
    StoreError::Unavailable(reason(error))
}

fn silent() -> StoreError {
    StoreError::Unavailable("the server does not answer".to_owned())
}

/// The driver's errors name what failed; why it did is in their causes.
fn reason(error: &tokio_postgres::Error) -> String {
    if let Some(said) = error.as_db_error() {
        return said.message().to_owned();
    }
    let text = error.to_string();
    match std::error::Error::source(error).map(ToString::to_string) {
        Some(cause) if !text.contains(&cause) => format!("{text}: {cause}"),
        _ => text,
    }
}
