//! The forward proxy of one job, on a loopback port of its own: the port is what tells jobs apart. Chromium's requests
//! come in absolute form for http and as CONNECT for everything else, WebSockets included; answers go back byte by byte,
//! so that the browser judges them and not we.
//!
//! Whoever else on this machine finds the port can reach what the guard allows, which they can without it. Where the way
//! leads on through a proxy of the user's, they cannot: that has a name and a price, and its credentials are added here. So
//! such a job's proxy wants a [`Pass`] that only our browser is given, at its first request, over DevTools; Chromium sends
//! it along from then on. A page cannot come here at all: the guard refuses loopback to it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet};
use url::Url;

use protocol::Secret;
use protocol::secret::random_bytes;

use super::egress::{Egress, Place, Way, place};
use crate::connect::authorization;
use crate::proxy::ProxyCredentials;

/// Bytes of one request's head: Chromium's own limit for what servers send; cookies of many hops fit.
const MAX_HEAD_BYTES: usize = 256 * 1_024;
/// Connections of one job at once. Chromium opens 32 through a proxy, and WebSockets beside them.
const MAX_CONNECTIONS: usize = 64;
/// Bytes that go through at once.
const CHUNK_BYTES: usize = 16 * 1_024;
/// Pause after a connection that could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// The field of an answer that says where it leads.
const LOCATION: &[u8] = b"\nlocation:";

/// What lets our browser through a job's proxy, and nobody else.
#[derive(Clone)]
pub(super) struct Pass {
    /// Asked for by this name, which nobody else can know: whoever else wants credentials is told none.
    realm: String,
    pub(super) credentials: ProxyCredentials,
}

impl Pass {
    fn random() -> Self {
        let random = || data_encoding::HEXLOWER.encode(&random_bytes::<16>());
        Self { realm: random(), credentials: ProxyCredentials { user: "job".to_owned(), password: Secret::new(random()) } }
    }

    /// Whether it is this proxy that asks, by `Fetch.AuthChallenge` of DevTools.
    pub(super) fn is_asked_for(&self, source: &str, realm: &str) -> bool {
        source == "Proxy" && realm == self.realm
    }

    fn is_in(&self, head: &Head) -> bool {
        // 128 random bits that hold for seconds: how long the comparison takes is no way to guess them.
        head.authorization.as_deref() == Some(authorization(&self.credentials).as_str())
    }

    fn question(&self) -> String {
        let realm = &self.realm;
        format!("HTTP/1.1 407 Whose\r\nProxy-Authenticate: Basic realm=\"{realm}\"\r\nContent-Length: 0\r\n\r\n")
    }
}

/// A port that leads nowhere yet: whoever connects waits until it is some job's.
pub(super) struct ProxyPort {
    listener: TcpListener,
    number: u16,
}

impl ProxyPort {
    /// Listens on a free port.
    ///
    /// # Errors
    /// When there is none.
    pub(super) async fn open() -> io::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        let number = listener.local_addr()?.port();
        Ok(Self { listener, number })
    }

    pub(super) fn number(&self) -> u16 {
        self.number
    }

    /// Makes it the way out of a job.
    pub(super) fn serve(self, egress: Arc<Egress>) -> JobProxy {
        let pass = egress.upstream().is_some().then(Pass::random);
        JobProxy { accepting: tokio::spawn(accept(self.listener, egress, pass.clone())).abort_handle(), pass }
    }
}

/// The proxy of one job. Dropping it closes the port and every connection.
pub(super) struct JobProxy {
    pass: Option<Pass>,
    accepting: AbortHandle,
}

impl JobProxy {
    /// What it wants to see, if anything.
    pub(super) fn pass(&self) -> Option<&Pass> {
        self.pass.as_ref()
    }
}

