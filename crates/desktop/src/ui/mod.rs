//! The desktop's own pages, for the person at this machine: a listener on loopback, what keeps everybody else out
//! (`defence`, `session`), and the pages. They work without scripts; with them, what changes is seen as it does.
//!
//! `desktop open` and its like speak to the same listener (`control`), by a token in the data folder.

mod control;
mod defence;
mod entry;
mod frame;
mod live;
mod pages;
mod route;
mod router;
mod server;
mod session;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::autostart::Autostart;
use crate::config::PagesListen;
use crate::lock;
use crate::station::Station;

pub use control::{Control, Stage as ReportedStage, StatusReport};
pub use route::{Audience, Endpoint};

/// Every route of the pages, for tests that must hold for all of them.
#[must_use]
pub fn endpoints() -> Vec<Endpoint> {
    router::routes().iter().map(|route| route.endpoint).collect()
}

/// The pages' listener, before it is known what they show: the resolver must know its port.
pub(crate) struct Listening {
    listener: TcpListener,
    pub(crate) address: SocketAddr,
}

impl Listening {
    /// # Errors
    /// When the address is none of loopback, or taken.
    pub(crate) async fn on(listen: PagesListen) -> Result<Self, (SocketAddr, io::Error)> {
        let bound = match listen {
            PagesListen::On(address) => server::bind(address).await.map_err(|error| (address, error)),
            PagesListen::Usually(address) => match server::bind(address).await {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => server::bind(SocketAddr::new(address.ip(), 0)).await,
                bound => bound,
            }
            .map_err(|error| (address, error)),
        };
        let listener = bound?;
        let address = listener.local_addr().map_err(|error| (SocketAddr::from(([127, 0, 0, 1], 0)), error))?;
        Ok(Self { listener, address })
    }

    /// Serves the pages until they are dropped.
    ///
    /// # Errors
    /// When the data folder cannot be written.
    pub(crate) fn serve(self, station: Arc<Station>, autostart: Option<Autostart>) -> io::Result<Pages> {
        let stopping = CancellationToken::new();
        let (control_file, program) = control::ControlFile::write(&station.data_dir, self.address)?;
        let office = Arc::new(Office {
            station,
            autostart,
            address: self.address,
            names: defence::Names::of(self.address),
            door: session::Door::default(),
            program,
            stopping: stopping.clone(),
            fresh_key: Mutex::default(),
            proxy_tests: Mutex::default(),
        });
        tokio::spawn(server::run(self.listener, router::router(&office), stopping.clone()));
        tracing::info!(address = %self.address, "the desktop's pages are served");
        Ok(Pages { office, _control_file: control_file, _stops: stopping.drop_guard() })
    }
}

/// The pages of a running desktop. Dropping them ends them.
pub(crate) struct Pages {
    office: Shared,
    _control_file: control::ControlFile,
    _stops: DropGuard,
}

impl Pages {
    /// Where they are.
    pub(crate) fn address(&self) -> SocketAddr {
        self.office.address
    }

    /// A URL that lets one browser in, once, whenever it is opened.
    pub(crate) fn lasting_url(&self) -> String {
        self.office.one_time_url(true)
    }
}

/// What every route works with.
type Shared = Arc<Office>;

struct Office {
    station: Arc<Station>,
    /// How this desktop would be started at login; none when it cannot be.
    autostart: Option<Autostart>,
    address: SocketAddr,
    names: defence::Names,
    door: session::Door,
    /// The hash of the token by which programs of this user ask.
    program: [u8; 32],
    stopping: CancellationToken,
    /// A key that was made just now and not shown yet.
    fresh_key: Mutex<Option<pages::FreshKey>>,
    /// What came of the last test of each proxy.
    proxy_tests: Mutex<pages::ProxyTests>,
}

impl Office {
    fn one_time_url(&self, lasting: bool) -> String {
        format!("http://{}/open/{}", self.address, self.door.ticket(lasting))
    }

    fn take_fresh_key(&self) -> Option<pages::FreshKey> {
        lock(&self.fresh_key).take()
    }
}
