//! The one writer of the embedded database, on a thread of its own: SQLite has one writer, and it blocks.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::FutureExt;
use rusqlite::Connection;
use tokio::sync::mpsc;

use super::batch::Batch;
use super::{Command, Lanes, Means, Operations, QUEUE_LENGTH};
use crate::error::StoreError;
use crate::heads::Heads;
use crate::health::WriteFailure;
use crate::session::Session;
use crate::settings::Settings;
use crate::sqlite_file::WritableFile;
use crate::wake::Wake;

/// Operations of one transaction: keeps a batch, and with it everyone's wait for the commit, to some milliseconds.
const MAX_BATCH: usize = 1_024;

/// How long reads that are under way, ours or another program's, may keep the log from being emptied at the end.
const LAST_READERS: Duration = Duration::from_secs(2);

/// Starts the writer's thread.
pub(crate) fn start(file: WritableFile, settings: &Arc<Settings>, wake: &Arc<Wake>) -> Result<(Lanes, JoinHandle<()>), StoreError> {
    let (sender, receiver) = mpsc::channel(QUEUE_LENGTH);
    let failure = Arc::<WriteFailure>::default();
    let means = Means::new(settings, wake, Heads::none(), &failure);
    let thread = std::thread::Builder::new()
        .name("writer".to_owned())
        .spawn(move || {
            let WritableFile { mut connection, served } = file;
            run(&mut connection, receiver, means);
            // Whoever only worked beside a relay leaves the log to it.
            if served.is_some() {
                empty_log(&connection);
            }
            if let Err((_, error)) = connection.close() {
                tracing::error!(%error, "the database file was not closed");
            }
            drop(served);
        })
        .map_err(|error| StoreError::Setup(format!("the writer's thread cannot be started: {error}")))?;
    Ok((Lanes { admissions: vec![sender.clone()], operations: Operations::Lane(sender), failure }, thread))
}

/// Empties the log into the file, so that the file is whole by itself.
fn empty_log(connection: &Connection) {
    // The answer's first column: whether somebody who reads stood in the way.
    let emptied = connection
        .busy_timeout(LAST_READERS)
        .and_then(|()| connection.query_one("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0)));
    match emptied {
        Ok(0) => {}
        Ok(_) => tracing::warn!("another program reads the database: a part of it stays in its -wal file, which belongs to it"),
        Err(error) => tracing::error!(%error, "the database's log was not emptied: a part of it stays in its -wal file"),
    }
}

fn run(connection: &mut Connection, mut receiver: mpsc::Receiver<Command>, mut means: Means) {
    while let Some(first) = receiver.blocking_recv() {
        let mut batch = Batch::default();
        let closing = batch.gather(first, &mut receiver, MAX_BATCH);
        if let Err(error) = at_once(batch.process(Session::Sqlite(connection), &mut means)) {
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
