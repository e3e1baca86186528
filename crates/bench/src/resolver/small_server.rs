//! The site without nginx: GET only, no more of HTTP than the redirects and the page need, and no slower for it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

use super::site::{PAGE, REDIRECTS};

/// Bytes of a request's head: what comes from browsers fits twice.
const HEAD_BYTES: usize = 16 * 1_024;

/// A running server; it ends when it is dropped.
pub(super) struct SmallServer {
    _runtime: Runtime,
}

impl SmallServer {
    /// Listens on all addresses, on one thread.
    pub(super) fn start(addresses: &[SocketAddr], page: &str) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let page: Arc<str> = page.into();
        for address in addresses {
            let listener = runtime.block_on(TcpListener::bind(address))?;
            let page = Arc::clone(&page);
            runtime.spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let page = Arc::clone(&page);
                    // A client that goes away is no news.
                    tokio::spawn(async move { serve(stream, &page).await.ok() });
                }
            });
        }
        Ok(Self { _runtime: runtime })
    }

    /// What it is, for a person.
    pub(super) const fn describe(&self) -> &'static str {
        "a small server inside this program, nginx not being installed"
    }
}

async fn serve(mut stream: TcpStream, page: &str) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut head = Vec::with_capacity(1_024);
    loop {
        while let Some(end) = head.windows(4).position(|window| window == b"\r\n\r\n") {
            let answer = answer(&head[..end], page);
            head.drain(..end + 4);
            stream.write_all(answer.as_bytes()).await?;
        }
        if head.len() > HEAD_BYTES || stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
}

fn answer(head: &[u8], page: &str) -> String {
    let head = String::from_utf8_lossy(head);
    let path = head.split(' ').nth(1).unwrap_or_default();
    let redirect = REDIRECTS.iter().find_map(|(from, status, to)| Some((status, to, path.strip_prefix(from)?)));
    if let Some((status, to, link)) = redirect {
        return format!("HTTP/1.1 {status} Moved\r\nlocation: {to}{link}\r\ncontent-length: 0\r\n\r\n");
    }
    if path.starts_with(PAGE) {
        let length = page.len();
        return format!("HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {length}\r\n\r\n{page}");
    }
    "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_owned()
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;

    #[test]
    fn a_link_leads_over_three_redirects_to_the_page() {
        let mut path = "/l/7".to_owned();
        for status in ["302", "302", "301"] {
            let answer = answer(format!("GET {path} HTTP/1.1\r\nhost: a").as_bytes(), "hello");
            assert_eq!(answer.split(' ').nth(1), Some(status));
            path = answer.split("location: ").nth(1).unwrap().split("\r\n").next().unwrap().to_owned();
        }
        assert!(answer(format!("GET {path} HTTP/1.1").as_bytes(), "hello").ends_with("content-length: 5\r\n\r\nhello"));
        assert!(answer(b"GET /favicon.ico HTTP/1.1", "hello").starts_with("HTTP/1.1 404 "));
    }

    #[test]
    fn it_answers_over_a_connection_that_is_kept() {
        let address = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).unwrap();
        let _server = SmallServer::start(&[address], "hello").unwrap();
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        // Two requests at once, the second cut in two.
        stream.write_all(b"GET /l/1 HTTP/1.1\r\nhost: a\r\n\r\nGET /p/1 HT").unwrap();
        stream.write_all(b"TP/1.1\r\nhost: a\r\n\r\n").unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answers = String::new();
        stream.read_to_string(&mut answers).unwrap();
        assert!(
            answers.starts_with("HTTP/1.1 302 ") && answers.contains("location: /m/1") && answers.ends_with("\r\n\r\nhello"),
            "{answers}"
        );
    }
}
