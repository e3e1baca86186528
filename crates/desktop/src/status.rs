//! What the desktop is doing, for people: a snapshot, and a stream of what happens. Nothing here steers anything.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use protocol::device::{LeasedJob, Outcome, ReportedResult};
use protocol::{AccountId, DeviceId, JobId, JobResult};
use resolver::ResolveRequest;
use tokio::sync::broadcast;

use crate::activity::Weight;
use crate::held::RunningJob;
use crate::history::{Checked, Settled};
use crate::lock;
use crate::station::Station;

/// Events that a slow listener may fall behind before it loses some.
const EVENTS: usize = 1_024;

/// A snapshot of one desktop.
#[derive(Clone, Debug)]
pub struct Status {
    /// The relay it works with.
    pub relay_url: String,
    /// Its id.
    pub device_id: DeviceId,
    /// The account it works for.
    pub account: AccountId,
    /// Random per start, for logs: tells two runs of one desktop apart.
    pub run: String,
    /// How it stands with the relay.
    pub connection: Connection,
    /// Whether it takes no new jobs.
    pub paused: bool,
    /// Jobs at once.
    pub slots: usize,
    /// Jobs being resolved, the longest held first.
    pub running: Vec<RunningJob>,
    /// Results that the relay has not settled yet.
    pub unsettled_results: usize,
    /// Counted since the start.
    pub totals: Totals,
}

/// How a desktop stands with its relay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Connection {
    /// Nothing has been answered yet.
    #[default]
    Connecting,
    /// The last request was answered.
    Connected,
    /// The last request failed; the next follows after the pause.
    Retrying {
        /// What failed.
        reason: String,
        /// The pause, as it was drawn.
        pause: Duration,
        /// Whether the relay answers, and will have none of this desktop until a person has done something about it.
        refused: bool,
    },
}

/// Counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Jobs taken up.
    pub leased: u64,
    /// Jobs that came to a result.
    pub resolved: u64,
    /// Results that became their job's result, now or in an earlier report.
    pub applied: u64,
    /// Results that came too late, or for a job that nobody knows.
    pub dropped: u64,
    /// Jobs stopped because their lease was gone.
    pub lost: u64,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The connection changed.
    Connection(Connection),
    /// A job was taken up.
    Leased(LeasedJob),
    /// A job came to a result, which is not reported yet.
    Resolved {
        /// The job.
        job_id: JobId,
        /// What came of it.
        result: JobResult,
    },
    /// The relay settled a result.
    Settled {
        /// The job.
        job_id: JobId,
        /// What the relay did with the result.
        outcome: Outcome,
    },
    /// The relay refuses this result for what it is; it was dropped.
    Dropped {
        /// The job.
        job_id: JobId,
        /// What the relay said.
        reason: String,
    },
    /// A job was stopped because its lease was gone.
    Lost(JobId),
}

/// Keeps the counts and tells the listeners.
pub(crate) struct Journal {
    station: Arc<Station>,
    state: Mutex<(Connection, Totals)>,
    events: broadcast::Sender<Event>,
}

impl Journal {
    pub(crate) fn new(station: Arc<Station>) -> Self {
        Self { station, state: Mutex::default(), events: broadcast::Sender::new(EVENTS) }
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    pub(crate) fn read(&self) -> (Connection, Totals) {
        lock(&self.state).clone()
    }

    pub(crate) fn connection(&self, connection: Connection) {
        let changed = {
            let mut state = lock(&self.state);
            let changed = state.0 != connection;
            state.0 = connection.clone();
            changed
        };
        if changed {
            match &connection {
                Connection::Connecting => {}
                Connection::Connected => {
                    tracing::info!("the relay answers");
                    self.station.note(Weight::Usual, "the relay answers");
                }
                Connection::Retrying { reason, pause, .. } => {
                    tracing::warn!(%reason, pause_ms = pause.as_millis(), "trying the relay again");
                    self.station.note(Weight::Warning, format!("{reason}; trying again in {:.0} s", pause.as_secs_f64()));
                }
            }
            self.tell(Event::Connection(connection));
        }
    }

    pub(crate) fn leased(&self, job: &LeasedJob) {
        lock(&self.state).1.leased += 1;
        tracing::debug!(job.id = %job.job_id, fence = job.fence, "took up a job");
        self.tell(Event::Leased(job.clone()));
    }

    pub(crate) fn resolved(&self, request: ResolveRequest, reported: &ReportedResult) {
        lock(&self.state).1.resolved += 1;
        let result = &reported.result;
        self.station.history.checked(Checked {
            job_id: reported.job_id,
            tracking_url: request.tracking_url,
            expected_domain: request.expected_domain,
            context: request.context,
            result: result.clone(),
        });
        tracing::info!(job.id = %reported.job_id, conclusion = %result.conclusion, hops = result.hops.len(), duration_ms = result.duration_ms, "resolved a job");
        self.tell(Event::Resolved { job_id: reported.job_id, result: result.clone() });
    }

    pub(crate) fn settled(&self, job_id: JobId, outcome: Outcome) {
        {
            let totals = &mut lock(&self.state).1;
            match outcome {
                Outcome::Applied | Outcome::Duplicate => totals.applied += 1,
                Outcome::Superseded | Outcome::Unknown => totals.dropped += 1,
            }
        }
        self.station.history.settled(job_id, Settled::Outcome(outcome));
        tracing::debug!(job.id = %job_id, ?outcome, "the relay settled a result");
        self.tell(Event::Settled { job_id, outcome });
    }

    pub(crate) fn dropped(&self, job_id: JobId, reason: String) {
        lock(&self.state).1.dropped += 1;
        self.station.history.settled(job_id, Settled::Refused(reason.clone()));
        tracing::error!(job.id = %job_id, %reason, "the relay refuses this result; dropped it");
        self.station.note(Weight::Error, format!("the relay refuses the result of {job_id}: {reason}"));
        self.tell(Event::Dropped { job_id, reason });
    }

    pub(crate) fn lost(&self, jobs: &[JobId], why: &'static str) {
        for &job_id in jobs {
            lock(&self.state).1.lost += 1;
            tracing::info!(job.id = %job_id, why, "stopped a job");
            self.station.note(Weight::Warning, format!("stopped {job_id}: {why}"));
            self.tell(Event::Lost(job_id));
        }
    }

    fn tell(&self, event: Event) {
        self.station.has_news();
        // Nobody listening is the normal case.
        let _ = self.events.send(event);
    }
}
