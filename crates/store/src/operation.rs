//! An operation on its way through the writer: an input, a function over a transaction, and whoever waits for the
//! output. The function takes its input by reference, so that the writer can run it again when another operation of the
//! same batch has spoiled the transaction.

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use crate::audit::Audit;
use crate::counters::Counters;
use crate::effects::Effects;
use crate::error::StoreError;
use crate::heads::{Entered, Heads};
use crate::nonce::Ring;
use crate::right::Right;
use crate::session::Session;
use crate::settings::Settings;

/// An open transaction.
pub(crate) struct Transaction<'c> {
    pub(crate) session: Session<'c>,
    pub(crate) settings: &'c Settings,
    /// Where spent nonces lie, as the writer last saw it.
    pub(crate) nonces: &'c mut Ring,
    /// Where the queues begin.
    pub(crate) heads: &'c Heads,
    /// Where jobs were entered among the ready ones.
    pub(crate) entered: Entered,
    pub(crate) effects: Effects,
    pub(crate) counters: Counters,
    /// What was decided, to be kept.
    pub(crate) audit: Audit,
}

/// A function over a transaction.
pub(crate) type WriteFn<I, T> = for<'a> fn(&'a mut Transaction<'_>, &'a I) -> BoxFuture<'a, Result<T, StoreError>>;

/// What the writer sees of an operation, whatever its input and output are.
pub(crate) trait Operation: Send {
    /// Runs it; the output is kept back until [`Operation::answer`].
    fn run<'a>(&'a mut self, transaction: &'a mut Transaction<'_>) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Tells whoever waits: the output after a commit, else the error.
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
}

/// An operation with its input, and its output once it has run.
pub(crate) struct Pending<I, T> {
    /// On whose right it runs, if on anybody's.
    right: Option<Right>,
    input: I,
    function: WriteFn<I, T>,
    /// What the last run came to.
    output: Result<T, StoreError>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<I, T> Pending<I, T> {
    pub(crate) const fn new(
        right: Option<Right>,
        input: I,
        function: WriteFn<I, T>,
        reply: oneshot::Sender<Result<T, StoreError>>,
    ) -> Self {
        Self { right, input, function, output: Err(StoreError::Closed), reply }
    }
}

impl<I: Send + Sync, T: Send> Operation for Pending<I, T> {
    fn run<'a>(&'a mut self, transaction: &'a mut Transaction<'_>) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            // Whoever asked has gone away: leasing jobs to a connection that was cut would only delay them.
            if self.reply.is_closed() {
                return Ok(());
            }
            // No fault of the transaction, which others share: they go on.
            self.output = match &self.right {
                Some(right) if !right.holds(&mut transaction.session).await? => Err(StoreError::RightLost),
                _ => Ok((self.function)(transaction, &self.input).await?),
            };
            Ok(())
        })
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        let Self { output, reply, .. } = *self;
        // Whoever asked may have gone away; what is committed stays.
        let _ = reply.send(committed.and(output));
    }
}
