//! Results on their way to the relay. A result is on the disk before it is reported and stays there until the relay has
//! said what became of it, so that neither a crash here nor a lost answer costs the work.

mod log;
mod record;
mod size;
mod writer;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use protocol::device::{HeldJob, MAX_REPORT_BYTES, MAX_RESULTS, ReportOutcome, ReportedResult};
use tokio::sync::Notify;

use crate::lock;

/// Results that may wait for the relay before no more jobs are pulled: when it takes jobs but no results, stop.
const MAX_WAITING: usize = 1_000;
/// The detail of a result whose evidence the relay refused.
const WITHOUT_EVIDENCE: &str = "the relay refused the evidence; the conclusion is that of the desktop";
/// Bytes of results in one report or pull: half of what the relay takes, the rest for JSON around them.
const MAX_BATCH_BYTES: usize = MAX_REPORT_BYTES / 2;

/// The outbox of one desktop.
pub(crate) struct Outbox {
    queue: Mutex<Queue>,
    writer: writer::Writer,
    changed: Notify,
}

struct Queue {
    waiting: VecDeque<ReportedResult>,
    /// Taken by a report or pull that has not been answered.
    on_the_way: usize,
    /// Results in one batch: fewer while the relay refuses a batch for one of its results, to find which.
    batch: usize,
    /// A long pull is open, so results must go by a report of their own.
    pull_waits: bool,
    /// A pull was refused with results in it: until they are settled, results go by reports, which hold nothing else that
    /// could be to blame.
    suspect: bool,
}

