//! The listener of the pages: on loopback and nowhere else, bounded in connections, ending within seconds.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Connections at once: some tabs of one person, each with what a browser opens ahead.
const MAX_CONNECTIONS: usize = 64;
/// Time for a request's head: silent connections are closed.
const HEAD: Duration = Duration::from_secs(20);
/// Bytes of a request's head.
const MAX_HEAD_BYTES: usize = 16 * 1_024;
/// Time that open connections get when the desktop ends.
const FAREWELL: Duration = Duration::from_secs(1);
/// Pause after a failed accept: out of file handles, it would else fail again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Listens on `address`.
///
/// # Errors
/// When it is not an address of loopback: what is for one person must not be on the network. What the system says.
pub(super) async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    if !address.ip().is_loopback() {
        let what = format!("the desktop's pages are for this machine alone: {address} is no address of loopback");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    }
    TcpListener::bind(address).await
}

/// Answers until `stopping`.
pub(super) async fn run(listener: TcpListener, router: Router, stopping: CancellationToken) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let place = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => place,
            () = stopping.cancelled() => return,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopping.cancelled() => return,
        };
        match accepted {
            Ok((stream, _)) => {
                let serving = serve(stream, router.clone(), stopping.clone());
                tokio::spawn(async move {
                    serving.await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection to the pages could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, router: Router, stopping: CancellationToken) {
    let _ = stream.set_nodelay(true);
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(MAX_HEAD_BYTES);
    let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        // How it ends is the browser's business.
        _ = connection.as_mut() => return,
        () = stopping.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = tokio::time::timeout(FAREWELL, connection).await;
}