impl Drop for JobProxy {
    fn drop(&mut self) {
        // The connections are tasks of the set that this task owns.
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, egress: Arc<Egress>, pass: Option<Pass>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let Ok(permit) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let (egress, pass) = (Arc::clone(&egress), pass.clone());
                connections.spawn(async move {
                    let _permit = permit;
                    if let Err(error) = Exchange::new(stream, &egress, pass.as_ref()).run().await {
                        tracing::trace!(%error, "a connection of the browser ended");
                    }
                });
            }
            // Out of descriptors, most likely: those under way will free some.
            Err(error) => {
                tracing::debug!(%error, "no connection from the browser");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

/// One connection from the browser, and the one that it is joined to.
struct Exchange<'a> {
    egress: &'a Egress,
    pass: Option<&'a Pass>,
    browser: TcpStream,
    /// What came from the browser and is not yet passed on.
    waiting: Vec<u8>,
    /// Bytes of the current request's body that are still to come.
    body_left: u64,
    upstream: Option<(Place, Way)>,
}

/// The head of a request, as far as a proxy cares.
struct Head {
    method: String,
    target: String,
    /// The rest after the request line, without what is meant for proxies.
    fields: Vec<u8>,
    body: u64,
    /// What was said to the proxy to be let through.
    authorization: Option<String>,
}

impl<'a> Exchange<'a> {
    fn new(browser: TcpStream, egress: &'a Egress, pass: Option<&'a Pass>) -> Self {
        Self { egress, pass, browser, waiting: Vec::new(), body_left: 0, upstream: None }
    }

    async fn run(mut self) -> io::Result<()> {
        self.browser.set_nodelay(true)?;
        let mut from_browser = vec![0; CHUNK_BYTES];
        let mut from_site = vec![0; CHUNK_BYTES];
        loop {
            let site = async {
                match &mut self.upstream {
                    Some((_, way)) => way.stream.read(&mut from_site).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                read = self.browser.read(&mut from_browser) => match read? {
                    0 => return Ok(()),
                    length => {
                        self.waiting.extend_from_slice(&from_browser[..length]);
                        if self.pass_on().await? == Turn::Over {
                            return Ok(());
                        }
                    }
                },
                read = site => match read {
                    // A body may end with the connection, and a reset is news for the browser too.
                    Ok(0) => return self.browser.shutdown().await,
                    Ok(length) if self.egress.spend(length) => {
                        let bytes = &from_site[..length];
                        if !is_redirect(bytes) {
                            self.egress.wait_for_page().await;
                        }
                        self.browser.write_all(bytes).await?;
                    }
                    Ok(_) => return Err(io::Error::other("the job's bytes are spent")),
                    Err(_) => return self.reset(),
                },
            }
        }
    }

    /// Lets the browser see a connection that broke as one: without a lingering end the system sends a reset.
    fn reset(&self) -> io::Result<()> {
        socket2::SockRef::from(&self.browser).set_linger(Some(Duration::ZERO))
    }

    /// Passes on what came from the browser: bodies as they are, heads rewritten.
    async fn pass_on(&mut self) -> io::Result<Turn> {
        while !self.waiting.is_empty() {
            if self.body_left > 0 {
                let length = usize::try_from(self.body_left).unwrap_or(usize::MAX).min(self.waiting.len());
                let Some((_, way)) = &mut self.upstream else { return Ok(Turn::Over) };
                way.stream.write_all(&self.waiting[..length]).await?;
                self.waiting.drain(..length);
                self.body_left -= length as u64;
                continue;
            }
            let Some(length) = self.waiting.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4) else {
                let fits = self.waiting.len() < MAX_HEAD_BYTES;
                return Ok(if fits { Turn::Goes } else { Turn::Over });
            };
            let head = Head::read(&self.waiting[..length]);
            self.waiting.drain(..length);
            let Some(head) = head else { return Ok(Turn::Over) };
            if let Some(pass) = self.pass.filter(|pass| !pass.is_in(&head)) {
                self.browser.write_all(pass.question().as_bytes()).await?;
                if head.body > 0 {
                    return Ok(Turn::Over);
                }
                continue;
            }
            let turn = if head.method == "CONNECT" { self.tunnel(&head).await? } else { self.forward(head).await? };
            if turn == Turn::Over {
                return Ok(Turn::Over);
            }
        }
        Ok(Turn::Goes)
    }