impl Outbox {
    /// Opens the outbox in `folder`; what waited there will be reported again. `folder_lock` is let go after the last write.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn open(folder: &Path, folder_lock: impl Send + 'static) -> io::Result<Self> {
        let (writer, found) = writer::Writer::start(folder, folder_lock)?;
        if !found.is_empty() {
            tracing::info!(results = found.len(), "results of an earlier run wait in the outbox");
        }
        let queue = Queue { waiting: found.into(), on_the_way: 0, batch: MAX_RESULTS, pull_waits: false, suspect: false };
        Ok(Self { queue: Mutex::new(queue), writer, changed: Notify::new() })
    }

    /// Keeps a result; it may be reported once this returns.
    ///
    /// # Errors
    /// When it could not be written. It will be reported all the same: what a crash could cost now is one more attempt.
    pub(crate) async fn keep(&self, result: ReportedResult) -> Result<(), Arc<io::Error>> {
        let written = self.writer.keep(&result).await;
        lock(&self.queue).waiting.push_back(result);
        self.changed.notify_waiters();
        written
    }

    /// Results that the relay has not settled.
    pub(crate) fn len(&self) -> usize {
        let queue = lock(&self.queue);
        queue.len()
    }

    /// Whether so many results wait that no more jobs should be pulled.
    pub(crate) fn is_full(&self) -> bool {
        lock(&self.queue).is_full()
    }

    /// Resolves when something may have changed since it was made.
    pub(crate) fn changed(&self) -> tokio::sync::futures::Notified<'_> {
        self.changed.notified()
    }

    /// The next batch for a pull. When there is none the pull may wait for jobs, and until [`Self::pull_ended`] results
    /// go by a report of their own.
    pub(crate) fn take_for_pull(&self) -> Vec<ReportedResult> {
        let mut queue = lock(&self.queue);
        let batch = if queue.suspect { Vec::new() } else { queue.take() };
        queue.pull_waits = batch.is_empty();
        batch
    }

    /// The pull has ended.
    pub(crate) fn pull_ended(&self) {
        lock(&self.queue).pull_waits = false;
    }

    /// No pull comes for a while that could carry results along: until the next one they go by reports of their own.
    pub(crate) fn no_pull_comes(&self) {
        lock(&self.queue).pull_waits = true;
        self.changed.notify_waiters();
    }

    /// The next batch for a report: empty as long as the next pull will carry results along.
    pub(crate) fn take_for_report(&self) -> Vec<ReportedResult> {
        let mut queue = lock(&self.queue);
        if queue.goes_by_report() { queue.take() } else { Vec::new() }
    }

    /// The next batch for a renewal, whether or not a report might go: while every slot is taken no pull is made that would
    /// carry it.
    pub(crate) fn take_for_renewal(&self) -> Vec<ReportedResult> {
        let mut queue = lock(&self.queue);
        // A renewal that is refused for a result renews nothing.
        if queue.suspect { Vec::new() } else { queue.take() }
    }

    /// The leases of the results that wait: they must not lapse before the results are settled.
    pub(crate) fn leases(&self) -> Vec<HeldJob> {
        lock(&self.queue).waiting.iter().map(|result| HeldJob { job_id: result.job_id, fence: result.fence }).collect()
    }

    /// Whether a report has something to do.
    pub(crate) fn wants_report(&self) -> bool {
        let queue = lock(&self.queue);
        queue.goes_by_report() && !queue.waiting.is_empty()
    }

    /// The next batch, whoever asks: for shutdown.
    pub(crate) fn take(&self) -> Vec<ReportedResult> {
        lock(&self.queue).take()
    }

    /// The batch did not reach the relay, or its answer did not reach us.
    pub(crate) fn put_back(&self, batch: Vec<ReportedResult>) {
        if batch.is_empty() {
            return;
        }
        let mut queue = lock(&self.queue);
        queue.on_the_way -= batch.len();
        for result in batch.into_iter().rev() {
            queue.waiting.push_front(result);
        }
        drop(queue);
        self.changed.notify_waiters();
    }

    /// The relay refused a pull that carried the batch, perhaps for it.
    pub(crate) fn suspected(&self, batch: Vec<ReportedResult>) {
        lock(&self.queue).suspect = true;
        self.put_back(batch);
    }

    /// The relay refused a report of the batch for what one of its results is. Half as many go next time; a single one goes
    /// without its evidence, since without any result its job would be done again and end as not executed. One that is
    /// refused even so is dropped and returned: it would be refused for ever and hold up the rest.
    pub(crate) async fn refused(&self, mut batch: Vec<ReportedResult>) -> Option<ReportedResult> {
        if batch.len() > 1 {
            lock(&self.queue).batch = batch.len() / 2;
            self.put_back(batch);
            return None;
        }
        let dropped = batch.pop()?;
        let without_evidence = dropped.result.without_evidence(WITHOUT_EVIDENCE);
        if dropped.result != without_evidence {
            tracing::warn!(job.id = %dropped.job_id, "the relay refuses this result's evidence; reporting the conclusion alone");
            // On the disk it stays whole: after a crash it is refused, and reduced, once more.
            self.put_back(vec![ReportedResult { result: without_evidence, ..dropped }]);
            return None;
        }
        lock(&self.queue).on_the_way -= 1;
        self.writer.clear(vec![HeldJob { job_id: dropped.job_id, fence: dropped.fence }]).await;
        Some(dropped)
    }

    /// The relay said what became of the batch; whatever that is, the result is forgotten. One without an outcome is
    /// reported again.
    pub(crate) async fn settle(&self, batch: Vec<ReportedResult>, outcomes: &[ReportOutcome]) {
        if batch.is_empty() {
            return;
        }
        let known: HashMap<_, _> = outcomes.iter().map(|outcome| (outcome.job_id, outcome.outcome)).collect();
        let (settled, unsettled): (Vec<_>, Vec<_>) = batch.into_iter().partition(|result| known.contains_key(&result.job_id));
        {
            let mut queue = lock(&self.queue);
            queue.on_the_way -= settled.len();
            queue.batch = (queue.batch * 2).min(MAX_RESULTS);
            queue.suspect &= queue.batch < MAX_RESULTS;
        }
        self.put_back(unsettled);
        let settled = settled.into_iter().map(|result| HeldJob { job_id: result.job_id, fence: result.fence }).collect();
        self.writer.clear(settled).await;
        self.changed.notify_waiters();
    }

    /// Writes what is still to be written.
    pub(crate) async fn close(self) {
        self.writer.close().await;
    }
}

impl Queue {
    fn len(&self) -> usize {
        self.waiting.len() + self.on_the_way
    }

    fn is_full(&self) -> bool {
        self.len() >= MAX_WAITING
    }

    /// While a pull waits, or none is made, or none may carry results.
    fn goes_by_report(&self) -> bool {
        self.pull_waits || self.suspect || self.is_full()
    }

    fn take(&mut self) -> Vec<ReportedResult> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while let Some(result) = self.waiting.front() {
            bytes += size::approximate_bytes(&result.result);
            if batch.len() == self.batch || (bytes > MAX_BATCH_BYTES && !batch.is_empty()) {
                break;
            }
            batch.extend(self.waiting.pop_front());
        }
        self.on_the_way += batch.len();
        batch
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use protocol::device::Outcome;
    use protocol::{JobId, JobResult, UnixMillis};

    use super::*;

    fn result(n: u16) -> ReportedResult {
        let mut random = [0; 10];
        random[8..].copy_from_slice(&n.to_be_bytes());
        let job_id = JobId::new(UnixMillis(1), random);
        ReportedResult { job_id, fence: 1, result: JobResult::not_executed(format!("result {n}"), UnixMillis(1)) }
    }

