//! The one writer of the embedded database, with group commit: it takes whatever has queued while the last commit ran,
//! runs it in one transaction, commits, and only then answers. No timer: an idle writer commits a lone operation at
//! once, a busy one shares each commit among many.

use std::thread::JoinHandle;

use futures_util::FutureExt;
use rusqlite::Connection;
use tokio::sync::mpsc;

use crate::admission::{self, PendingAdmission};
use crate::effects::Effects;
use crate::error::StoreError;
use crate::operation::{Operation, Transaction};
use crate::session::Session;
use crate::settings::Settings;
use crate::wake::Wake;

/// Operations that may wait for the writer. At 50,000 a second this is a tenth of a second's work: whoever comes later
/// is better told to come again.
pub(crate) const QUEUE_LENGTH: usize = 4_096;
/// Operations in one transaction: keeps a batch, and with it everyone's wait for the commit, to some milliseconds.
const MAX_BATCH: usize = 1_024;

/// What can be asked of the writer.
pub(crate) enum Command {
    /// Admissions are batched among themselves: one statement serves many.
    Admit(Box<PendingAdmission>),
    /// Everything else runs one after the other.
    Run(Box<dyn Operation>),
    /// Finish what has queued, then end.
    Close,
}

/// Starts the writer's thread.
pub(crate) fn start(
    connection: Connection,
    settings: std::sync::Arc<Settings>,
    wake: std::sync::Arc<Wake>,
) -> Result<(mpsc::Sender<Command>, JoinHandle<()>), StoreError> {
    let (sender, receiver) = mpsc::channel(QUEUE_LENGTH);
    let thread = std::thread::Builder::new()
        .name("writer".to_owned())
        .spawn(move || run(connection, receiver, &settings, &wake))
        .map_err(|error| StoreError::Setup(format!("the writer's thread cannot be started: {error}")))?;
    Ok((sender, thread))
}

fn run(mut connection: Connection, mut receiver: mpsc::Receiver<Command>, settings: &Settings, wake: &Wake) {
    let mut closing = false;
    while !closing {
        let Some(first) = receiver.blocking_recv() else { return };
        let mut batch = Batch::default();
        closing |= batch.take(first);
        while batch.len() < MAX_BATCH
            && let Ok(command) = receiver.try_recv()
        {
            closing |= batch.take(command);
        }
        if closing {
            // Nobody can queue any more; what has queued is still served.
            receiver.close();
            while let Ok(command) = receiver.try_recv() {
                batch.take(command);
            }
        }
        batch.process(&mut connection, settings, wake);
    }
}

#[derive(Default)]
struct Batch {
    admissions: Vec<PendingAdmission>,
    operations: Vec<Box<dyn Operation>>,
}

impl Batch {
    fn len(&self) -> usize {
        self.admissions.len() + self.operations.len()
    }

    /// Whether the command asks to close.
    fn take(&mut self, command: Command) -> bool {
        match command {
            Command::Admit(admission) => self.admissions.push(*admission),
            Command::Run(operation) => self.operations.push(operation),
            Command::Close => return true,
        }
        false
    }

    fn process(mut self, connection: &mut Connection, settings: &Settings, wake: &Wake) {
        if self.len() == 0 {
            return;
        }
        match self.commit(connection, settings) {
            Ok(effects) => {
                self.answer(&Ok(()));
                wake.tell(effects);
            }
            Err(error) if self.len() == 1 => {
                tracing::error!(%error, "transaction failed");
                self.answer(&Err(error));
            }
            Err(error) => {
                // One operation must not spoil the others': each gets a transaction of its own.
                tracing::warn!(%error, operations = self.len(), "batch failed, running its operations one by one");
                for alone in self.split() {
                    alone.process(connection, settings, wake);
                }
            }
        }
    }

    fn commit(&mut self, connection: &mut Connection, settings: &Settings) -> Result<Effects, StoreError> {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        let mut transaction = Transaction { session: Session::Sqlite(connection), settings, effects: Effects::default() };
        let outcome = at_once(self.run(&mut transaction));
        let effects = transaction.effects;
        match outcome.and_then(|()| Ok(connection.execute_batch("COMMIT")?)) {
            Ok(()) => Ok(effects),
            Err(error) => {
                // A failed COMMIT may leave the transaction open or have ended it: both are fine afterwards.
                if !connection.is_autocommit() {
                    connection.execute_batch("ROLLBACK")?;
                }
                Err(error)
            }
        }
    }

    async fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
        admission::admit(transaction, &mut self.admissions).await?;
        for operation in &mut self.operations {
            operation.run(transaction).await?;
        }
        Ok(())
    }

    fn answer(self, committed: &Result<(), StoreError>) {
        for admission in self.admissions {
            admission.answer(committed.clone());
        }
        for operation in self.operations {
            operation.answer(committed.clone());
        }
    }

    fn split(self) -> impl Iterator<Item = Self> {
        let admissions = self.admissions.into_iter().map(|admission| Self { admissions: vec![admission], operations: Vec::new() });
        let operations = self.operations.into_iter().map(|operation| Self { admissions: Vec::new(), operations: vec![operation] });
        admissions.chain(operations)
    }
}

/// Runs a future over the embedded database, which never waits.
pub(crate) fn at_once<T>(future: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    future.now_or_never().unwrap_or_else(|| Err(StoreError::Setup("an operation waited on the embedded database".to_owned())))
}
