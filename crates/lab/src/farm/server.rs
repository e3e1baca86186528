//! The farm's server. The first byte of a connection tells TLS from plain HTTP, so that one port serves both.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::certificate::certify;
use super::corpus::FarmCase;
use super::exchange::{After, answer, receive};
use super::routes::Routes;

/// First byte of a TLS handshake record.
const TLS_HANDSHAKE: u8 = 0x16;
/// How long connections may finish their answer at shutdown.
const SHUTDOWN_PATIENCE: Duration = Duration::from_millis(200);

/// A running farm.
#[derive(Debug)]
pub struct Farm {
    address: SocketAddr,
    authority: CertificateDer<'static>,
    routes: Arc<Routes>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Farm {
    /// Starts to serve all cases on a free loopback port.
    ///
    /// # Errors
    /// When no port or no certificate can be had.
    pub async fn start(cases: &[FarmCase]) -> io::Result<Self> {
        let routes = Arc::new(Routes::of(cases));
        let certified = certify(routes.tls_hosts()).map_err(io::Error::other)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let acceptor = TlsAcceptor::from(certified.server);
        tasks.spawn(accept(listener, acceptor, Arc::clone(&routes), stop.clone(), tasks.clone()));
        Ok(Self { address, authority: certified.authority, routes, stop, tasks })
    }

    /// Where every host of the corpus is served.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The authority (DER) that signed the certificate of its https hosts.
    #[must_use]
    pub const fn authority(&self) -> &CertificateDer<'static> {
        &self.authority
    }

    /// How often a host and target (path and query) was asked for.
    #[must_use]
    pub fn asked(&self, host: &str, target: &str) -> u64 {
        self.routes.asked(host, target)
    }

    /// Stops.
    pub async fn shutdown(self) {
        self.stop.cancel();
        self.tasks.close();
        // Hanging routes never end; what is left ends with the process.
        let _ = tokio::time::timeout(SHUTDOWN_PATIENCE, self.tasks.wait()).await;
    }
}

impl Drop for Farm {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, routes: Arc<Routes>, stop: CancellationToken, tasks: TaskTracker) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        let Ok((stream, _)) = accepted else { continue };
        let (acceptor, routes, stop) = (acceptor.clone(), Arc::clone(&routes), stop.clone());
        tasks.spawn(async move {
            tokio::select! {
                ended = serve(stream, &acceptor, &routes) => if let Err(error) = ended {
                    tracing::debug!(%error, "a connection to the farm ended");
                },
                () = stop.cancelled() => (),
            }
        });
    }
}

async fn serve(stream: TcpStream, acceptor: &TlsAcceptor, routes: &Routes) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut first = [0];
    if stream.peek(&mut first).await? == 0 {
        return Ok(());
    }
    if first[0] == TLS_HANDSHAKE {
        let stream = acceptor.accept(stream).await?;
        exchange(stream, routes, true).await?;
        return Ok(());
    }
    let (stream, after) = exchange(stream, routes, false).await?;
    if after == After::Reset {
        // Closing with a zero linger time resets instead of ending in order.
        stream.set_zero_linger()?;
    }
    Ok(())
}

async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, routes: &Routes, is_tls: bool) -> io::Result<(S, After)> {
    let mut buffer = Vec::new();
    while let Some(request) = receive(&mut stream, &mut buffer, is_tls).await? {
        match answer(&mut stream, routes.find(&request), &request.method).await? {
            After::Keep => (),
            after @ (After::End | After::Reset) => return Ok((stream, after)),
        }
    }
    Ok((stream, After::End))
}
