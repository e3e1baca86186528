//! What this machine has checked lately, for its owner: on the disk beside the outbox, bounded, and there without a relay.
//! Nothing rests on it: a line that is lost, or a disk that is full, costs a line of the list.

mod record;
mod segment;

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};

use protocol::JobId;

use crate::lock;
use record::{Record, RecordRef};
use segment::{Place, Segments};

pub(crate) use record::{Checked, Settled, Summary};

/// Lines that wait for the disk; past them they are dropped, so that no job waits for its history.
const ORDERS: usize = 1_024;

enum Order {
    Checked(Box<Checked>),
    Settled(JobId, Settled),
    Clear(SyncSender<io::Result<()>>),
}

/// The history of one data folder.
pub(crate) struct History {
    folder: PathBuf,
    list: Arc<Mutex<List>>,
    orders: SyncSender<Order>,
}

/// Oldest first.
type List = VecDeque<(Summary, Place)>;

impl History {
    /// Reads what is there and starts the thread that writes.
    ///
    /// # Errors
    /// What the file system says. Lines that cannot be read are passed over.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        let mut list = List::new();
        let segments = Segments::open(folder, |place, line| match serde_json::from_slice(line) {
            Ok(Record::Checked(checked)) => {
                list.push_back((Summary::of(&checked), place));
                true
            }
            Ok(Record::Settled { job_id, settled }) => {
                settle(&mut list, job_id, settled);
                false
            }
            Err(_) => false,
        })?;
        let list = Arc::new(Mutex::new(list));
        let (orders, queue) = sync_channel(ORDERS);
        let written = Arc::clone(&list);
        std::thread::Builder::new().name("history".to_owned()).spawn(move || write(segments, &written, &queue))?;
        Ok(Self { folder: folder.to_owned(), list, orders })
    }

    /// Notes a job that came to a result.
    pub(crate) fn checked(&self, checked: Checked) {
        self.order(Order::Checked(Box::new(checked)));
    }

    /// Notes what became of its result.
    pub(crate) fn settled(&self, job_id: JobId, settled: Settled) {
        self.order(Order::Settled(job_id, settled));
    }

    /// The jobs from the newest on: `count` of them after the first `skip`. Also how many there are.
    pub(crate) fn page(&self, skip: usize, count: usize) -> (Vec<Summary>, usize) {
        let list = lock(&self.list);
        (list.iter().rev().skip(skip).take(count).map(|(summary, _)| summary.clone()).collect(), list.len())
    }

    /// One job with its whole result; its newest one, when it ran more than once.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn job(&self, job_id: JobId) -> io::Result<Option<(Checked, Option<Settled>)>> {
        let found = lock(&self.list).iter().rev().find(|(summary, _)| summary.job_id == job_id).cloned();
        let Some((summary, place)) = found else { return Ok(None) };
        let Some(line) = segment::read(&self.folder, place)? else { return Ok(None) };
        match serde_json::from_slice(&line).map_err(io::Error::other)? {
            Record::Checked(checked) => Ok(Some((checked, summary.settled))),
            Record::Settled { .. } => Ok(None),
        }
    }

    /// Forgets everything, here and on the disk. Waits for the disk.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn clear(&self) -> io::Result<()> {
        let (done, cleared) = sync_channel(1);
        let gone = |_| io::Error::other("the history's thread has ended");
        self.orders.send(Order::Clear(done)).map_err(|_| io::Error::other("the history's thread has ended"))?;
        cleared.recv().map_err(gone)?
    }

    fn order(&self, order: Order) {
        if self.orders.try_send(order).is_err() {
            tracing::debug!("the history is behind: a line of it is dropped");
        }
    }
}

impl std::fmt::Debug for History {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("History").field("folder", &self.folder).finish_non_exhaustive()
    }
}

fn write(mut segments: Segments, list: &Mutex<List>, queue: &Receiver<Order>) {
    while let Ok(order) = queue.recv() {
        let written = match order {
            Order::Checked(checked) => append(&mut segments, &RecordRef::Checked(&checked)).map(|(place, gone)| {
                let mut list = lock(list);
                list.retain(|(_, place)| gone.is_none_or(|gone| place.segment >= gone));
                list.push_back((Summary::of(&checked), place));
            }),
            Order::Settled(job_id, settled) => append(&mut segments, &RecordRef::Settled { job_id, settled: &settled }).map(|(_, gone)| {
                let mut list = lock(list);
                list.retain(|(_, place)| gone.is_none_or(|gone| place.segment >= gone));
                settle(&mut list, job_id, settled);
            }),
            Order::Clear(done) => {
                let cleared = segments.clear();
                lock(list).clear();
                // Whoever asked may have gone.
                let _ = done.send(cleared);
                Ok(())
            }
        };
        if let Err(error) = written {
            tracing::warn!(%error, "a line of the history could not be written");
        }
    }
}

