//! The one writer of the embedded database, on a thread of its own: SQLite has one writer, and it blocks.

use std::sync::Arc;
use std::thread::JoinHandle;

use futures_util::FutureExt;
use rusqlite::Connection;
use tokio::sync::mpsc;

use super::batch::Batch;
use super::{Command, Lanes, Means, Operations, QUEUE_LENGTH};
use crate::error::StoreError;
use crate::heads::Heads;
use crate::session::Session;
use crate::settings::Settings;
use crate::wake::Wake;

/// Operations of one transaction: keeps a batch, and with it everyone's wait for the commit, to some milliseconds.
const MAX_BATCH: usize = 1_024;

/// Starts the writer's thread.
pub(crate) fn start(connection: Connection, settings: &Arc<Settings>, wake: &Arc<Wake>) -> Result<(Lanes, JoinHandle<()>), StoreError> {
    let (sender, receiver) = mpsc::channel(QUEUE_LENGTH);
    let means = Means::new(settings, wake, Heads::none());
    let thread = std::thread::Builder::new()
        .name("writer".to_owned())
        .spawn(move || run(connection, receiver, means))
        .map_err(|error| StoreError::Setup(format!("the writer's thread cannot be started: {error}")))?;
    Ok((Lanes { admissions: vec![sender.clone()], operations: Operations::Lane(sender) }, thread))
}

fn run(mut connection: Connection, mut receiver: mpsc::Receiver<Command>, mut means: Means) {
    while let Some(first) = receiver.blocking_recv() {
        let mut batch = Batch::default();
        let closing = batch.gather(first, &mut receiver, MAX_BATCH);
        if let Err(error) = at_once(batch.process(Session::Sqlite(&mut connection), &mut means)) {
            // The next batch begins with whatever state the file is in, as after a restart.
            tracing::error!(%error, "the database file failed");
        }
        if closing {
            return;
        }
    }
}

/// Runs a future over the embedded database, which never waits.
pub(crate) fn at_once<T>(future: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    future.now_or_never().unwrap_or_else(|| Err(StoreError::Setup("an operation waited on the embedded database".to_owned())))
}
