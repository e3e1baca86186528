//! The writers of a PostgreSQL database: tasks with a connection each, which they make again when it breaks.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::batch::Batch;
use super::{Command, Lanes, QUEUE_LENGTH};
use crate::error::StoreError;
use crate::session::postgres::Connection;
use crate::session::{PostgresUrl, Session};
use crate::settings::Settings;
use crate::wake::Wake;

/// Writers for admissions. Few, since each batch is pipelined: more would only make the batches smaller.
const ADMISSION_WRITERS: usize = 2;
/// Writers for everything else: pulls wait for round trips, not for the processor.
const OPERATION_WRITERS: usize = 4;
/// Admissions of one transaction.
const MAX_ADMISSIONS: usize = 1_024;
/// Other operations of one transaction: each is several round trips, and all of a batch wait for the last.
const MAX_OPERATIONS: usize = 8;
/// Pauses between attempts to connect: first and longest.
const RECONNECT: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// Starts the writers. The first connection is made before anything is served, so that a wrong URL is known at once.
pub(crate) async fn start(
    url: &PostgresUrl,
    settings: &Arc<Settings>,
    wake: &Arc<Wake>,
) -> Result<(Lanes, Vec<JoinHandle<()>>), StoreError> {
    let mut tasks = Vec::new();
    let mut lanes = (Vec::new(), Vec::new());
    for number in 0..ADMISSION_WRITERS + OPERATION_WRITERS {
        let (sender, receiver) = mpsc::channel(QUEUE_LENGTH);
        let (lane, most) = if number < ADMISSION_WRITERS { (&mut lanes.0, MAX_ADMISSIONS) } else { (&mut lanes.1, MAX_OPERATIONS) };
        lane.push(sender);
        let writer = Writer { line: Line::open(url.clone()).await?, settings: Arc::clone(settings), wake: Arc::clone(wake), most };
        tasks.push(tokio::spawn(writer.run(receiver)));
    }
    Ok((Lanes::new(lanes.0, lanes.1), tasks))
}

struct Writer {
    line: Line,
    settings: Arc<Settings>,
    wake: Arc<Wake>,
    most: usize,
}

impl Writer {
    async fn run(mut self, mut receiver: mpsc::Receiver<Command>) {
        while let Some(first) = receiver.recv().await {
            let mut batch = Batch::default();
            let closing = batch.gather(first, &mut receiver, self.most);
            match self.line.connection().await {
                Ok(connection) => {
                    if batch.process(Session::Postgres(connection), &self.settings, &self.wake).await.is_err() {
                        self.line.hang_up();
                    }
                }
                Err(error) => batch.answer(&Err(error)),
            }
            if closing {
                return;
            }
        }
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
