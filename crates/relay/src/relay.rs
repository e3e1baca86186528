//! Starting and stopping a relay.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use domain::audit::Actor;
use protocol::{AccountId, Secret, UnixMillis};
use store::{DatabaseUrl, Sealing, Settings, Store, StoreError};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::body::Bodies;
use crate::clock_skew;
use crate::config::Config;
use crate::console::{self, Passphrases, Providers, SignInThrottle};
use crate::device_api::{Devices, LastHeard, Paces, PendingLinks};
use crate::edge::{AddressLimits, Places, Tls, TlsError};
use crate::key_upkeep;
use crate::keys::Keys;
use crate::maintenance;
use crate::metrics::Metrics;
use crate::operator::PendingLink;
use crate::places;
use crate::refusals::Refusals;
use crate::router;
use crate::server::{self, Service};
use crate::state::{RelayState, Shared};

/// Time that requests under way get when the relay shuts down.
const DRAIN: Duration = Duration::from_secs(30);

/// A running relay.
#[derive(Debug)]
pub struct Relay {
    state: Shared,
    address: SocketAddr,
    metrics_address: Option<SocketAddr>,
    tasks: TaskTracker,
}

/// Why a relay did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        error: std::io::Error,
    },
    /// The freshness window is wider than nonces are remembered.
    #[error("the freshness window may have at most {} s in all", domain::nonce_window::MAX_WINDOW_SECONDS)]
    Window,
    /// The certificate or its key cannot be used.
    #[error("TLS: {0}")]
    Tls(#[from] TlsError),
    /// No plan has this name.
    #[error("there is no plan `{0}`")]
    UnknownPlan(String),
    /// OpenID providers cannot be called, or two of them have one id.
    #[error("sign-in through OpenID providers: {0}")]
    Oidc(String),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Relay {
    /// Starts a relay: opens the store, listens, serves.
    ///
    /// # Errors
    /// When an address cannot be listened on, the settings contradict themselves, or the store cannot be opened.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        if config.window.past_seconds + config.window.future_seconds > domain::nonce_window::MAX_WINDOW_SECONDS {
            return Err(StartError::Window);
        }
        if config.plans.get(&config.plan).is_none() {
            return Err(StartError::UnknownPlan(config.plan));
        }
        let listen = |address| server::bind(address).map_err(|error| StartError::Listen { address, error });
        let listener = listen(config.listen)?;
        let metrics_listener = config.metrics_listen.map(listen).transpose()?;
        let local = |listener: &tokio::net::TcpListener| {
            listener.local_addr().map_err(|error| StartError::Listen { address: config.listen, error })
        };
        let address = local(&listener)?;
        let metrics_address = metrics_listener.as_ref().map(local).transpose()?;

        if config.public_url.is_none() && !address.ip().is_loopback() {
            tracing::warn!(
                %address,
                "others can reach this relay, and no public URL is given: desktops on other machines must call it by its address"
            );
        }
        let tls = config.tls.clone().map(Tls::load).transpose()?;
        if tls.is_none() && !address.ip().is_loopback() && config.trusted_proxies.networks.is_empty() {
            tracing::warn!(
                %address,
                "PLAIN HTTP: whoever is between can read jobs, keys that are being made, and sessions. Give the relay a certificate \
                 (--tls-cert, --tls-key), or let it listen on loopback behind a proxy that has one (--trusted-proxy)"
            );
        }
        server::expect_file_handles();

        let state = Arc::new(open(&config, address).await?);
        let tasks = TaskTracker::new();
        let service = |router, tls| Service {
            router,
            tls,
            places: Places::new(config.trusted_proxies.clone()),
            draining: state.draining.clone(),
            tasks: tasks.clone(),
            open: state.metrics.connections.clone(),
        };
        tasks.spawn(server::run(listener, service(router::router(Arc::clone(&state)), tls.as_ref().map(Tls::acceptor))));
        if let Some(listener) = metrics_listener {
            tasks.spawn(server::run(listener, service(router::metrics_router(Arc::clone(&state)), None)));
        }
        if let Some(tls) = tls {
            tasks.spawn(tls.follow_files(state.draining.clone()));
        }
        tasks.spawn(maintenance::run(Arc::clone(&state)));
        tasks.spawn(maintenance::reread(Arc::clone(&state)));
        tasks.spawn(maintenance::prune(Arc::clone(&state)));
        tasks.spawn(key_upkeep::note_use(Arc::clone(&state), config.key_use_interval));
        tasks.spawn(key_upkeep::follow_sealing(Arc::clone(&state)));
        tasks.spawn(maintenance::record_refusals(Arc::clone(&state)));
        tasks.spawn(clock_skew::watch(Arc::clone(&state)));
        tasks.close();
        tracing::info!(%address, public_url = state.public_url, "relay started");
        Ok(Self { state, address, metrics_address, tasks })
    }

    /// Where callers and desktops connect.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where metrics are served.
    #[must_use]
    pub const fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// The URL under which the world knows this relay, without a trailing slash.
    #[must_use]
    pub fn public_url(&self) -> &str {
        &self.state.public_url
    }

    /// The store behind it.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.state.store
    }

    /// The account that operators on this machine act for.
    #[must_use]
    pub fn account(&self) -> AccountId {
        self.state.operator_account
    }

    /// A new one-time link that makes an owner, while the relay's own account has none. `None`: it has one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn first_setup_link(&self) -> Result<Option<Secret>, StoreError> {
        let RelayState { store, operator_account: account, public_url, .. } = &*self.state;
        if store.owners(*account).await? > 0 {
            return Ok(None);
        }
        let path = console::new_setup_link(store, *account, self.state.now()).await?;
        Ok(Some(Secret::new(format!("{public_url}{}", path.expose()))))
    }

    /// The desktops that ask to be linked.
    #[must_use]
    pub fn pending_links(&self) -> Vec<PendingLink> {
        self.state.links.pending(self.state.now())
    }

    /// Approves a linking code. `false`: no such code waits, or the store failed.
    pub async fn approve_link(&self, user_code: &str) -> bool {
        let RelayState { links, operator_account, .. } = &*self.state;
        let Ok(found) = links.find(&self.state, user_code).await else { return false };
        links.decide(&self.state.store, &found, (*operator_account, Actor::Machine, self.state.now()), true).await.is_ok()
    }

    /// Shuts down: takes no new connections, answers waiting requests early and every other one that it has accepted,
    /// then closes the store.
    pub async fn shutdown(self) {
        self.state.draining.cancel();
        if tokio::time::timeout(DRAIN, self.tasks.wait()).await.is_err() {
            tracing::warn!("requests were still under way at the end of the shutdown time");
        }
        self.state.refusals.flush(&self.state.store, true).await;
        self.state.store.close().await;
        tracing::info!("relay stopped");
    }
}

