//! One accepted connection: which protocol it speaks, and how long it may take to say so.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use futures_util::future::BoxFuture;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::edge::{self, Wrapped};
use crate::unread::{Unread, Watched};

/// Time until the first bytes, and for each request's head: silent connections are closed.
const HEAD: Duration = Duration::from_secs(60);
/// Time that a connection without a request under way gets when the relay shuts down: for a head that is still coming,
/// and for the last answer to leave.
const FAREWELL: Duration = Duration::from_secs(2);
/// Bytes of a request's head.
const MAX_HEAD_BYTES: usize = 32 * 1_024;
/// Requests that one HTTP/2 connection may have under way.
const MAX_STREAMS: u32 = 256;
/// Bytes of bodies that an HTTP/2 connection may send before anybody reads them, of all its requests and of one: enough for
/// the largest report in a second over most of the world, and 2 GiB over all connections at worst.
const AHEAD: u32 = 256 * 1_024;
const AHEAD_OF_ONE: u32 = 128 * 1_024;
/// Requests that a peer may take back before anybody has looked at them, and faults that it may make, until an HTTP/2
/// connection is ended ("rapid reset", CVE-2023-44487): somebody who cancels now and then never gets there.
const MAX_RESETS: usize = 20;
const MAX_FAULTS: usize = 64;
/// Bytes of answers that one HTTP/2 request may leave unread before the next waits.
const MAX_UNREAD: usize = 64 * 1_024;
/// What an HTTP/2 connection begins with (RFC 9113, section 3.4), as far as it needs to be seen.
const H2_PREFACE: &[u8; 4] = b"PRI ";

/// The addresses of both ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    /// Where the connection came from.
    pub(crate) peer: SocketAddr,
    /// The address of this machine's that was dialled.
    pub(crate) local: SocketAddr,
    /// Whether the connection itself is TLS.
    pub(crate) is_secure: bool,
}

/// Ends the connection at once, whatever is under way on it: for readers who do not read.
#[derive(Clone, Debug, Default)]
pub(crate) struct HangUp(pub(crate) CancellationToken);

/// Serves one connection until it ends, or until its current requests have been answered after `draining`.
pub(crate) async fn serve(stream: TcpStream, peer: SocketAddr, tls: Option<TlsAcceptor>, router: Router, draining: CancellationToken) {
    let _ = stream.set_nodelay(true);
    let Ok(local) = stream.local_addr() else { return };
    let ends = Ends { peer, local, is_secure: tls.is_some() };
    match tls {
        Some(acceptor) => {
            let wrapped = tokio::select! {
                wrapped = edge::shake_hands(&acceptor, stream) => wrapped,
                () = draining.cancelled() => None,
            };
            let Some(Wrapped { stream, is_h2 }) = wrapped else { return };
            speak(stream, is_h2, router.layer(axum::Extension(ends)), draining).await;
        }
        None => {
            let Some(is_h2) = speaks_h2(&stream, &draining).await else { return };
            speak(stream, is_h2, router.layer(axum::Extension(ends)), draining).await;
        }
    }
}

async fn speak(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, is_h2: bool, router: Router, draining: CancellationToken) {
    let under_way = UnderWay::default();
    let hang_up = HangUp::default();
    let router = router.layer(axum::Extension(hang_up.clone()));
    let unread = Unread::default();
    let service = Counted { service: TowerToHyperService::new(router), under_way: under_way.clone(), unread: unread.clone() };
    let io = TokioIo::new(stream);
    if is_h2 {
        let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        builder.timer(TokioTimer::new()).max_concurrent_streams(MAX_STREAMS).max_header_list_size(MAX_HEAD_BYTES as u32);
        builder.max_pending_accept_reset_streams(MAX_RESETS).max_local_error_reset_streams(MAX_FAULTS);
        builder.initial_connection_window_size(AHEAD).initial_stream_window_size(AHEAD_OF_ONE).max_send_buf_size(MAX_UNREAD);
        builder.keep_alive_interval(Some(HEAD)).keep_alive_timeout(HEAD);
        drive(builder.serve_connection(io, service), (under_way, unread), hang_up, draining).await;
    } else {
        let mut builder = hyper::server::conn::http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(MAX_HEAD_BYTES).pipeline_flush(true);
        drive(builder.serve_connection(io, service), (under_way, unread), hang_up, draining).await;
    }
}

/// Serves a connection until it ends. How it ends is its peer's business: a reset is no event.
async fn drive(
    connection: impl GracefulConnection,
    (under_way, unread): (UnderWay, Unread),
    HangUp(hang_up): HangUp,
    draining: CancellationToken,
) {
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        () = under_way.never_began() => return,
        () = unread.one_waits_too_long() => return,
        () = hang_up.cancelled() => return,
        () = draining.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    tokio::select! {
        _ = connection => {}
        () = under_way.none_for_a_while() => {}
        () = hang_up.cancelled() => {}
    }
}

/// How many requests a connection has had, and how many of them are under way.
#[derive(Clone, Default)]
struct UnderWay(Arc<(AtomicUsize, AtomicUsize)>);

impl UnderWay {
    /// Waits for [`HEAD`]; ends when not one request has come by then. HTTP/2 has no timer of its own for that.
    async fn never_began(&self) {
        tokio::time::sleep(HEAD).await;
        if self.0.0.load(Ordering::Relaxed) > 0 {
            std::future::pending().await
        }
    }

    /// Waits until none has been under way for [`FAREWELL`]: what has not come whole by then was not accepted, and
    /// whatever was answered has left.
    async fn none_for_a_while(&self) {
        let mut quiet = false;
        loop {
            tokio::time::sleep(FAREWELL / 2).await;
            let none = self.0.1.load(Ordering::Relaxed) == 0;
            if none && quiet {
                return;
            }
            quiet = none;
        }
    }
}

/// Counts the requests that are under way, also those whose sender goes away, and watches their answers.
struct Counted<S> {
    service: S,
    under_way: UnderWay,
    unread: Unread,
}

impl<S, B, A> hyper::service::Service<http::Request<B>> for Counted<S>
where
    S: hyper::service::Service<http::Request<B>, Response = http::Response<A>>,
    S::Future: Send + 'static,
    A: http_body::Body,
{
    type Response = http::Response<Watched<A>>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, S::Error>>;

    fn call(&self, request: http::Request<B>) -> Self::Future {
        struct Leaves(UnderWay);
        impl Drop for Leaves {
            fn drop(&mut self) {
                self.0.0.1.fetch_sub(1, Ordering::Relaxed);
            }
        }
        let (had, now) = &*self.under_way.0;
        had.fetch_add(1, Ordering::Relaxed);
        now.fetch_add(1, Ordering::Relaxed);
        let leaves = Leaves(self.under_way.clone());
        let (answer, unread) = (self.service.call(request), self.unread.clone());
        Box::pin(async move {
            let _leaves = leaves;
            Ok(answer.await?.map(|body| unread.watch(body)))
        })
    }
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
