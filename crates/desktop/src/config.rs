//! What a desktop is started with.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use protocol::linking::LinkStarted;
use protocol::{Clock, SystemClock};
use resolver::Resolver;

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
    /// Jobs at once, 1 to [`protocol::device::MAX_HELD_JOBS`].
    pub concurrency: usize,
    /// What follows the chains.
    pub resolver: Resolver,
    /// Told how linking goes; only a desktop that is not linked yet calls it.
    pub on_link: Arc<dyn Fn(LinkEvent) + Send + Sync>,
    /// Wall time, for signatures and for noticing sleep.
    pub clock: Arc<dyn Clock>,
}

impl Config {
    /// A desktop with the usual settings, which tells nobody how linking goes.
    #[must_use]
    pub fn new(relay_url: impl Into<String>, data_dir: impl Into<PathBuf>, resolver: Resolver) -> Self {
        Self {
            relay_url: relay_url.into(),
            data_dir: data_dir.into(),
            name: "Link Peeler desktop".to_owned(),
            concurrency: DEFAULT_CONCURRENCY,
            resolver,
            on_link: Arc::new(|_| ()),
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