async fn open(config: &Config, address: SocketAddr) -> Result<RelayState, StartError> {
    let now = config.clock.now();
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    let settings = Settings {
        plans: config.plans.clone(),
        leases: config.leases,
        window: config.window,
        freshness_millis: config.freshness_millis,
        retention: config.retention,
        sealing: Sealing::new(config.secrets.sealing().clone()),
    };
    let store = Store::open(&config.database, settings).await?;
    // Before anything is sealed or served: a relay with other sealing keys is of no use to anybody.
    store.settle_sealing(now).await?;
    let account = store.ensure_account(&config.account, &config.plan, now).await?;
    Ok(RelayState {
        keys: Keys::load(store.clone()).await?,
        devices: Devices::load(store.clone()).await?,
        links: PendingLinks::new(matches!(config.database, DatabaseUrl::Postgres(_))),
        last_heard: LastHeard::default(),
        paces: Paces::new(config.device_limit),
        metrics: Metrics::new(started_seconds(now)),
        clock: Arc::clone(&config.clock),
        public_url: config
            .public_url
            .as_deref()
            .map_or_else(|| format!("{scheme}://{address}"), |url| url.trim_end_matches('/').to_owned()),
        public_url_is_given: config.public_url.is_some(),
        host_names: config.host_names.clone(),
        trusted_proxies: config.trusted_proxies.clone(),
        address_limits: config.address_limit.map(AddressLimits::new),
        bodies: Bodies::new(config.held_body_bytes),
        streams: places::Places::of_streams(),
        exports: places::Places::of_files(),
        sealing_source: config.secrets.sealing_source().clone(),
        refusals: Refusals::default(),
        operator_token: config.secrets.operator_token().clone(),
        operator_account: account.id,
        // A hash: not where requests are served.
        passphrases: tokio::task::spawn_blocking(Passphrases::new).await.map_err(|_| StoreError::Closed)?,
        sign_ins: SignInThrottle::default(),
        providers: Providers::new(config.oidc.clone()).map_err(StartError::Oidc)?,
        link_interval_seconds: config.link_interval_seconds,
        bench_noop: config.bench_noop,
        draining: CancellationToken::new(),
        openapi: std::sync::OnceLock::new(),
        store,
    })
}

fn started_seconds(now: UnixMillis) -> u64 {
    u64::try_from(now.seconds()).unwrap_or_default()
}

impl std::fmt::Debug for RelayState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RelayState").field("public_url", &self.public_url).finish_non_exhaustive()
    }
}
