//! A site whose pages come when the test says so.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Answers every request once it is open.
pub(crate) struct Site {
    address: SocketAddr,
    open: Arc<watch::Sender<bool>>,
    requests: watch::Receiver<usize>,
}

impl Site {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (open, (asked, requests)) = (Arc::new(watch::Sender::new(false)), watch::channel(0));
        let asked = Arc::new(asked);
        let gate = Arc::clone(&open);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, gate.subscribe(), Arc::clone(&asked)));
            }
        });
        Self { address, open, requests }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/offer", self.address)
    }

    /// Waits until so many requests have come in all.
    pub(crate) async fn asked(&self, times: usize) {
        self.requests.clone().wait_for(|requests| *requests >= times).await.unwrap();
    }

    pub(crate) fn open(&self) {
        self.open.send_replace(true);
    }
}

async fn serve(mut stream: TcpStream, mut open: watch::Receiver<bool>, asked: Arc<watch::Sender<usize>>) {
    let mut head = Vec::new();
    let mut bytes = [0; 4_096];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut bytes).await {
            Ok(count) if count > 0 => head.extend(&bytes[..count]),
            _ => return,
        }
    }
    asked.send_modify(|requests| *requests += 1);
    open.wait_for(|open| *open).await.unwrap();
    let page = "<!doctype html><title>Offer</title><h1>An offer that is there</h1><p>With enough text to be a page.</p>";
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nConnection: close\r\n";
    let _ = stream.write_all(format!("{head}Content-Length: {}\r\n\r\n{page}", page.len()).as_bytes()).await;
}
