//! One run of a desktop: what its loops share.

use std::sync::Arc;
use std::time::Duration;

use protocol::device::{PullAnswer, PullRequest, ReportOutcome, ReportedResult};
use protocol::{Clock, PollId};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::gate::Gate;
use crate::held::Held;
use crate::link_file::Link;
use crate::outbox::Outbox;
use crate::relay_client::{ANSWER_TIMEOUT, CallError, RelayClient};
use crate::station::Station;
use crate::status::{Connection, Journal, Status};

/// The pause after a refusal that only a person can mend, such as a device that was revoked.
const PAUSE_WHEN_UNWELCOME: Duration = Duration::from_secs(60);

/// What the loops of one run share.
pub(crate) struct Run {
    /// Random per start. Never a host name: it goes into logs that are passed around.
    pub(crate) id: String,
    pub(crate) client: RelayClient,
    pub(crate) held: Held,
    pub(crate) outbox: Outbox,
    pub(crate) gate: Gate,
    pub(crate) journal: Journal,
    pub(crate) station: Arc<Station>,
    pub(crate) link: Link,
    pub(crate) clock: Arc<dyn Clock>,
    /// Shutdown has begun.
    pub(crate) stopping: CancellationToken,
    /// Open requests are given up and made again: the machine slept, or the connection is dead.
    pub(crate) redial: Notify,
    /// The version of the key inventory that the relay told last.
    pub(crate) keys_version: watch::Sender<Option<u64>>,
    /// The work on jobs.
    pub(crate) work: TaskTracker,
}

/// How a request to the relay ended.
pub(crate) enum Ended<A> {
    /// With an answer, so many after it was sent.
    Answered(A, Duration),
    /// Without one that could be used; the gate knows how long to wait.
    Failed(CallError),
    /// It was given up here, to be made again.
    GivenUp,
}

impl Run {
    /// What it is doing.
    pub(crate) fn status(&self) -> Status {
        let (connection, totals) = self.journal.read();
        Status {
            relay_url: self.station.relay_url.to_string(),
            device_id: self.link.device_id,
            account: self.link.account,
            run: self.id.clone(),
            connection,
            paused: self.station.pausing.is_paused(),
            slots: self.held.slots(),
            running: self.held.describe(Instant::now()),
            unsettled_results: self.outbox.len(),
            totals,
        }
    }

    /// Whether the last request was answered.
    pub(crate) fn is_connected(&self) -> bool {
        matches!(self.journal.read().0, Connection::Connected)
    }

    pub(crate) fn new_poll_id(&self) -> PollId {
        PollId::random(self.clock.now())
    }

    /// Returns when the relay may be dialled and there is `something` to dial it for. Looked at again when the jobs held or
    /// the outbox change, and `at` the instant that is due next.
    pub(crate) async fn until_ready(&self, something: impl Fn() -> bool, at: impl Fn() -> Option<Instant>) {
        loop {
            self.gate.open().await;
            let (held, outbox) = (self.held.changed(), self.outbox.changed());
            tokio::pin!(held, outbox);
            // Before looking: a change between the look and the wait would be missed.
            held.as_mut().enable();
            outbox.as_mut().enable();
            if something() {
                return;
            }
            tokio::select! {
                () = held => {}
                () = outbox => {}
                () = sleep_until(at()) => {}
            }
        }
    }