fn append(segments: &mut Segments, record: &RecordRef<'_>) -> io::Result<(Place, Option<u64>)> {
    let mut line = serde_json::to_vec(record).map_err(io::Error::other)?;
    line.push(b'\n');
    segments.append(&line, matches!(record, RecordRef::Checked(_)))
}

fn settle(list: &mut List, job_id: JobId, settled: Settled) {
    // A result is settled soon after it was made.
    if let Some((summary, _)) = list.iter_mut().rev().find(|(summary, _)| summary.job_id == job_id) {
        summary.settled = Some(settled);
    }
}

#[cfg(test)]
mod tests {
    use protocol::device::Outcome;
    use protocol::{Context, JobResult, UnixMillis};

    use super::*;

    fn checked(n: u32) -> Checked {
        let mut random = [0; 10];
        random[..4].copy_from_slice(&n.to_be_bytes());
        Checked {
            job_id: JobId::new(UnixMillis(1), random),
            tracking_url: format!("https://trk.example/{n}"),
            expected_domain: None,
            context: Context::default(),
            result: JobResult::not_executed(format!("job {n}"), UnixMillis(i64::from(n))),
        }
    }

    /// Waits until the thread has come to this job.
    fn until_listed(history: &History, newest: u32) {
        let began = std::time::Instant::now();
        while history.page(0, 1).0.first().map(|summary| summary.job_id) != Some(checked(newest).job_id) {
            assert!(began.elapsed().as_secs() < 20, "{} are listed", history.page(0, 1).1);
            std::thread::yield_now();
        }
    }

    #[test]
    fn jobs_and_what_became_of_them_are_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let history = History::open(folder.path()).unwrap();
        for n in 1..=3 {
            history.checked(checked(n));
        }
        history.settled(checked(2).job_id, Settled::Outcome(Outcome::Applied));
        history.checked(checked(4));
        until_listed(&history, 4);
        drop(history);
        let history = History::open(folder.path()).unwrap();
        let (page, total) = history.page(1, 2);
        assert_eq!((page.len(), total), (2, 4));
        assert_eq!(page[0].job_id, checked(3).job_id);
        assert_eq!(page[1].settled, Some(Settled::Outcome(Outcome::Applied)));
        assert_eq!(history.job(checked(1).job_id).unwrap().unwrap().0, checked(1));
        assert!(history.job(checked(9).job_id).unwrap().is_none());
    }

    #[test]
    fn a_torn_line_costs_only_itself() {
        let folder = tempfile::tempdir().unwrap();
        let history = History::open(folder.path()).unwrap();
        history.checked(checked(1));
        until_listed(&history, 1);
        drop(history);
        let path = folder.path().join("history-1.log");
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.extend_from_slice(br#"{"checked":{"jobId":"#);
        std::fs::write(&path, bytes).unwrap();
        let history = History::open(folder.path()).unwrap();
        history.checked(checked(2));
        until_listed(&history, 2);
        assert_eq!(History::open(folder.path()).unwrap().page(0, 9).1, 2);
        assert_eq!(history.job(checked(2).job_id).unwrap().unwrap().0, checked(2));
    }

    #[test]
    fn what_lies_on_the_disk_is_bounded_and_the_newest_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let history = History::open(folder.path()).unwrap();
        let last = u32::try_from(segment::FULL_JOBS * 3 + 1).unwrap();
        for n in 1..=last {
            // Paced by the list: the test wants every line, where a desktop would drop some.
            history.orders.send(Order::Checked(Box::new(checked(n)))).unwrap();
        }
        until_listed(&history, last);
        assert_eq!(history.page(0, 1).1, segment::FULL_JOBS + 1);
        let files = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(files, 2);
        assert_eq!(History::open(folder.path()).unwrap().page(0, 1).1, segment::FULL_JOBS + 1);
    }

    #[test]
    fn a_history_that_is_cleared_is_gone_from_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let history = History::open(folder.path()).unwrap();
        history.checked(checked(1));
        history.clear().unwrap();
        assert_eq!(history.page(0, 9).1, 0);
        history.checked(checked(2));
        until_listed(&history, 2);
        let texts: Vec<String> =
            std::fs::read_dir(folder.path()).unwrap().map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect();
        assert!(!texts.concat().contains("trk.example/1"));
    }
}
