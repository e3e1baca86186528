//! What a relay is started with.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use domain::{LeasePolicy, Plans, Retention};
use protocol::signature::FreshnessWindow;
use protocol::{Clock, SystemClock};
use store::DatabaseUrl;

use crate::body;
use crate::console::OidcProvider;
use crate::edge::{TlsFiles, TrustedProxies};
use crate::rate::Rate;
use crate::secrets::InstallSecrets;

/// The account that an empty database gets, unless told otherwise.
pub const DEFAULT_ACCOUNT: &str = "default";

/// The settings of one relay.
#[derive(Clone)]
pub struct Config {
    /// Where callers and desktops connect; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Where metrics are served: an address of their own, since they are not for callers. None: not at all.
    pub metrics_listen: Option<SocketAddr>,
    /// The URL under which the world knows this relay, without a trailing slash; none: the address it listens on.
    pub public_url: Option<String>,
    /// Names of this machine under which desktops may call it while no public URL is given: its host name, unless told
    /// otherwise. Its addresses count without being named, and so does `localhost`.
    pub host_names: Vec<String>,
    /// Where the data lives.
    pub database: DatabaseUrl,
    /// The keys that belong to this installation.
    pub secrets: InstallSecrets,
    /// The account that an empty database gets.
    pub account: String,
    /// The plan of that account.
    pub plan: String,
    /// Every plan that there is.
    pub plans: Plans,
    /// How leases and retries go.
    pub leases: LeasePolicy,
    /// How far a signing timestamp may lie from the clock.
    pub window: FreshnessWindow,
    /// Milliseconds that a row's check stays fresh.
    pub freshness_millis: i64,
    /// How long ended work is kept.
    pub retention: Retention,
    /// Seconds that a desktop waits between two polls of its linking code.
    pub link_interval_seconds: u32,
    /// Certificate and key, when the relay speaks TLS itself.
    pub tls: Option<TlsFiles>,
    /// OpenID providers that operators may sign in through.
    pub oidc: Vec<OidcProvider>,
    /// Reverse proxies that may say whom they speak for.
    pub trusted_proxies: TrustedProxies,
    /// What one address may send that nobody has proven to be theirs; none: as much as it likes.
    pub address_limit: Option<Rate>,
    /// What one desktop may send; none: as much as it likes.
    pub device_limit: Option<Rate>,
    /// Bytes of request bodies that are held at once; beyond, requests are refused as overloaded.
    pub held_body_bytes: usize,
    /// How often it is written down which keys have been used; at most once a minute and key, in any case.
    pub key_use_interval: Duration,
    /// Whether `POST /bench/noop` answers: what a request costs that does nothing. For measuring only.
    pub bench_noop: bool,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
}

impl Config {
    /// A relay on this database with defaults for everything else.
    #[must_use]
    pub fn new(listen: SocketAddr, database: DatabaseUrl, secrets: InstallSecrets) -> Self {
        Self {
            listen,
            metrics_listen: None,
            public_url: None,
            host_names: own_names(),
            database,
            secrets,
            account: DEFAULT_ACCOUNT.to_owned(),
            plan: Plans::UNLIMITED.to_owned(),
            plans: Plans::default(),
            leases: LeasePolicy::default(),
            window: FreshnessWindow::default(),
            freshness_millis: domain::readiness::DEFAULT_FRESHNESS_MILLIS,
            retention: Retention::default(),
            link_interval_seconds: 5,
            tls: None,
            oidc: Vec::new(),
            trusted_proxies: TrustedProxies::default(),
            address_limit: Some(Rate::OF_ADDRESS),
            device_limit: Some(Rate::OF_DEVICE),
            held_body_bytes: body::DEFAULT_HELD_BYTES,
            key_use_interval: Duration::from_secs(60),
            bench_noop: false,
            clock: Arc::new(SystemClock),
        }
    }
}

/// What this machine is called by whoever set it up.
fn own_names() -> Vec<String> {
    rustix::system::uname().nodename().to_str().ok().filter(|name| !name.is_empty()).map(str::to_owned).into_iter().collect()
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config").field("listen", &self.listen).field("database", &self.database).finish_non_exhaustive()
    }
}
