//! A way to a server that can be cut: what goes through it can be held back for ever (a network that drops packets) or
//! be led to another server.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Where new connections lead, and whether anything moves over them.
#[derive(Clone)]
struct Route {
    port: Option<u16>,
    silent: Arc<watch::Sender<bool>>,
}

impl Route {
    fn to(port: Option<u16>) -> Self {
        Self { port, silent: Arc::new(watch::Sender::new(false)) }
    }
}

/// A listening port that leads to a server.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    route: Arc<Mutex<Route>>,
}

impl Proxy {
    /// Leads to the server at `port` on loopback; without one, connections are refused.
    pub(crate) async fn start(port: Option<u16>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let own_port = listener.local_addr().unwrap().port();
        let route = Arc::new(Mutex::new(Route::to(port)));
        tokio::spawn(accept(listener, Arc::clone(&route)));
        Self { port: own_port, route }
    }

    /// Swallows whatever is sent from now on, over old connections and new ones; none is closed.
    pub(crate) fn fall_silent(&self) {
        self.route.lock().unwrap().silent.send_replace(true);
    }

    /// Leads new connections elsewhere. Silent ones stay silent.
    pub(crate) fn lead_to(&self, port: Option<u16>) {
        *self.route.lock().unwrap() = Route::to(port);
    }
}

async fn accept(listener: TcpListener, route: Arc<Mutex<Route>>) {
    loop {
        let (near, _) = listener.accept().await.unwrap();
        let Route { port, silent } = route.lock().unwrap().clone();
        // Dropped at once where there is no server: refused, as far as the other end can tell.
        let Some(port) = port else { continue };
        tokio::spawn(async move {
            if *silent.borrow() {
                return hold(near).await;
            }
            let Ok(far) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else { return };
            // Both ends send small messages and wait for the answer to each.
            near.set_nodelay(true).unwrap();
            far.set_nodelay(true).unwrap();
            let ((from_near, to_near), (from_far, to_far)) = (near.into_split(), far.into_split());
            tokio::spawn(copy(from_near, to_far, silent.subscribe()));
            copy(from_far, to_near, silent.subscribe()).await;
        });
    }
}

async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut silent: watch::Receiver<bool>) {
    let mut buffer = vec![0; 16 * 1_024];
    loop {
        let read = from.read(&mut buffer).await.unwrap_or(0);
        if *silent.borrow_and_update() {
            // Neither the bytes nor the news that the other end has gone.
            return std::future::pending().await;
        }
        if read == 0 || to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

async fn hold(connection: TcpStream) {
    let _open = connection;
    std::future::pending().await
}
