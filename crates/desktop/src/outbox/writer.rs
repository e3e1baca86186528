//! The outbox's thread: whatever has queued while the last sync ran goes to the disk together (group commit), so that
//! the disk's sync time bounds the wait of a result and not how many there are.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use protocol::device::{HeldJob, ReportedResult};
use tokio::sync::{mpsc, oneshot};

use super::log::Log;
use super::record;

/// Orders that wait for the thread; past them whoever keeps a result waits its turn.
const ORDERS: usize = 1_024;
/// Bytes written before one sync.
const MAX_BATCH_BYTES: usize = 8 * 1_024 * 1_024;

enum Order {
    Keep { line: Vec<u8>, done: oneshot::Sender<Result<(), Arc<io::Error>>> },
    Clear(Vec<HeldJob>),
}

pub(super) struct Writer {
    orders: mpsc::Sender<Order>,
    thread: JoinHandle<()>,
}

impl Writer {
    /// Opens the file in `folder` and starts the thread, which keeps `folder_lock` to its end; also what waited in the file.
    pub(super) fn start(folder: &Path, folder_lock: impl Send + 'static) -> io::Result<(Self, Vec<ReportedResult>)> {
        let (log, results) = Log::open(folder)?;
        let (orders, queue) = mpsc::channel(ORDERS);
        let thread = std::thread::Builder::new().name("outbox".to_owned()).spawn(move || {
            run(log, queue);
            drop(folder_lock);
        })?;
        Ok((Self { orders, thread }, results))
    }

    /// Returns once the result is on the disk.
    pub(super) async fn keep(&self, result: &ReportedResult) -> Result<(), Arc<io::Error>> {
        let line = record::kept_line(result).map_err(|error| Arc::new(error.into()))?;
        let (done, written) = oneshot::channel();
        let gone = || Arc::new(io::Error::other("the outbox's thread has ended"));
        self.orders.send(Order::Keep { line, done }).await.map_err(|_| gone())?;
        written.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Forgets results. Not waited for: a clear that is lost means one report more, to no harm.
    pub(super) async fn clear(&self, jobs: Vec<HeldJob>) {
        // An ended thread has told its story to whoever keeps results.
        let _ = self.orders.send(Order::Clear(jobs)).await;
    }

    /// Waits until everything ordered so far has been written.
    pub(super) async fn close(self) {
        drop(self.orders);
        let thread = self.thread;
        if tokio::task::spawn_blocking(move || thread.join()).await.is_err() {
            tracing::error!("the outbox's thread could not be waited for");
        }
    }
}

fn run(mut log: Log, mut queue: mpsc::Receiver<Order>) {
    let (mut lines, mut waiting) = (Vec::new(), Vec::new());
    while let Some(first) = queue.blocking_recv() {
        let mut cleared = 0;
        let mut next = Some(first);
        while let Some(order) = next {
            match order {
                Order::Keep { line, done } => {
                    lines.extend(line);
                    waiting.push(done);
                }
                Order::Clear(jobs) => {
                    cleared += jobs.len();
                    lines.extend(jobs.into_iter().filter_map(|job| record::cleared_line(job).ok()).flatten());
                }
            }
            next = if lines.len() < MAX_BATCH_BYTES { queue.try_recv().ok() } else { None };
        }
        let ended = log.append(&lines, waiting.len(), cleared).map_err(Arc::new);
        if let Err(error) = &ended {
            tracing::error!(%error, results = waiting.len(), "could not write the outbox");
        }
        for done in waiting.drain(..) {
            // Nobody waits any more when the desktop is being stopped.
            let _ = done.send(ended.clone());
        }
        lines.clear();
    }
}