    async fn tunnel(&mut self, head: &Head) -> io::Result<Turn> {
        // The guard reads host and port; what is spoken inside, TLS or WebSocket, is the browser's affair.
        let Ok(url) = Url::parse(&format!("https://{}/", head.target)) else { return Ok(Turn::Over) };
        match self.egress.reach(&url, true).await {
            Ok(way) => {
                self.browser.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").await?;
                self.upstream = Some((place(&url), way));
                self.body_left = u64::MAX;
                Ok(Turn::Goes)
            }
            Err(_) => {
                self.browser.write_all(b"HTTP/1.1 502 Unreached\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await?;
                Ok(Turn::Over)
            }
        }
    }

    async fn forward(&mut self, head: Head) -> io::Result<Turn> {
        let Some(url) = Url::parse(&head.target).ok().filter(|url| url.scheme() == "http") else { return Ok(Turn::Over) };
        let place = place(&url);
        let kept = self.upstream.take().filter(|(kept, _)| *kept == place);
        let mut way = match kept {
            Some((_, way)) => way,
            // Nothing is said to the browser: whatever we said would look like the site's own answer.
            None => match self.egress.reach(&url, false).await {
                Ok(way) => way,
                Err(_) => return Ok(Turn::Over),
            },
        };
        let mut bytes = Vec::with_capacity(head.target.len() + head.fields.len() + 64);
        let target = if way.is_proxy { head.target.as_str() } else { origin_form(&head.target) };
        for part in [head.method.as_bytes(), b" ", target.as_bytes(), b" HTTP/1.1\r\n"] {
            bytes.extend_from_slice(part);
        }
        if let Some(credentials) = self.egress.upstream().filter(|_| way.is_proxy).and_then(|profile| profile.credentials.as_ref()) {
            bytes.extend_from_slice(format!("Proxy-Authorization: {}\r\n", authorization(credentials)).as_bytes());
        }
        bytes.extend_from_slice(&head.fields);
        way.stream.write_all(&bytes).await?;
        self.body_left = head.body;
        self.upstream = Some((place, way));
        Ok(Turn::Goes)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Goes,
    Over,
}

/// Whether these bytes begin an answer that leads elsewhere and so brings no page, as far as a proxy can see that: not in a
/// tunnel, and not in pieces.
fn is_redirect(bytes: &[u8]) -> bool {
    let Some(status) = bytes.strip_prefix(b"HTTP/1.1 ") else { return false };
    let leads = [b"301", b"302", b"303", b"307", b"308"].iter().any(|code| status.starts_with(*code));
    leads && bytes.windows(LOCATION.len()).any(|field| field.eq_ignore_ascii_case(LOCATION))
}

/// The request-target without scheme and authority (RFC 9112, section 3.2.1), byte for byte as the browser wrote it.
fn origin_form(absolute: &str) -> &str {
    let after_scheme = absolute.find("://").map_or(absolute, |at| &absolute[at + 3..]);
    after_scheme.find(['/', '?']).map_or("/", |at| &after_scheme[at..])
}

impl Head {
    fn read(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (line, rest) = text.split_once("\r\n")?;
        let mut words = line.split(' ');
        let (method, target) = (words.next()?, words.next()?);
        let mut fields = Vec::with_capacity(rest.len());
        let (mut body, mut authorization) = (0, None);
        for field in rest.split_inclusive("\r\n") {
            let name = field.split(':').next().unwrap_or_default();
            if name.eq_ignore_ascii_case("proxy-authorization") {
                authorization = Some(field[name.len() + 1..].trim().to_owned());
                continue;
            }
            if name.eq_ignore_ascii_case("proxy-connection") {
                // What a browser without a proxy says.
                fields.extend_from_slice(b"Connection: keep-alive\r\n");
                continue;
            }
            if name.eq_ignore_ascii_case("content-length") {
                body = field[name.len() + 1..].trim().parse().ok()?;
            }
            fields.extend_from_slice(field.as_bytes());
        }
        Some(Self { method: method.to_owned(), target: target.to_owned(), fields, body, authorization })
    }
}

#[cfg(test)]
mod tests {
    use super::super::egress::Limits;
    use super::*;
    use crate::connect::Tls;
    use crate::guard::{Exceptions, Guard, SystemNames};
    use crate::pace::Pacer;

    #[test]
    fn a_request_loses_what_was_meant_for_the_proxy() {
        let head =
            Head::read(b"POST http://a.test/x?y HTTP/1.1\r\nHost: a.test\r\nProxy-Connection: keep-alive\r\nContent-Length: 3\r\n\r\n");
        let head = head.unwrap();
        assert_eq!(origin_form(&head.target), "/x?y");
        assert_eq!(origin_form("http://a.test"), "/");
        assert_eq!(origin_form("http://a.test?q"), "?q");
        assert_eq!(head.body, 3);
        assert_eq!(String::from_utf8(head.fields).unwrap(), "Host: a.test\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\n");
    }

    fn egress_of(guard: Guard, tls: Tls) -> Arc<Egress> {
        let limits = Limits { dial: Duration::from_secs(5), bytes: 10_000 };
        let egress = Egress::new(guard, tls, None, Arc::new(Pacer::new(1)), limits);
        egress.let_in();
        Arc::new(egress)
    }

    async fn connect(egress: &Arc<Egress>) -> (JobProxy, TcpStream) {
        let port = ProxyPort::open().await.unwrap();
        let stream = TcpStream::connect(("127.0.0.1", port.number())).await.unwrap();
        (port.serve(Arc::clone(egress)), stream)
    }

    async fn ask(exceptions: &[String], request: &str) -> (String, Arc<Egress>) {
        let guard = Guard::new(Exceptions::parse(exceptions).unwrap(), Arc::new(SystemNames));
        let tls = Tls::new(Vec::new());
        let egress = egress_of(guard, tls);
        let (_proxy, mut stream) = connect(&egress).await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await.unwrap().ok();
        (String::from_utf8_lossy(&answer).into_owned(), egress)
    }

    #[tokio::test]
    async fn what_the_guard_refuses_is_never_dialled() {
        let site = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = site.local_addr().unwrap().port();
        let (answer, egress) = ask(&[], &format!("GET http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: x\r\n\r\n")).await;
        assert_eq!(answer, "");
        assert_eq!(egress.refused().len(), 1);
        let (answer, _) = ask(&[], &format!("CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");
        let nobody = tokio::time::timeout(Duration::ZERO, site.accept()).await;
        assert!(nobody.is_err());
    }

    #[tokio::test]
    async fn requests_to_two_hosts_over_one_connection_go_to_each() {
        let serve = |name: &'static str| async move {
            let site = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = site.local_addr().unwrap();
            tokio::spawn(async move {
                let (mut stream, _) = site.accept().await.unwrap();
                let mut head = vec![0; 1_024];
                let length = stream.read(&mut head).await.unwrap();
                assert!(head[..length].starts_with(b"GET /p HTTP/1.1\r\n"));
                stream.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{name}").as_bytes()).await.unwrap();
                // Until the other end goes.
                assert!(!matches!(stream.read(&mut head).await, Ok(1..)));
            });
            address
        };
        let (a, b) = (serve("a").await, serve("b").await);
        let guard = Guard::new(Exceptions::parse([format!("a.test={a}"), format!("b.test={b}")]).unwrap(), Arc::new(SystemNames));
        let egress = egress_of(guard, Tls::new(Vec::new()));
        let (_proxy, mut stream) = connect(&egress).await;
        for name in ["a", "b"] {
            stream.write_all(format!("GET http://{name}.test/p HTTP/1.1\r\nHost: {name}.test\r\n\r\n").as_bytes()).await.unwrap();
            let mut answer = vec![0; 39];
            stream.read_exact(&mut answer).await.unwrap();
            assert!(answer.ends_with(name.as_bytes()), "{}", String::from_utf8_lossy(&answer));
            assert_eq!(egress.reached(&(format!("{name}.test"), 80)).map(|address| address.by_exception()), Some(true));
        }
    }

    #[tokio::test]
    async fn what_comes_in_waits_for_the_page() {
        let site = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let exception = format!("a.test={}", site.local_addr().unwrap());
        let guard = Guard::new(Exceptions::parse([exception]).unwrap(), Arc::new(SystemNames));
        let limits = Limits { dial: Duration::from_secs(5), bytes: 10_000 };
        let egress = Arc::new(Egress::new(guard, Tls::new(Vec::new()), None, Arc::new(Pacer::new(1)), limits));
        let (_proxy, mut stream) = connect(&egress).await;
        stream.write_all(b"GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n").await.unwrap();
        // The request goes out meanwhile.
        let (mut answering, _) = site.accept().await.unwrap();
        assert!(answering.read(&mut [0; 1_024]).await.unwrap() > 0);
        let mut answer = [0; 16];
        let (redirect, page) = (b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 302 So\n");
        answering.write_all(redirect).await.unwrap();
        stream.read_exact(&mut vec![0; redirect.len()]).await.unwrap();
        answering.write_all(page).await.unwrap();
        // Turns enough for everyone who has something to do.
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
        assert_eq!(stream.try_read(&mut answer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        egress.let_in();
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, page);
    }

    #[tokio::test]
    async fn a_job_gets_no_more_bytes_than_its_budget() {
        let site = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = site.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = site.accept().await.unwrap();
            while stream.write_all(&[b'x'; 4_096]).await.is_ok() {}
        });
        let (answer, _) = ask(&[format!("a.test={address}")], "GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
        assert!(answer.len() <= 10_000, "{}", answer.len());
    }
}
