//! A site of three pages: one that answers, one that does not before it is told to, one that never does.

use std::net::SocketAddr;

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub(crate) struct Site {
    address: SocketAddr,
    held: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

const PAGE: Html<&str> = Html("<!doctype html><title>A shop</title><h1>A shop</h1><p>Things to buy, and words about them.");

impl Site {
    pub(crate) async fn start() -> Self {
        let (held, release) = watch::channel(true);
        let slow = move || {
            let mut release = release.clone();
            async move {
                // An error means that the test is over.
                let _ = release.wait_for(|held| !held).await;
                PAGE
            }
        };
        let never = || std::future::pending::<Html<&str>>();
        let router = Router::new().route("/shop", get(|| async { PAGE })).route("/slow", get(slow)).route("/never", get(never));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, held, serving }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn shop(&self) -> String {
        format!("http://{}/shop", self.address)
    }

    /// Answers only after [`Self::let_slow_pages_answer`].
    pub(crate) fn slow(&self) -> String {
        format!("http://{}/slow", self.address)
    }

    /// Never answers.
    pub(crate) fn never(&self) -> String {
        format!("http://{}/never", self.address)
    }

    pub(crate) fn let_slow_pages_answer(&self) {
        self.held.send_replace(false);
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
