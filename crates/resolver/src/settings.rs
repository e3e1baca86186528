//! What a resolver is made with.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use protocol::clock::{Clock, SystemClock};
use rustls_pki_types::CertificateDer;

use crate::budgets::Budgets;
use crate::guard::{Exceptions, Interfaces, Names, SystemInterfaces, SystemNames};
use crate::proxy::ProxyProfile;
use crate::rules::Rules;

/// What a resolver is made with. The default follows links as this machine, without exceptions, proxies or extra trust.
#[derive(Clone)]
pub struct Settings {
    /// Time, bytes, hops, connections.
    pub budgets: Budgets,
    /// What the guard lets pass although its rules say no.
    pub exceptions: Exceptions,
    /// Ports of this machine on which this program's own pages listen: no link gets there, whatever the exceptions say.
    pub own_ports: Vec<u16>,
    /// Proxies by the name that a context asks for.
    pub proxies: BTreeMap<String, ProxyProfile>,
    /// Which browser resolves what needs one.
    pub browser: BrowserChoice,
    /// Which picture the browser takes of the page where a link ends; for one its pages load pictures and fonts too.
    pub screenshots: Screenshots,
    /// How challenges and unavailable offers are recognised.
    pub rules: Rules,
    /// Certificates trusted beside those of the system: a company's own authority, a test's.
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// Where the addresses of names come from.
    pub names: Arc<dyn Names>,
    /// Where the addresses of this machine come from, and with them its networks, into which no link leads.
    pub interfaces: Arc<dyn Interfaces>,
    /// Where wall time comes from; only `checkedAt` shows it.
    pub clock: Arc<dyn Clock>,
}

/// Which browser resolves what needs one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum BrowserChoice {
    /// The installed Chrome, Chromium or Edge, when there is one.
    #[default]
    Installed,
    /// This executable.
    Executable(PathBuf),
    /// None: what needs one concludes `context_unavailable`.
    Off,
}

/// Which pictures of pages are taken. Only a browser can take one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Screenshots {
    /// None.
    #[default]
    Off,
    /// Half a screen's size, as WebP, small enough to travel in a result.
    InResults,
    /// What a visitor sees first, in full size: for whoever resolves here.
    Full(PictureFormat),
}

/// How a full picture is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PictureFormat {
    /// With some loss, and small.
    #[default]
    WebP,
    /// Without loss.
    Png,
}

/// Why no resolver could be made.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The system's trust store, or an extra root, could not be read.
    #[error("no TLS trust: {0}")]
    Trust(#[source] rustls::Error),
    /// A budget that can never be kept.
    #[error("the budget `{0}` must not be zero")]
    EmptyBudget(&'static str),
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            budgets: Budgets::default(),
            exceptions: Exceptions::default(),
            own_ports: Vec::new(),
            proxies: BTreeMap::new(),
            browser: BrowserChoice::default(),
            screenshots: Screenshots::default(),
            rules: Rules::default(),
            extra_roots: Vec::new(),
            names: Arc::new(SystemNames),
            interfaces: Arc::new(SystemInterfaces),
            clock: Arc::new(SystemClock),
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("budgets", &self.budgets)
            .field("exceptions", &self.exceptions)
            .field("proxies", &self.proxies)
            .field("browser", &self.browser)
            .field("extra_roots", &self.extra_roots.len())
            .finish_non_exhaustive()
    }
}
