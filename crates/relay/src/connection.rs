//! One accepted connection: which protocol it speaks, and how long it may take to say so.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

/// Time until the first bytes, and for each request's head: silent connections are closed.
const HEAD: Duration = Duration::from_secs(60);
/// Bytes of a request's head.
const MAX_HEAD_BYTES: usize = 32 * 1_024;
/// Requests that one HTTP/2 connection may have under way.
const MAX_STREAMS: u32 = 256;
/// What an HTTP/2 connection begins with (RFC 9113, section 3.4), as far as it needs to be seen.
const H2_PREFACE: &[u8; 4] = b"PRI ";

/// The address at the other end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// Serves one connection until it ends, or until its current requests have been answered after `draining`.
pub(crate) async fn serve(stream: TcpStream, peer: SocketAddr, router: Router, draining: CancellationToken) {
    let _ = stream.set_nodelay(true);
    let Some(is_h2) = speaks_h2(&stream, &draining).await else { return };
    let service = TowerToHyperService::new(router.layer(axum::Extension(Peer(peer))));
    let io = TokioIo::new(stream);
    // How a connection ends is its peer's business: a reset is no event.
    let _ = if is_h2 {
        let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        builder.timer(TokioTimer::new()).max_concurrent_streams(MAX_STREAMS).max_header_list_size(MAX_HEAD_BYTES as u32);
        builder.keep_alive_interval(Some(HEAD)).keep_alive_timeout(HEAD);
        let connection = builder.serve_connection(io, service);
        tokio::pin!(connection);
        tokio::select! {
            ended = connection.as_mut() => ended,
            () = draining.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    } else {
        let mut builder = hyper::server::conn::http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(MAX_HEAD_BYTES).pipeline_flush(true);
        let connection = builder.serve_connection(io, service);
        tokio::pin!(connection);
        tokio::select! {
            ended = connection.as_mut() => ended,
            () = draining.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    };
}

/// Looks at the first bytes without taking them. `None`: nothing came in time.
async fn speaks_h2(stream: &TcpStream, draining: &CancellationToken) -> Option<bool> {
    let peek = async {
        let mut first = [0; H2_PREFACE.len()];
        loop {
            let seen = stream.peek(&mut first).await.ok()?;
            if seen == 0 {
                return None;
            }
            if first[..seen] != H2_PREFACE[..seen] {
                return Some(false);
            }
            if seen == first.len() {
                return Some(true);
            }
            // Some of the preface is there, and `peek` would return it again at once.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        seen = tokio::time::timeout(HEAD, peek) => seen.ok()?,
        () = draining.cancelled() => None,
    }
}
