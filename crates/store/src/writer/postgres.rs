//! The writers of a PostgreSQL database: tasks with a connection each, which they make again when it breaks.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::batch::Batch;
use super::{Command, Lanes, Means, Operations, QUEUE_LENGTH, bounds};
use crate::error::StoreError;
use crate::heads::Heads;
use crate::health::WriteFailure;
use crate::session::postgres::Connection;
use crate::session::{PostgresUrl, Session};
use crate::settings::Settings;
use crate::turns::Turns;
use crate::wake::Wake;

/// Writers for admissions. Few, since each batch is pipelined: more would only make the batches smaller.
const ADMISSION_WRITERS: usize = 2;
/// Writers for everything else: pulls wait for round trips, not for the processor.
const OPERATION_WRITERS: usize = 4;
/// Admissions of one transaction.
const MAX_ADMISSIONS: usize = 1_024;
/// Pauses between attempts to connect: first and longest.
const RECONNECT: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// Starts the writers. The first connection is made before anything is served, so that a wrong URL is known at once.
pub(crate) async fn start(
    url: &PostgresUrl,
    settings: &Arc<Settings>,
    wake: &Arc<Wake>,
) -> Result<(Lanes, Vec<JoinHandle<()>>), StoreError> {
    let heads = Heads::shared();
    let failure = Arc::<WriteFailure>::default();
    let means = || Means::new(settings, wake, heads.clone(), &failure);
    let mut tasks = Vec::new();
    let mut admissions = Vec::new();
    for _ in 0..ADMISSION_WRITERS {
        let (sender, receiver) = mpsc::channel(QUEUE_LENGTH);
        admissions.push(sender);
        tasks.push(tokio::spawn(Writer::open(url, means()).await?.admit(receiver)));
    }
    let turns = Arc::new(Turns::new(bounds(OPERATION_WRITERS)));
    for _ in 0..OPERATION_WRITERS {
        tasks.push(tokio::spawn(Writer::open(url, means()).await?.operate(Arc::clone(&turns))));
    }
    Ok((Lanes { admissions, operations: Operations::Turns(turns), failure }, tasks))
}

struct Writer {
    line: Line,
    means: Means,
}

impl Writer {
    async fn open(url: &PostgresUrl, means: Means) -> Result<Self, StoreError> {
        Ok(Self { line: Line::open(url.clone()).await?, means })
    }

    /// Serves admissions.
    async fn admit(mut self, mut receiver: mpsc::Receiver<Command>) {
        while let Some(first) = receiver.recv().await {
            // Those who have just been answered are about to ask again: they go first, and come along.
            tokio::task::yield_now().await;
            let mut batch = Batch::default();
            let closing = batch.gather(first, &mut receiver, MAX_ADMISSIONS);
            self.process(batch).await;
            if closing {
                return;
            }
        }
    }

    /// Serves everything else.
    async fn operate(mut self, turns: Arc<Turns<Command>>) {
        let _leaves = Leaves(Arc::clone(&turns));
        while let Some(mut turn) = turns.take().await {
            self.process(Batch::of(std::mem::take(&mut turn.commands))).await;
        }
    }

    async fn process(&mut self, batch: Batch) {
        match self.line.connection().await {
            Ok(connection) => {
                if batch.process(Session::Postgres(connection), &mut self.means).await.is_err() {
                    self.line.hang_up();
                }
            }
            Err(error) => {
                self.means.failure.note(&error);
                batch.answer(&Err(error));
            }
        }
    }
}

/// Notes that a writer has ended, in whichever way.
struct Leaves(Arc<Turns<Command>>);

impl Drop for Leaves {
    fn drop(&mut self) {
        self.0.lose_writer();
    }
}

/// A connection that is made again when it breaks, with growing pauses.
pub(crate) struct Line {
    url: PostgresUrl,
    connection: Option<Connection>,
    pause: Duration,
    not_before: Instant,
}

impl Line {
    pub(crate) async fn open(url: PostgresUrl) -> Result<Self, StoreError> {
        let connection = Some(Connection::open(&url).await?);
        Ok(Self { url, connection, pause: RECONNECT.0, not_before: Instant::now() })
    }

    /// The connection, made again if need be. Fails at once while it is too early for another attempt: whoever asks is
    /// better told to come again than kept waiting.
    pub(crate) async fn connection(&mut self) -> Result<&mut Connection, StoreError> {
        if self.connection.as_ref().is_some_and(Connection::is_closed) {
            self.connection = None;
        }
        if self.connection.is_none() {
            if Instant::now() < self.not_before {
                return Err(StoreError::Unavailable("reconnecting".to_owned()));
            }
            match Connection::open(&self.url).await {
                Ok(connection) => {
                    self.connection = Some(connection);
                    self.pause = RECONNECT.0;
                }
                Err(error) => {
                    tracing::warn!(%error, pause_ms = self.pause.as_millis(), "the database cannot be reached");
                    self.not_before = Instant::now() + self.pause;
                    self.pause = (self.pause * 2).min(RECONNECT.1);
                    return Err(error);
                }
            }
        }
        self.connection.as_mut().ok_or(StoreError::Closed)
    }

    /// Gives the connection up.
    pub(crate) fn hang_up(&mut self) {
        self.connection = None;
    }
}
