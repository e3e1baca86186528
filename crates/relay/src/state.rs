//! What every handler shares.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use protocol::{Clock, RequestId, Secret, UnixMillis};
use store::Store;
use tokio_util::sync::CancellationToken;

use crate::body::Bodies;
use crate::console::{Passphrases, Providers, SignInThrottle};
use crate::device_api::{Devices, LastHeard, Paces, PendingLinks};
use crate::edge::{AddressLimits, TrustedProxies};
use crate::keys::Keys;
use crate::metrics::Metrics;
use crate::places::Places;
use crate::refusals::Refusals;
use crate::sealing_source::SealingSource;

/// The state behind every route; cloned for each request.
pub(crate) type Shared = Arc<RelayState>;

/// What every handler shares.
pub(crate) struct RelayState {
    pub(crate) store: Store,
    pub(crate) keys: Keys,
    pub(crate) devices: Devices,
    pub(crate) paces: Paces,
    pub(crate) last_heard: LastHeard,
    pub(crate) links: PendingLinks,
    pub(crate) metrics: Metrics,
    pub(crate) clock: Arc<dyn Clock>,
    /// Without a trailing slash.
    pub(crate) public_url: String,
    /// Whether the public URL was given; otherwise desktops may know the relay by another name of this machine.
    pub(crate) public_url_is_given: bool,
    pub(crate) host_names: Vec<String>,
    pub(crate) trusted_proxies: TrustedProxies,
    /// None: addresses are not limited.
    pub(crate) address_limits: Option<AddressLimits>,
    pub(crate) bodies: Bodies,
    /// Event streams that are open.
    pub(crate) streams: Places,
    /// Files that are being written to their readers.
    pub(crate) exports: Places,
    pub(crate) sealing_source: SealingSource,
    /// What was refused of late.
    pub(crate) refusals: Refusals,
    pub(crate) operator_token: Secret,
    pub(crate) operator_account: protocol::AccountId,
    pub(crate) passphrases: Passphrases,
    pub(crate) sign_ins: SignInThrottle,
    /// OpenID providers.
    pub(crate) providers: Providers,
    pub(crate) link_interval_seconds: u32,
    pub(crate) bench_noop: bool,
    /// Cancelled when the relay begins to shut down: waiting requests are then answered early.
    pub(crate) draining: CancellationToken,
    /// The document of the endpoints, as this relay serves it.
    pub(crate) openapi: OnceLock<Bytes>,
}

impl RelayState {
    pub(crate) fn now(&self) -> UnixMillis {
        self.clock.now()
    }

    pub(crate) fn new_request_id(&self) -> RequestId {
        RequestId::random(self.now())
    }
}