    /// Sends a pull that waits up to `wait` and applies everything in its answer but the new jobs.
    pub(crate) async fn pull(&self, mut request: PullRequest, results: Vec<ReportedResult>, wait: Duration) -> Ended<PullAnswer> {
        request.results = results;
        let (sent, sent_at) = (Instant::now(), self.clock.now());
        let call = self.client.post::<PullAnswer>("/api/device/pull", &request, wait + ANSWER_TIMEOUT);
        let ended = tokio::select! {
            biased;
            // A pull that asks for jobs is given up by whoever pauses the desktop; one that renews leases goes on.
            () = self.station.pausing.paused(), if request.max > 0 => Ended::GivenUp,
            ended = self.until_redial(call) => ended,
        };
        let results = std::mem::take(&mut request.results);
        match ended {
            Ended::Answered(answer, took) => {
                // An answer that lay unread while the machine slept tells the time of another day.
                let by_wall = self.clock.now().0.saturating_sub(sent_at.0);
                if (0..=i64::try_from((wait + ANSWER_TIMEOUT).as_millis()).unwrap_or(i64::MAX)).contains(&by_wall) {
                    self.client.set_relay_time(answer.server_time);
                }
                // Whoever follows the keys may have ended, at shutdown.
                self.keys_version.send_replace(answer.keys_version);
                let lost = self.held.lost(&answer.lost, &request.running);
                self.journal.lost(&lost, "the relay has taken it back");
                // Leases were extended when the pull arrived. After a long wait that is too long ago to count from here.
                if took <= ANSWER_TIMEOUT {
                    self.held.renewed(&request.running, sent, Instant::now(), answer.lease_seconds);
                }
                self.settled(results, &answer.outcomes).await;
                Ended::Answered(answer, took)
            }
            Ended::Failed(error) => {
                self.pull_failed(&error, results);
                Ended::Failed(error)
            }
            Ended::GivenUp => {
                self.outbox.put_back(results);
                Ended::GivenUp
            }
        }
    }

    /// Waits for an answer unless shutdown or a redial comes first.
    pub(crate) async fn until_redial<A>(&self, call: impl Future<Output = Result<A, CallError>>) -> Ended<A> {
        let sent = Instant::now();
        tokio::select! {
            biased;
            () = self.stopping.cancelled() => Ended::GivenUp,
            () = self.redial.notified() => Ended::GivenUp,
            ended = call => match ended {
                Ok(answer) => {
                    self.gate.open_now();
                    self.journal.connection(Connection::Connected);
                    Ended::Answered(answer, sent.elapsed())
                }
                Err(error) => Ended::Failed(error),
            },
        }
    }

    /// The relay told what became of `results`.
    pub(crate) async fn settled(&self, results: Vec<ReportedResult>, outcomes: &[ReportOutcome]) {
        for outcome in outcomes.iter().filter(|outcome| results.iter().any(|result| result.job_id == outcome.job_id)) {
            self.journal.settled(outcome.job_id, outcome.outcome);
        }
        self.outbox.settle(results, outcomes).await;
    }

    /// A pull that carried `results` failed.
    fn pull_failed(&self, error: &CallError, results: Vec<ReportedResult>) {
        if is_about_content(error) && !results.is_empty() {
            // The relay answers; what it says of the results alone will show whether they are to blame.
            self.gate.open_now();
            self.outbox.suspected(results);
        } else {
            self.outbox.put_back(results);
            self.pause(error);
        }
    }

    /// A report of `results` failed.
    pub(crate) async fn report_failed(&self, error: &CallError, results: Vec<ReportedResult>) {
        if is_about_content(error) {
            self.gate.open_now();
            if let Some(dropped) = self.outbox.refused(results).await {
                self.journal.dropped(dropped.job_id, error.to_string());
            }
        } else {
            self.outbox.put_back(results);
            self.pause(error);
        }
    }

    fn pause(&self, error: &CallError) {
        let unwelcome = error.refusal().is_some_and(|refusal| matches!(refusal.status, 400..=404)).then_some(PAUSE_WHEN_UNWELCOME);
        let pause = self.gate.failed(error.retry_after().or(unwelcome));
        self.journal.connection(Connection::Retrying { reason: error.to_string(), pause, refused: unwelcome.is_some() });
    }
}

/// For ever, when there is nothing to wait for.
pub(crate) async fn sleep_until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

/// Whether the relay refused a message for what it says: the same again would be refused again.
fn is_about_content(error: &CallError) -> bool {
    error.refusal().is_some_and(|refusal| matches!(refusal.status, 400 | 413 | 422))
}
