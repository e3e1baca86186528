//! A running desktop: opened, linked, at work, shut down.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use protocol::device::PullRequest;
use protocol::{AccountId, DeviceId};
use tokio::sync::{Notify, broadcast, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::config::{Config, LinkEvent};
use crate::gate::Gate;
use crate::held::Held;
use crate::history::History;
use crate::keys::{Keys, KeysError};
use crate::link_file::Link;
use crate::linking::{self, LinkError};
use crate::outbox::Outbox;
use crate::preferences::Preferences;
use crate::relay_client::{CallError, RelayClient, parse_relay_url};
use crate::resolving::Resolving;
use crate::run::Run;
use crate::secrets::{Secrets, SecretsStanding};
use crate::station::{Parts, Station};
use crate::status::{Connection, Event, Journal, Status};
use crate::ui::{Control, Listening, Pages};
use crate::{device_key, farewell, follow_keys, private_file, pull, upkeep};

/// Held while a desktop works in a data folder: two would share one outbox and hold each other's jobs.
pub(crate) const LOCK: &str = "desktop.lock";
/// Looks at the lock of a folder, and the pause between two.
const LOCK_TRIES: usize = 3;
const LOCK_PAUSE: Duration = Duration::from_millis(20);
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
    /// Its pages cannot listen there.
    #[error("the desktop's pages cannot listen on {address}: {source}")]
    Pages {
        /// Where they should.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// Chains cannot be followed with these settings.
    #[error(transparent)]
    Resolver(#[from] resolver::SetupError),
}

/// A desktop at work. Dropping it stops everything without a farewell: its leases then end by themselves.
pub struct Desktop {
    run: Arc<Run>,
    pages: Option<Pages>,
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
        let lock = lock_folder(&config).await?;
        // Whoever listens there now is another.
        Control::forget(&config.data_dir).map_err(in_folder)?;
        let secrets = Secrets::new(&config.data_dir);
        // A person may be asked to unlock the keychain.
        let settling = tokio::task::spawn_blocking({
            let (secrets, choice) = (secrets.clone(), config.secrets);
            move || secrets.settle(choice)
        });
        let secrets_standing = settling.await.map_err(io::Error::other).flatten().map_err(in_folder)?;
        tracing::info!("this desktop's secrets lie {secrets_standing}");
        let key = device_key::load_or_create(&secrets).map_err(in_folder)?;
        let preferences = Preferences::open(&config.data_dir).map_err(in_folder)?;
        let listening = match config.pages {
            Some(listen) => Some(Listening::on(listen).await.map_err(|(address, source)| StartError::Pages { address, source })?),
            None => None,
        };
        let mut settings = config.resolver;
        settings.own_ports.extend(listening.as_ref().map(|listening| listening.address.port()));
        let resolving = Resolving::new(settings, &preferences.read())?;
        let station = Arc::new(Station::new(Parts {
            data_dir: config.data_dir.clone(),
            relay_url: relay_url.clone(),
            name: config.name.clone(),
            clock: Arc::clone(&config.clock),
            secrets,
            secrets_standing,
            preferences,
            resolving,
            history: History::open(&config.data_dir).map_err(in_folder)?,
        }));
        let pages = listening.map(|listening| listening.serve(Arc::clone(&station), config.autostart)).transpose().map_err(in_folder)?;
        if let Some(pages) = &pages {
            (config.on_pages)(pages.address());
        }
        let known = Link::load(&config.data_dir).map_err(in_folder)?;
        let is_new = known.is_none();
        let link = match known {
            Some(link) => link,
            None => {
                let client = RelayClient::new(relay_url.clone(), None, Arc::clone(&config.clock))?;
                let told = |event: LinkEvent| {
                    station.linking(&event);
                    (config.on_link)(event);
                };
                let linked = linking::link(&client, &key.public(), &config.name, &told).await?;
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
            journal: Journal::new(Arc::clone(&station)),
            station,
            link,
            clock: config.clock,
            stopping: stopping.clone(),
            keys_version: watch::Sender::new(None),
            redial: Notify::new(),
            work: TaskTracker::new(),
        });
        if is_new {
            // It has just answered: it said that the link is approved.
            run.journal.connection(Connection::Connected);
        }
        run.station.goes_to_work(&run);
        tracing::info!(device.id = %run.link.device_id, run = %run.id, relay = %relay_url, slots = run.held.slots(), "at work");
        let others = TaskTracker::new();
        others.spawn(upkeep::renew_and_report(Arc::clone(&run)));
        others.spawn(upkeep::stop_ended_work(Arc::clone(&run)));
        others.spawn(upkeep::watch(Arc::clone(&run)));
        match run.station.keys() {
            Ok(keys) => drop(others.spawn(follow_keys::follow(keys, run.keys_version.subscribe(), stopping.clone()))),
            Err(error) => tracing::warn!(%error, "API keys are not kept in line with the relay's"),
        }
        others.close();
        let pulling = tokio::spawn(pull::bring_jobs(Arc::clone(&run)));
        Ok(Self { run, pages, pulling, others, _stops: stopping.drop_guard() })
    }

    /// The desktop's id.
    #[must_use]
    pub fn device_id(&self) -> DeviceId {
        self.run.link.device_id
    }

    /// The account that it works for.
    #[must_use]
    pub fn account(&self) -> AccountId {
        self.run.link.account
    }

    /// Where its own key and the secrets of API keys lie.
    #[must_use]
    pub fn secrets(&self) -> &SecretsStanding {
        &self.run.station.secrets_standing
    }

    /// What it is doing.
    #[must_use]
    pub fn status(&self) -> Status {
        self.run.status()
    }

    /// Takes no new jobs from now on, also after a restart; what it holds it finishes. `false` undoes it.
    ///
    /// # Errors
    /// When that could not be written down; nothing has changed then.
    pub fn pause(&self, paused: bool) -> io::Result<()> {
        self.run.station.pause(paused).map(drop)
    }

    /// A URL of its pages that lets one browser in, once, whenever it is opened. None when it has no pages.
    #[must_use]
    pub fn pages_url(&self) -> Option<String> {
        self.pages.as_ref().map(Pages::lasting_url)
    }

    /// The browser that jobs are resolved with.
    ///
    /// # Errors
    /// Why there is none, for a person.
    pub fn browser(&self) -> Result<PathBuf, String> {
        self.run.station.resolving.browser()
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
        self.run.station.keys()
    }

    /// Stops pulling and resolving, hands in what has come to a result, and gives the other leases back, so that another
    /// desktop goes on at once. Ends within seconds whether the relay answers or not.
    pub async fn shutdown(self) {
        // The pages first: what they show is about to go.
        drop(self.pages);
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
            unfinished.extend(farewell::collect_leases(&run, request).await);
        }
        farewell::hand_in_results(&run).await;
        farewell::release(&run, unfinished).await;
        if let Some(run) = Arc::into_inner(run) {
            run.outbox.close().await;
        }
        tracing::info!("shut down");
    }
}

impl std::fmt::Debug for Desktop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desktop").field("link", &self.run.link).field("run", &self.run.id).finish_non_exhaustive()
    }
}

async fn lock_folder(config: &Config) -> Result<File, StartError> {
    let in_folder = |source| StartError::DataDir { folder: config.data_dir.clone(), source };
    let options = &mut OpenOptions::new();
    let lock =
        private_file::owner_only(options.create(true).truncate(false).write(true)).open(config.data_dir.join(LOCK)).map_err(in_folder)?;
    for _ in 0..LOCK_TRIES {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            // A program may have looked this very moment whether somebody works here.
            Err(TryLockError::WouldBlock) => tokio::time::sleep(LOCK_PAUSE).await,
            Err(TryLockError::Error(source)) => return Err(in_folder(source)),
        }
    }
    Err(StartError::InUse(config.data_dir.clone()))
}
