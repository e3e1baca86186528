//! As much of a browser as it takes to read pages: one connection, a session's cookie, and forms of the relay's own.

use std::net::SocketAddr;

use anyhow::{Context, ensure};

use crate::http1::Connection;

/// Whoever reads, signed in as the owner of the relay's first account.
pub(super) struct Browser {
    address: SocketAddr,
    connection: Connection,
    cookie: String,
}

const EMAIL: &str = "owner%40bench.example";
const PASSPHRASE: &str = "correct+horse+battery";

impl Browser {
    /// Sets the owner up by the path of a set-up link, or signs them in when there is none.
    pub(super) async fn sign_in(address: SocketAddr, setup: Option<&str>) -> anyhow::Result<Self> {
        let mut browser = Self { address, connection: Connection::open(address).await?, cookie: String::new() };
        let (path, form) = match setup.and_then(|path| path.split_once("token=")) {
            Some((_, token)) => ("/setup", format!("token={token}&email={EMAIL}&name=Owner&passphrase={PASSPHRASE}&repeated={PASSPHRASE}")),
            None => ("/sign-in", format!("email={EMAIL}&passphrase={PASSPHRASE}&next=")),
        };
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nOrigin: http://{address}\r\nSec-Fetch-Site: same-origin\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            form.len()
        );
        let answer = browser.connection.exchange(request.as_bytes()).await?;
        ensure!(answer.status == 303, "signing in got {}", answer.status);
        let cookie = answer.header("set-cookie").and_then(|cookie| cookie.split(';').next()).context("no cookie came")?;
        browser.cookie = cookie.to_owned();
        Ok(browser)
    }

    /// Asks for a page; `coding` is what the browser can unpack. Status and body.
    pub(super) async fn get(&mut self, path: &str, coding: &str) -> anyhow::Result<(u16, &[u8])> {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nSec-Fetch-Site: same-origin\r\nAccept-Encoding: {coding}\r\nCookie: {}\r\n\r\n",
            self.address, self.cookie
        );
        let answer = self.connection.exchange(request.as_bytes()).await.with_context(|| format!("GET {path}"))?;
        Ok((answer.status, answer.body))
    }

    /// A page as text.
    pub(super) async fn text(&mut self, path: &str) -> anyhow::Result<(u16, String)> {
        let (status, body) = self.get(path, "identity").await?;
        Ok((status, String::from_utf8_lossy(body).into_owned()))
    }
}
