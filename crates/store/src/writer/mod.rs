//! Writers, with group commit: each takes whatever has queued while its last commit ran, runs it in one transaction,
//! commits, and only then answers. No timer: an idle writer commits a lone operation at once, a busy one shares each
//! commit among many.

mod batch;
pub(crate) mod postgres;
pub(crate) mod sqlite;

use std::sync::atomic::{AtomicUsize, Ordering};

use protocol::{AccountId, DeviceId};
use tokio::sync::mpsc;

use crate::admission::PendingAdmission;
use crate::error::StoreError;
use crate::operation::Operation;

/// Operations that may wait for one writer. At 50,000 a second this is a tenth of a second's work: whoever comes later
/// is better told to come again.
const QUEUE_LENGTH: usize = 4_096;

/// What can be asked of a writer.
pub(crate) enum Command {
    /// Admissions are batched among themselves: one statement serves many.
    Admit(Box<PendingAdmission>),
    /// Everything else runs one after the other.
    Run(Box<dyn Operation>),
    /// Finish what has queued, then end.
    Close,
}

/// The queues before the writers.
#[derive(Debug)]
pub(crate) struct Lanes {
    /// Accounts are spread over these by hash, so that an account's admissions meet in one batch.
    admissions: Vec<mpsc::Sender<Command>>,
    /// Everything else takes turns over these.
    operations: Vec<mpsc::Sender<Command>>,
    turn: AtomicUsize,
}

impl Lanes {
    fn new(admissions: Vec<mpsc::Sender<Command>>, operations: Vec<mpsc::Sender<Command>>) -> Self {
        Self { admissions, operations, turn: AtomicUsize::new(0) }
    }

    /// Queues an admission, or says at once that there is no room.
    pub(crate) fn admit(&self, account: AccountId, admission: PendingAdmission) -> Result<(), StoreError> {
        // The last bytes of an id are random.
        let lane = usize::from(account.as_bytes()[15]) % self.admissions.len();
        queue(&self.admissions[lane], Command::Admit(Box::new(admission)))
    }

    /// Queues an operation, or says at once that there is no room.
    pub(crate) fn run(&self, operation: Box<dyn Operation>) -> Result<(), StoreError> {
        let lane = self.turn.fetch_add(1, Ordering::Relaxed) % self.operations.len();
        queue(&self.operations[lane], Command::Run(operation))
    }

    /// Queues an operation of a device, or says at once that there is no room. A device's operations keep their order:
    /// a pull that repeats another must find what that one has leased.
    pub(crate) fn run_for(&self, device: DeviceId, operation: Box<dyn Operation>) -> Result<(), StoreError> {
        let lane = usize::from(device.as_bytes()[15]) % self.operations.len();
        queue(&self.operations[lane], Command::Run(operation))
    }

    /// Asks every writer to finish what has queued and end.
    pub(crate) async fn close(&self) {
        for lane in self.admissions.iter().chain(&self.operations) {
            let _ = lane.send(Command::Close).await;
        }
    }

    /// Whether a writer has ended.
    pub(crate) fn is_closed(&self) -> bool {
        self.admissions.iter().chain(&self.operations).any(mpsc::Sender::is_closed)
    }

    /// Operations that wait.
    pub(crate) fn queued(&self) -> usize {
        // On SQLite the two are one lane.
        let others = self.operations.iter().filter(|lane| !self.admissions.iter().any(|known| known.same_channel(lane)));
        self.admissions.iter().chain(others).map(|lane| lane.max_capacity() - lane.capacity()).sum()
    }
}

fn queue(lane: &mpsc::Sender<Command>, command: Command) -> Result<(), StoreError> {
    lane.try_send(command).map_err(|refused| match refused {
        mpsc::error::TrySendError::Full(_) => StoreError::Overloaded,
        mpsc::error::TrySendError::Closed(_) => StoreError::Closed,
    })
}