    fn applied(batch: &[ReportedResult]) -> Vec<ReportOutcome> {
        batch.iter().map(|result| ReportOutcome { job_id: result.job_id, outcome: Outcome::Applied }).collect()
    }

    #[tokio::test]
    async fn a_result_stays_until_the_relay_settled_it() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = Outbox::open(folder.path(), ()).unwrap();
        for n in 0..3 {
            outbox.keep(result(n)).await.unwrap();
        }
        let batch = outbox.take();
        assert_eq!(batch.len(), 3);
        outbox.put_back(batch);
        let batch = outbox.take();
        let outcomes = applied(&batch[..2]);
        outbox.settle(batch, &outcomes).await;
        assert_eq!(outbox.len(), 1, "the one without an outcome is reported again");
        outbox.close().await;
        assert_eq!(Outbox::open(folder.path(), ()).unwrap().take(), [result(2)]);
    }

    #[tokio::test]
    async fn results_go_by_report_only_while_a_pull_waits() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = Outbox::open(folder.path(), ()).unwrap();
        outbox.keep(result(0)).await.unwrap();
        assert!(outbox.take_for_report().is_empty());
        let batch = outbox.take_for_pull();
        assert_eq!(batch.len(), 1);
        outbox.settle(batch, &[]).await;
        let batch = outbox.take_for_pull();
        outbox.settle(batch, &applied(&[result(0)])).await;
        assert!(outbox.take_for_pull().is_empty());
        outbox.keep(result(1)).await.unwrap();
        assert!(outbox.wants_report());
        assert_eq!(outbox.take_for_report().len(), 1);
    }

    #[tokio::test]
    async fn a_renewal_takes_what_no_pull_and_no_report_would() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = Outbox::open(folder.path(), ()).unwrap();
        for n in 0..2 {
            outbox.keep(result(n)).await.unwrap();
        }
        assert!(!outbox.wants_report());
        assert_eq!(outbox.leases().len(), 2);
        let batch = outbox.take_for_renewal();
        assert_eq!((batch.len(), outbox.leases().len()), (2, 0));
        outbox.suspected(batch);
        assert!(outbox.take_for_renewal().is_empty(), "what may be to blame for a refusal goes by reports");
        assert_eq!(outbox.leases().len(), 2);
    }

    #[tokio::test]
    async fn one_poisonous_result_is_found_and_dropped_and_the_rest_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = Outbox::open(folder.path(), ()).unwrap();
        for n in 0..10 {
            outbox.keep(result(n)).await.unwrap();
        }
        let (mut delivered, mut dropped) = (0, Vec::new());
        for _ in 0..50 {
            let batch = outbox.take();
            if batch.iter().any(|one| one.job_id == result(6).job_id) {
                dropped.extend(outbox.refused(batch).await);
            } else {
                delivered += batch.len();
                let outcomes = applied(&batch);
                outbox.settle(batch, &outcomes).await;
            }
        }
        assert_eq!(delivered, 9);
        assert_eq!(dropped.iter().map(|one| one.job_id).collect::<Vec<_>>(), [result(6).job_id]);
        assert_eq!(outbox.len(), 0);
    }

    #[tokio::test]
    async fn large_results_go_in_batches_that_the_relay_takes() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = Outbox::open(folder.path(), ()).unwrap();
        for n in 0..40 {
            let mut large = result(n);
            large.result.hops = vec![protocol::Hop { url: format!("https://a.example/{}", "x".repeat(200_000)), ..Default::default() }];
            outbox.keep(large).await.unwrap();
        }
        let batch = outbox.take();
        assert!(batch.len() < 40 && !batch.is_empty());
        assert!(serde_json::to_vec(&protocol::device::ReportRequest { results: batch }).unwrap().len() < MAX_REPORT_BYTES);
    }

    /// Figures, not a bound: run with `--nocapture`.
    #[tokio::test(flavor = "multi_thread")]
    async fn results_of_many_jobs_share_a_sync() {
        const RESULTS: u16 = 2_000;
        let folder = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let outbox = Arc::new(Outbox::open(folder.path(), ()).unwrap());
        let began = Instant::now();
        let keepers: Vec<_> = (0..64)
            .map(|keeper| {
                let outbox = Arc::clone(&outbox);
                tokio::spawn(async move {
                    for n in (0..RESULTS).filter(|n| n % 64 == keeper) {
                        outbox.keep(result(n)).await.unwrap();
                    }
                })
            })
            .collect();
        for keeper in keepers {
            keeper.await.unwrap();
        }
        let rate = f64::from(RESULTS) / began.elapsed().as_secs_f64();
        println!("{rate:.0} results a second kept durably by 64 at once");
        assert_eq!(outbox.len(), usize::from(RESULTS));
    }
}
