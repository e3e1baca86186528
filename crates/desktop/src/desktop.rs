//! A running desktop: opened, linked, at work, shut down.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use protocol::device::{MAX_HELD_JOBS, PullAnswer, PullRequest, ReleaseAnswer, ReleaseRequest, ReportAnswer, ReportRequest};
use protocol::{AccountId, DeviceId};
use tokio::sync::{Notify, broadcast};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::gate::Gate;
use crate::held::Held;
use crate::keys::{Keys, KeysError};
use crate::link_file::Link;
use crate::linking::{self, LinkError};
use crate::outbox::Outbox;
use crate::relay_client::{CallError, RelayClient, Url, parse_relay_url};
use crate::run::Run;
use crate::status::{Event, Journal, Status};
use crate::{device_key, private_file, pull, upkeep};

/// Held while a desktop works in a data folder: two would share one outbox and hold each other's jobs.
const LOCK: &str = "desktop.lock";
/// What shutdown may take for each of its requests. A relay that is away is not waited for: leases end by themselves.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(3);
/// How long stopped work may take to end. It is dropped at its next wait, so this only guards against a busy loop.
const WORK_ENDS_WITHIN: Duration = Duration::from_secs(3);

/// Why a desktop did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The relay's address is none.
    #[error("{0}")]
    RelayUrl(String),
    /// Key, link, outbox or the folder itself cannot be read or written.
    #[error("data folder {folder}: {source}")]
    DataDir {
        /// The folder.
        folder: PathBuf,
        /// What the file system says.
        source: io::Error,
    },
    /// Another desktop works in this folder.
    #[error("another desktop is running in {0}")]
    InUse(PathBuf),
    /// It could not be linked.
    #[error("not linked: {0}")]
    Link(#[from] LinkError),
    /// TLS cannot be set up.
    #[error(transparent)]
    Client(#[from] CallError),
}

/// A desktop at work. Dropping it stops everything without a farewell: its leases then end by themselves.
pub struct Desktop {
    run: Arc<Run>,
    link: Link,
    relay_url: Url,
    data_dir: PathBuf,
    pulling: JoinHandle<Option<PullRequest>>,
    others: TaskTracker,
    /// Stops the loops and the work when the desktop is dropped.
    _stops: DropGuard,
}

impl Desktop {
    /// Opens the data folder, links the desktop if it is not linked yet (which takes as long as the operator does), and
    /// goes to work. A relay that is away at the time is waited for.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let relay_url = parse_relay_url(&config.relay_url).map_err(StartError::RelayUrl)?;
        let in_folder = |source| StartError::DataDir { folder: config.data_dir.clone(), source };
        private_file::create_folder(&config.data_dir).map_err(in_folder)?;
        let lock = lock_folder(&config)?;
        let key = device_key::load_or_create(&config.data_dir).map_err(in_folder)?;
        let link = match Link::load(&config.data_dir).map_err(in_folder)? {
            Some(link) => link,
            None => {
                let client = RelayClient::new(relay_url.clone(), None, Arc::clone(&config.clock))?;
                let linked = linking::link(&client, &key.public(), &config.name, &*config.on_link).await?;
                let link = Link {
                    relay_url: relay_url.to_string(),
                    device_id: linked.device_id,
                    account: linked.account,
                    linked_at: config.clock.now(),
                };
                link.store(&config.data_dir).map_err(in_folder)?;
                tracing::info!(device.id = %link.device_id, account = %link.account, "linked");
                link
            }
        };
        let stopping = CancellationToken::new();
        let run = Arc::new(Run {
            id: data_encoding::HEXLOWER.encode(&protocol::secret::random_bytes::<8>()),
            client: RelayClient::new(relay_url.clone(), Some((key, link.device_id)), Arc::clone(&config.clock))?,
            held: Held::new(config.concurrency, stopping.clone()),
            outbox: Outbox::open(&config.data_dir, lock).map_err(in_folder)?,
            gate: Gate::new(),
            journal: Journal::new(),
            resolver: config.resolver,
            clock: config.clock,
            stopping: stopping.clone(),
            redial: Notify::new(),
            work: TaskTracker::new(),
        });
        tracing::info!(device.id = %link.device_id, run = %run.id, relay = %relay_url, slots = run.held.slots(), "at work");
        let others = TaskTracker::new();
        others.spawn(upkeep::renew_and_report(Arc::clone(&run)));
        others.spawn(upkeep::stop_ended_work(Arc::clone(&run)));
        others.spawn(upkeep::watch(Arc::clone(&run)));
        others.close();
        let pulling = tokio::spawn(pull::bring_jobs(Arc::clone(&run)));
        Ok(Self { run, link, relay_url, data_dir: config.data_dir, pulling, others, _stops: stopping.drop_guard() })
    }

    /// The desktop's id.
    #[must_use]
    pub fn device_id(&self) -> DeviceId {
        self.link.device_id
    }

    /// The account that it works for.
    #[must_use]
    pub fn account(&self) -> AccountId {
        self.link.account
    }

    /// What it is doing.
    #[must_use]
    pub fn status(&self) -> Status {
        let (connection, totals) = self.run.journal.read();
        Status {
            relay_url: self.relay_url.to_string(),
            device_id: self.link.device_id,
            account: self.link.account,
            run: self.run.id.clone(),
            connection,
            slots: self.run.held.slots(),
            running: self.run.held.describe(Instant::now()),
            unsettled_results: self.run.outbox.len(),
            totals,
        }
    }

    /// What happens from now on. A listener that falls far behind loses events; the work goes on without it.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.run.journal.listen()
    }

    /// The account's API keys, through this desktop's link.
    ///
    /// # Errors
    /// When its files cannot be read.
    pub fn keys(&self) -> Result<Keys, KeysError> {
        Keys::open(&self.data_dir, Some(self.relay_url.as_str()), Arc::clone(&self.run.clock))
    }

    /// Stops pulling and resolving, hands in what has come to a result, and gives the other leases back, so that another
    /// desktop goes on at once. Ends within seconds whether the relay answers or not.
    pub async fn shutdown(self) {
        let run = self.run;
        run.stopping.cancel();
        let collect = self.pulling.await.ok().flatten();
        run.work.close();
        if tokio::time::timeout(WORK_ENDS_WITHIN, run.work.wait()).await.is_err() {
            tracing::error!(jobs = run.work.len(), "work did not stop when it was told to");
        }
        self.others.wait().await;
        // What came to a result while it was being stopped is in the outbox, and no longer held.
        let mut unfinished = run.held.running();
        if let Some(request) = collect {
            unfinished.extend(collect_leases(&run, request).await);
        }
        hand_in_results(&run).await;
        release(&run, unfinished).await;
        if let Some(run) = Arc::into_inner(run) {
            run.outbox.close().await;
        }
        tracing::info!("shut down");
    }
}

