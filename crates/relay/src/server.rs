//! The accept loop: bounded in connections, and ending without cutting anyone off.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::connection;
use crate::edge::Places;

/// Connections at once. Each costs some 100 KiB at worst; the bodies of all of them have a bound of their own
/// ([`crate::body`]).
const MAX_CONNECTIONS: usize = 8_192;
/// File handles that a relay needs besides: its database, its log, its listeners.
const OTHER_FILES: u64 = 128;
/// Connections that the system keeps until they are accepted.
const BACKLOG: i32 = 1_024;
/// Pause after a failed accept: out of file handles, it would else fail again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Binds the address, so that a restart need not wait for the old process's last packets.
pub(crate) fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Sees to it that the process may have as many files open as there may be connections, and warns when it may not: the
/// system would refuse connections long before [`MAX_CONNECTIONS`].
pub(crate) fn expect_file_handles() {
    let needed = MAX_CONNECTIONS as u64 + OTHER_FILES;
    let limits = getrlimit(Resource::Nofile);
    if limits.current.is_none_or(|current| current >= needed) {
        return;
    }
    // As far as an ordinary process may; the soft limit is low for the sake of old programs only.
    let wanted = limits.maximum.map_or(needed, |maximum| maximum.min(needed));
    let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limits.maximum });
    if let Some(current) = getrlimit(Resource::Nofile).current.filter(|current| *current < needed) {
        tracing::warn!(
            current,
            needed,
            "the limit of open files is lower than what {MAX_CONNECTIONS} connections need: raise it (ulimit -n)"
        );
    }
}

/// What is served, and how.
pub(crate) struct Service {
    pub(crate) router: Router,
    /// None: plain HTTP.
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) places: Places,
    pub(crate) draining: CancellationToken,
    pub(crate) tasks: TaskTracker,
    pub(crate) open: prometheus_client::metrics::gauge::Gauge,
}

/// Accepts connections until the relay drains.
pub(crate) async fn run(listener: TcpListener, service: Service) {
    let Service { router, tls, places: of_addresses, draining, tasks, open } = service;
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let place = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => place,
            () = draining.cancelled() => return,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = draining.cancelled() => return,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Closed without a word: whoever has a thousand connections knows how to use one of them.
        let Some(of_address) = of_addresses.take(peer.ip()) else { continue };
        let (router, tls, draining, open) = (router.clone(), tls.clone(), draining.clone(), open.clone());
        tasks.spawn(async move {
            open.inc();
            connection::serve(stream, peer, tls, router, draining).await;
            open.dec();
            drop((place, of_address));
        });
    }
}
