//! What a writer commits together.

use tokio::sync::mpsc;

use super::{Command, Means};
use crate::admission::{self, PendingAdmission};
use crate::audit::Audit;
use crate::counters::Counters;
use crate::desk::{self, PendingPull};
use crate::effects::Effects;
use crate::error::StoreError;
use crate::heads::Entered;
use crate::operation::{Operation, Transaction};
use crate::session::Session;
use crate::wake::Wake;

/// How often an operation is tried that other transactions stand in the way of. Each try waits for those before it, so
/// that a second one is rare.
const TRIES: usize = 4;

/// Admissions and operations of one transaction.
#[derive(Default)]
pub(super) struct Batch {
    admissions: Vec<PendingAdmission>,
    pulls: Vec<PendingPull>,
    operations: Vec<Box<dyn Operation>>,
}

impl Batch {
    pub(super) fn of(commands: Vec<Command>) -> Self {
        let mut batch = Self::default();
        for command in commands {
            batch.take(command);
        }
        batch
    }

    /// Takes what has queued behind `first`, up to `most`. Returns whether the writer is to end after this batch.
    pub(super) fn gather(&mut self, first: Command, receiver: &mut mpsc::Receiver<Command>, most: usize) -> bool {
        let mut closing = self.take(first);
        while !closing
            && self.len() < most
            && let Ok(command) = receiver.try_recv()
        {
            closing = self.take(command);
        }
        if closing {
            // Nobody can queue any more; what has queued is still served.
            receiver.close();
            while let Ok(command) = receiver.try_recv() {
                self.take(command);
            }
        }
        closing
    }

    pub(super) fn len(&self) -> usize {
        self.admissions.len() + self.pulls.len() + self.operations.len()
    }

    /// Whether the command asks to close.
    fn take(&mut self, command: Command) -> bool {
        match command {
            Command::Admit(admission) => self.admissions.push(*admission),
            Command::Pull(pull) => self.pulls.push(*pull),
            Command::Run(operation) => self.operations.push(operation),
            Command::Close => return true,
        }
        false
    }

    /// Commits the batch and answers everyone in it. `Err`: the connection must not be used again.
    pub(super) async fn process(mut self, mut session: Session<'_>, means: &mut Means) -> Result<(), StoreError> {
        if self.len() == 0 {
            return Ok(());
        }
        let committed = if self.len() == 1 { self.commit_alone(&mut session, means).await } else { self.commit(&mut session, means).await };
        let failed = match committed {
            Ok(effects) => {
                self.tell(&means.wake, effects);
                return Ok(());
            }
            Err(failed) => failed,
        };
        means.failure.note(&failed.error);
        means.wake.tell(failed.possible.clone());
        if self.len() == 1 || failed.is_fatal {
            tracing::error!(error = %failed.error, operations = self.len(), "transaction failed");
            self.answer(&Err(failed.error.clone()));
            return if failed.is_fatal { Err(failed.error) } else { Ok(()) };
        }
        // One operation must not spoil the others': each gets a transaction of its own.
        tracing::warn!(error = %failed.error, operations = self.len(), "batch failed, running its operations one by one");
        let mut alone = self.split();
        while let Some(mut batch) = alone.next() {
            match batch.commit_alone(&mut session, means).await {
                Ok(effects) => batch.tell(&means.wake, effects),
                Err(failed) => {
                    tracing::error!(error = %failed.error, "transaction failed");
                    means.failure.note(&failed.error);
                    means.wake.tell(failed.possible.clone());
                    batch.answer(&Err(failed.error.clone()));
                    if failed.is_fatal {
                        alone.for_each(|batch| batch.answer(&Err(failed.error.clone())));
                        return Err(failed.error);
                    }
                }
            }
        }
        Ok(())
    }

    /// Commits an operation that is alone in its transaction: one that other transactions stood in the way of is tried
    /// again.
    async fn commit_alone(&mut self, session: &mut Session<'_>, means: &mut Means) -> Result<Effects, Failed> {
        for _ in 1..TRIES {
            match self.commit(session, means).await {
                Err(Failed { error: StoreError::Conflict(reason), is_fatal: false, .. }) => tracing::warn!(reason, "trying again"),
                settled => return settled,
            }
        }
        self.commit(session, means).await
    }

    async fn commit(&mut self, session: &mut Session<'_>, means: &mut Means) -> Result<Effects, Failed> {
        session.begin().await.map_err(Failed::fatal)?;
        let mut transaction = Transaction {
            session: session.reborrow(),
            settings: &means.settings,
            nonces: &mut means.nonces,
            heads: &means.heads,
            entered: Entered::new(),
            effects: Effects::default(),
            counters: Counters::default(),
            audit: Audit::default(),
        };
        let outcome = self.run(&mut transaction).await;
        let (effects, entered) = (transaction.effects, transaction.entered);
        let outcome = match outcome {
            Ok(()) => session.commit().await,
            Err(error) => Err(error),
        };
        match &outcome {
            Ok(()) => means.heads.entered(&entered),
            Err(_) => means.heads.forget(),
        }
        match outcome {
            Ok(()) => Ok(effects),
            // Whether it was committed or not, another try on this connection would not know either. And what cannot be
            // had now cannot be had by each of the batch either, one wait after the other.
            Err(error @ StoreError::OutcomeUnknown) => Err(Failed { error, is_fatal: true, possible: effects }),
            Err(error @ StoreError::Unavailable(_)) => Err(Failed::fatal(error)),
            Err(error) => match session.rollback().await {
                Ok(()) => Err(Failed { error, is_fatal: false, possible: Effects::default() }),
                Err(_) => Err(Failed::fatal(error)),
            },
        }
    }

    async fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
        admission::admit(transaction, &mut self.admissions).await?;
        desk::serve(transaction, &mut self.pulls).await?;
        for operation in &mut self.operations {
            operation.run(transaction).await?;
        }
        let Transaction { session, counters, audit, effects, .. } = transaction;
        counters.write(session).await?;
        audit.write(session, effects).await
    }

    /// Tells what was committed: first everyone whom it concerns, then those who asked. Whoever has been told that a key
    /// is revoked must find it revoked.
    fn tell(self, wake: &Wake, effects: Effects) {
        wake.tell(effects);
        self.answer(&Ok(()));
    }

    /// Answers everyone in the batch.
    pub(super) fn answer(self, committed: &Result<(), StoreError>) {
        for admission in self.admissions {
            admission.answer(committed.clone());
        }
        for pull in self.pulls {
            pull.answer(committed.clone());
        }
        for operation in self.operations {
            operation.answer(committed.clone());
        }
    }

    fn split(self) -> impl Iterator<Item = Self> {
        let admissions = self.admissions.into_iter().map(|admission| Self { admissions: vec![admission], ..Self::default() });
        let pulls = self.pulls.into_iter().map(|pull| Self { pulls: vec![pull], ..Self::default() });
        let operations = self.operations.into_iter().map(|operation| Self { operations: vec![operation], ..Self::default() });
        admissions.chain(pulls).chain(operations)
    }
}

/// A transaction that did not happen, or cannot be said to have happened.
struct Failed {
    error: StoreError,
    /// Whether the connection must not be used again.
    is_fatal: bool,
    /// What may have happened all the same, when nobody knows: a wake-up too many costs a look.
    possible: Effects,
}

impl Failed {
    const fn fatal(error: StoreError) -> Self {
        Self { error, is_fatal: true, possible: Effects::new() }
    }
}
