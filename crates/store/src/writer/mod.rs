//! Writers, with group commit: each takes whatever has queued while its last commit ran, runs it in one transaction,
//! commits, and only then answers. No timer: an idle writer commits a lone operation at once, a busy one shares each
//! commit among many.

mod batch;
pub(crate) mod postgres;
pub(crate) mod sqlite;

use std::sync::Arc;

use protocol::{AccountId, DeviceId};
use tokio::sync::mpsc;

use crate::admission::PendingAdmission;
use crate::desk::PendingPull;
use crate::error::StoreError;
use crate::heads::Heads;
use crate::health::WriteFailure;
use crate::nonce::Ring;
use crate::operation::Operation;
use crate::settings::Settings;
use crate::turns::{Bounds, Entry, NOBODY, Turns};
use crate::wake::Wake;

/// Operations that may wait for one writer. At 50,000 a second this is a tenth of a second's work: whoever comes later
/// is better told to come again.
const QUEUE_LENGTH: usize = 4_096;

/// Work of one transaction, in jobs: some milliseconds, which everyone in it waits for.
const ROOM: usize = 64;

/// What operations are worth whose statements wait for each other: eight to a transaction.
const WORK_OF_OTHERS: usize = ROOM / 8;

/// What the queue before so many writers bounds.
const fn bounds(writers: usize) -> Bounds {
    Bounds { servers: writers, waiting: QUEUE_LENGTH, room: ROOM }
}

/// What can be asked of a writer.
pub(crate) enum Command {
    /// Admissions are batched among themselves: one statement serves many.
    Admit(Box<PendingAdmission>),
    /// So are pulls and reports.
    Pull(Box<PendingPull>),
    /// Everything else runs one after the other.
    Run(Box<dyn Operation>),
    /// Finish what has queued, then end.
    Close,
}

/// What a writer has beside its connection.
pub(crate) struct Means {
    settings: Arc<Settings>,
    wake: Arc<Wake>,
    nonces: Ring,
    heads: Heads,
    failure: Arc<WriteFailure>,
}

impl Means {
    fn new(settings: &Arc<Settings>, wake: &Arc<Wake>, heads: Heads, failure: &Arc<WriteFailure>) -> Self {
        let (settings, wake, failure) = (Arc::clone(settings), Arc::clone(wake), Arc::clone(failure));
        Self { settings, wake, nonces: Ring::default(), heads, failure }
    }
}

/// The queues before the writers.
#[derive(Debug)]
pub(crate) struct Lanes {
    /// Accounts are spread over these by hash, so that an account's admissions meet in one batch.
    admissions: Vec<mpsc::Sender<Command>>,
    operations: Operations,
    failure: Arc<WriteFailure>,
}

/// The queue of everything else.
#[derive(Debug)]
enum Operations {
    /// On SQLite the one writer serves all in the order in which they come.
    Lane(mpsc::Sender<Command>),
    /// On PostgreSQL accounts take turns.
    Turns(Arc<Turns<Command>>),
}

impl Lanes {
    /// Queues an admission, or says at once that there is no room.
    pub(crate) fn admit(&self, account: AccountId, admission: PendingAdmission) -> Result<(), StoreError> {
        // The last bytes of an id are random.
        let lane = usize::from(account.as_bytes()[15]) % self.admissions.len();
        queue(&self.admissions[lane], Command::Admit(Box::new(admission)))
    }

    /// Queues a pull, or says at once that there is no room.
    pub(crate) fn pull(&self, pull: PendingPull) -> Result<(), StoreError> {
        let order = &pull.order;
        let work = 1 + order.results.len() + usize::try_from(order.max).unwrap_or(usize::MAX);
        let (account, device) = (order.account, Some(order.device));
        self.operations.put(account, device, work, Command::Pull(Box::new(pull)))
    }

    /// Queues an operation of an account, or of none, or says at once that there is no room.
    pub(crate) fn run(&self, account: Option<AccountId>, operation: Box<dyn Operation>) -> Result<(), StoreError> {
        self.operations.put(account.unwrap_or(NOBODY), None, WORK_OF_OTHERS, Command::Run(operation))
    }

    /// Queues an operation of a device behind whatever the device has asked for before, or says at once that there is no
    /// room.
    pub(crate) fn run_for(&self, account: AccountId, device: DeviceId, operation: Box<dyn Operation>) -> Result<(), StoreError> {
        self.operations.put(account, Some(device), WORK_OF_OTHERS, Command::Run(operation))
    }

    /// Asks every writer to finish what has queued and end.
    pub(crate) async fn close(&self) {
        for lane in &self.admissions {
            let _ = lane.send(Command::Close).await;
        }
        if let Operations::Turns(turns) = &self.operations {
            turns.close();
        }
    }

    /// Whether a writer has ended.
    pub(crate) fn is_closed(&self) -> bool {
        let is_closed = match &self.operations {
            Operations::Lane(lane) => lane.is_closed(),
            Operations::Turns(turns) => turns.is_closed(),
        };
        is_closed || self.admissions.iter().any(mpsc::Sender::is_closed)
    }

    /// What the writers last failed with.
    pub(crate) fn failure(&self) -> &WriteFailure {
        &self.failure
    }

    /// Operations that wait.
    pub(crate) fn queued(&self) -> usize {
        let others = match &self.operations {
            // The same lane as that of admissions.
            Operations::Lane(_) => 0,
            Operations::Turns(turns) => turns.waiting(),
        };
        self.admissions.iter().map(|lane| lane.max_capacity() - lane.capacity()).sum::<usize>() + others
    }
}

impl Operations {
    fn put(&self, account: AccountId, device: Option<DeviceId>, work: usize, command: Command) -> Result<(), StoreError> {
        match self {
            Self::Lane(lane) => queue(lane, command),
            Self::Turns(turns) => turns.put(Entry { account, asker: None, device, work, command }),
        }
    }
}

fn queue(lane: &mpsc::Sender<Command>, command: Command) -> Result<(), StoreError> {
    lane.try_send(command).map_err(|refused| match refused {
        mpsc::error::TrySendError::Full(_) => StoreError::Overloaded,
        mpsc::error::TrySendError::Closed(_) => StoreError::Closed,
    })
}
