//! A site that is reached through a proxy which wants a password, and by nobody else.

use std::net::SocketAddr;

use data_encoding::BASE64;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const PAGE: &str = "<!doctype html><title>Offer</title><h1>An offer that is there</h1><p>With enough text to be a page.</p>";

/// A proxy that answers every request itself, for whoever knows user and password.
pub(crate) async fn start(user: &str, password: &str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let allowed = format!("basic {}", BASE64.encode(format!("{user}:{password}").as_bytes()));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, allowed.clone()));
        }
    });
    address
}

async fn serve(mut stream: TcpStream, allowed: String) {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return,
            }
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let said = head.lines().filter_map(|line| line.split_once(": ")).find(|(name, _)| name.eq_ignore_ascii_case("proxy-authorization"));
        let is_allowed = said.is_some_and(|(_, value)| {
            let (scheme, credentials) = value.split_once(' ').unwrap_or_default();
            format!("{} {credentials}", scheme.to_ascii_lowercase()) == allowed
        });
        let answer = if is_allowed {
            format!("HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\r\n{PAGE}", PAGE.len())
        } else {
            "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"test\"\r\nContent-Length: 0\r\n\r\n".to_owned()
        };
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}
