//! What a desktop is started with.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use protocol::linking::LinkStarted;
use protocol::{Clock, SystemClock};

use crate::autostart::Autostart;
use crate::secrets::SecretsChoice;

/// Jobs at once unless told otherwise: a home connection carries as many chains without one slowing the others.
pub const DEFAULT_CONCURRENCY: usize = 16;

/// What a desktop is started with.
#[derive(Clone)]
pub struct Config {
    /// Scheme, host and port of the relay.
    pub relay_url: String,
    /// Where key, link, keyring and outbox lie. One desktop at a time.
    pub data_dir: PathBuf,
    /// What people call this machine: 1 to 100 characters, no control characters.
    pub name: String,
    /// Where its own key and the secrets of API keys are to lie.
    pub secrets: SecretsChoice,
    /// Jobs at once, 1 to [`protocol::device::MAX_HELD_JOBS`].
    pub concurrency: usize,
    /// How chains are followed. What its owner has chosen on the desktop's pages is added to it.
    pub resolver: resolver::Settings,
    /// Where its own pages listen. `None` for a desktop without pages.
    pub pages: Option<PagesListen>,
    /// How it is started at login; its pages turn that on and off.
    pub autostart: Option<Autostart>,
    /// Told how linking goes; only a desktop that is not linked yet calls it.
    pub on_link: Arc<dyn Fn(LinkEvent) + Send + Sync>,
    /// Told where the pages listen, before anything else happens.
    pub on_pages: Arc<dyn Fn(SocketAddr) + Send + Sync>,
    /// Wall time, for signatures and for noticing sleep.
    pub clock: Arc<dyn Clock>,
}

impl Config {
    /// A desktop with the usual settings, without pages, which tells nobody how linking goes.
    #[must_use]
    pub fn new(relay_url: impl Into<String>, data_dir: impl Into<PathBuf>, resolver: resolver::Settings) -> Self {
        Self {
            relay_url: relay_url.into(),
            data_dir: data_dir.into(),
            name: "Link Peeler desktop".to_owned(),
            secrets: SecretsChoice::default(),
            concurrency: DEFAULT_CONCURRENCY,
            resolver,
            pages: None,
            autostart: None,
            on_link: Arc::new(|_| ()),
            on_pages: Arc::new(|_| ()),
            clock: Arc::new(SystemClock),
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("relay_url", &self.relay_url)
            .field("data_dir", &self.data_dir)
            .field("name", &self.name)
            .field("concurrency", &self.concurrency)
            .finish_non_exhaustive()
    }
}

/// Where pages listen: an address of loopback, port 0 for any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PagesListen {
    /// There and nowhere else.
    On(SocketAddr),
    /// There while the port is free, else at any.
    Usually(SocketAddr),
}

/// How linking goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkEvent {
    /// Show this to a person: an operator approves it.
    Code(LinkStarted),
    /// The code ran out; another follows.
    Expired,
    /// The relay could not be asked; it is asked again after the pause.
    Waiting {
        /// Why not.
        reason: String,
        /// How long until then.
        pause: Duration,
    },
}
