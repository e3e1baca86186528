//! The lab's server: an accept loop on loopback that ends when it is told to.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::case::{CASES, Case};
use crate::site::{Reaction, react};

/// A client that sends no head within this time is gone.
const HEAD_PATIENCE: Duration = Duration::from_secs(10);
/// How long connections may finish their answer at shutdown.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(1);
/// How long a "silent" page keeps silent: longer than any budget, and not for ever.
const SILENCE: Duration = Duration::from_secs(120);

/// A running lab.
#[derive(Debug)]
pub struct Lab {
    address: SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Lab {
    /// Starts to listen and to serve. Port 0 takes any free one.
    ///
    /// # Errors
    /// When the address cannot be listened on, or is not a loopback address: the lab is for this machine alone.
    pub async fn start(address: SocketAddr) -> io::Result<Self> {
        if !address.ip().is_loopback() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the lab listens on loopback addresses only"));
        }
        let listener = TcpListener::bind(address).await?;
        let lab = Self { address: listener.local_addr()?, stop: CancellationToken::new(), tasks: TaskTracker::new() };
        lab.tasks.spawn(accept(listener, lab.stop.clone(), lab.tasks.clone()));
        tracing::info!(address = %lab.address, cases = CASES.len(), "the lab is open");
        Ok(lab)
    }

    /// Where it listens: what an exception of the guard has to name.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL, without a slash at its end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The tracking URL of a case.
    #[must_use]
    pub fn tracking_url(&self, case: &Case) -> String {
        format!("{}{}", self.url(), case.path)
    }

    /// Every case.
    #[must_use]
    pub fn cases(&self) -> &'static [Case] {
        CASES
    }

    /// Stops listening and lets answers under way finish.
    pub async fn shutdown(self) {
        self.stop.cancel();
        self.tasks.close();
        // Silent pages would keep it waiting; what is left ends with the process.
        let _ = tokio::time::timeout(SHUTDOWN_PATIENCE, self.tasks.wait()).await;
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn accept(listener: TcpListener, stop: CancellationToken, tasks: TaskTracker) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        match accepted {
            Ok((stream, _)) => {
                tasks.spawn(serve(stream, stop.clone()));
            }
            Err(error) => {
                // Out of file descriptors, most likely: give others the time to close theirs.
                tracing::warn!(%error, "the lab could not accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, stop: CancellationToken) {
    // Small answers at once; a failure here costs speed and nothing else.
    let _ = stream.set_nodelay(true);
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .serve_connection(TokioIo::new(stream), service_fn(answer));
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection to the lab ended");
    }
}

/// An error ends the connection without an answer.
async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, HungUp> {
    let path_and_query = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    match react(path_and_query, request.headers()) {
        Reaction::Answer(response) => Ok(response),
        Reaction::Later(delay, response) => {
            tokio::time::sleep(delay).await;
            Ok(response)
        }
        Reaction::HangUp => Err(HungUp),
        Reaction::Silence => {
            tokio::time::sleep(SILENCE).await;
            Err(HungUp)
        }
    }
}

#[derive(Debug)]
struct HungUp;

impl std::fmt::Display for HungUp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("hung up, as this case asks for")
    }
}

impl std::error::Error for HungUp {}