impl std::fmt::Debug for Desktop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desktop").field("link", &self.link).field("run", &self.run.id).finish_non_exhaustive()
    }
}

fn lock_folder(config: &Config) -> Result<File, StartError> {
    let in_folder = |source| StartError::DataDir { folder: config.data_dir.clone(), source };
    let options = &mut OpenOptions::new();
    let lock =
        private_file::owner_only(options.create(true).truncate(false).write(true)).open(config.data_dir.join(LOCK)).map_err(in_folder)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(StartError::InUse(config.data_dir.clone())),
        Err(TryLockError::Error(source)) => Err(in_folder(source)),
    }
}

/// The pull that was open may have leased jobs just before it was given up: the same poll id names them.
async fn collect_leases(run: &Run, request: PullRequest) -> Vec<protocol::device::HeldJob> {
    match run.client.post::<PullAnswer>("/api/device/pull", &request, FAREWELL_TIMEOUT).await {
        Ok(answer) => answer.jobs.into_iter().map(|job| protocol::device::HeldJob { job_id: job.job_id, fence: job.fence }).collect(),
        Err(error) => {
            tracing::debug!(%error, "could not ask what the last pull leased; it ends by itself");
            Vec::new()
        }
    }
}

async fn hand_in_results(run: &Run) {
    loop {
        let results = run.outbox.take();
        if results.is_empty() {
            return;
        }
        let request = ReportRequest { results };
        match run.client.post::<ReportAnswer>("/api/device/report", &request, FAREWELL_TIMEOUT).await {
            Ok(answer) if !answer.outcomes.is_empty() => run.settled(request.results, &answer.outcomes).await,
            Ok(_) => return run.outbox.put_back(request.results),
            Err(error) => {
                tracing::info!(%error, results = request.results.len(), "results stay in the outbox until the next start");
                return run.outbox.put_back(request.results);
            }
        }
    }
}

async fn release(run: &Run, unfinished: Vec<protocol::device::HeldJob>) {
    for jobs in unfinished.chunks(MAX_HELD_JOBS) {
        let request = ReleaseRequest { jobs: jobs.to_vec() };
        match run.client.post::<ReleaseAnswer>("/api/device/release", &request, FAREWELL_TIMEOUT).await {
            Ok(answer) => tracing::info!(released = answer.released, "gave leases back"),
            Err(error) => {
                tracing::info!(%error, jobs = jobs.len(), "could not give leases back; they end by themselves");
                return;
            }
        }
    }
}
