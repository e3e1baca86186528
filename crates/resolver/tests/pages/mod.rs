//! A small site for tests of the browser: pages by path, on loopback.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A running site; dropping it ends it.
pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    serving: JoinHandle<()>,
}

/// Whole answers by path.
type Answers = BTreeMap<String, Vec<u8>>;

impl Site {
    /// Serves HTML by path, whatever the query; everything else is 404. An answer that begins with `HTTP/` is sent as it is.
    pub(crate) async fn start(pages: &[(&str, &str)]) -> Self {
        let answers: Answers = pages.iter().map(|(path, page)| ((*path).to_owned(), answer(page))).collect();
        let answers = Arc::new(answers);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&answers)));
            }
        });
        Self { address, serving }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn answer(page: &str) -> Vec<u8> {
    if page.starts_with("HTTP/") {
        return page.as_bytes().to_vec();
    }
    let length = page.len();
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {length}\r\n\r\n{page}").into_bytes()
}

async fn serve(mut stream: TcpStream, answers: Arc<Answers>) {
    let mut waiting = Vec::new();
    loop {
        while let Some(end) = waiting.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&waiting[..end]).into_owned();
            waiting.drain(..end + 4);
            let target = head.split(' ').nth(1).unwrap_or_default();
            let path = target.split('?').next().unwrap_or_default();
            let missing = b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\ngone".to_vec();
            let bytes = answers.get(path).unwrap_or(&missing);
            if stream.write_all(bytes).await.is_err() {
                return;
            }
        }
        match stream.read_buf(&mut waiting).await {
            Ok(1..) => (),
            Ok(0) | Err(_) => return,
        }
    }
}
