//! One request and the head of its answer: over a kept connection or a new one, direct or through a proxy.

use std::borrow::Cow;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::sync::OwnedSemaphorePermit;
use url::Url;

use crate::answer::{Fields, Head, Version};
use crate::budgets::Budgets;
use crate::connect::{
    DialError, Found, Origin, Peer, Pool, Shared, Tls, TlsStream, TunnelError, TunnelTarget, authorization, dial, tunnel,
};
use crate::guard::{CheckError, CheckedAddr, Guard, Refusal};
use crate::http1::{Connection, ExchangeError, Opened, Stream};
use crate::load::{Load, Patience, Places};
use crate::pace::Pacer;
use crate::proxy::{ProxyProfile, ProxyScheme};

/// What every chain of a resolver fetches with.
pub(crate) struct Fetcher {
    pub(crate) guard: Guard,
    pool: Pool,
    pub(crate) tls: Tls,
    pacer: Arc<Pacer>,
    pub(crate) load: Load,
    head_bytes: usize,
}

/// A request without a body.
pub(crate) struct Request<'a> {
    pub(crate) method: &'static str,
    pub(crate) url: &'a Url,
    /// Names as HTTP/1 spells them, in the order in which a browser sends them; `Host` is not among them.
    pub(crate) fields: &'a [(&'static str, Cow<'a, str>)],
    pub(crate) proxy: Option<(&'a str, &'a ProxyProfile)>,
}

/// The head of an answer, its body still to come.
pub(crate) struct Fetched {
    pub(crate) head: Head,
    pub(crate) peer: Peer,
    body: OpenBody,
    origin: Origin,
    _turn: Turn,
}

/// The right to have one request under way to a host, until its body has come.
pub(crate) struct Turn {
    _permit: Option<OwnedSemaphorePermit>,
}

enum OpenBody {
    Own(Opened),
    Shared(hyper::body::Incoming),
}

/// A request that got no answer, and what was dialled for it.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) cause: FetchError,
    pub(crate) peer: Option<CheckedAddr>,
}

/// Why a request got no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error(transparent)]
    Refused(Refusal),
    #[error("{0}")]
    Unresolved(String),
    #[error("{0}")]
    Connect(String),
    #[error("{0}")]
    Tls(String),
    /// The proxy, or this machine, cannot do it: nothing is said of the link.
    #[error("{0}")]
    Unavailable(String),
    /// This machine's trust cannot be read: nothing is said of the link.
    #[error("this machine's TLS trust cannot be read: {0}")]
    NoTrust(rustls::Error),
    #[error("{0}")]
    TimedOut(String),
}

impl From<FetchError> for Failure {
    fn from(cause: FetchError) -> Self {
        Self { cause, peer: None }
    }
}

impl From<CheckError> for FetchError {
    fn from(error: CheckError) -> Self {
        match error {
            CheckError::Refused(refusal) => Self::Refused(refusal),
            CheckError::Unresolved(unresolved) => Self::Unresolved(unresolved.to_string()),
            CheckError::Unavailable(cause) => Self::Unavailable(cause),
        }
    }
}

impl From<DialError> for FetchError {
    fn from(error: DialError) -> Self {
        match &error {
            DialError::Unreachable { source, .. } if source.kind() == io::ErrorKind::TimedOut => Self::TimedOut(error.to_string()),
            DialError::Unreachable { .. } | DialError::NoAddress => Self::Connect(error.to_string()),
        }
    }
}

impl Fetcher {
    pub(crate) fn new(guard: Guard, tls: Tls, pacer: Arc<Pacer>, budgets: &Budgets) -> Self {
        Self { guard, pool: Pool::new(budgets.connections_per_host), tls, pacer, load: Load::default(), head_bytes: budgets.head_bytes }
    }

    /// Waits until one more request may go to a URL's host: for a free place, and for the pace.
    pub(crate) async fn turn(&self, url: &Url) -> Turn {
        let host = url.host_str().unwrap_or_default();
        let permit = self.pool.permit(host, url.port_or_known_default().unwrap_or_default()).await;
        // What the user vouches for (the lab, a test's server) is not somebody else's site.
        if !self.guard.is_excepted(url) {
            self.pacer.wait(host).await;
        }
        Turn { _permit: permit }
    }

    /// Sends a request and awaits the head of its answer.
    pub(crate) async fn fetch(&self, request: &Request<'_>, turn: Turn) -> Result<Fetched, Failure> {
        let url = request.url;
        // Before a kept connection is used too: a refused port or name must not pass by way of the pool.
        match request.proxy {
            Some(_) => self.guard.check_for_proxy(url),
            None => self.guard.check_url(url),
        }
        .map_err(FetchError::Refused)?;
        let origin = Origin {
            host: url.host_str().unwrap_or_default().to_owned(),
            port: url.port_or_known_default().unwrap_or_default(),
            is_https: url.scheme() == "https",
            proxy: request.proxy.map(|(name, _)| name.to_owned()),
        };
        let mut sent_whole: Option<Vec<u8>> = None;
        loop {
            let (connection, peer) = match self.pool.take(&origin) {
                Found::Own(connection, peer) => (connection, peer),
                Found::Shared(shared) => match self.over_http2(request, &shared).await {
                    Ok((head, body)) => {
                        return Ok(Fetched { head, peer: shared.peer, body: OpenBody::Shared(body), origin, _turn: turn });
                    }
                    Err(error) if error.is_canceled() || error.is_closed() => {
                        // The server has closed it without seeing the request.
                        self.pool.unshare(&origin);
                        continue;
                    }
                    Err(error) => {
                        self.pool.unshare(&origin);
                        let cause = FetchError::Connect(ExchangeError::from(error).to_string());
                        return Err(Failure { cause, peer: Some(shared.peer.address) });
                    }
                },
                Found::Nothing => match self.open(request, &origin).await? {
                    NewConnection::Own(connection, peer) => (connection, peer),
                    NewConnection::Shared(shared) => {
                        self.pool.share(&origin, shared);
                        continue;
                    }
                },
            };
            let bytes = sent_whole.get_or_insert_with(|| write_request(request, &origin));
            match connection.exchange(bytes, self.head_bytes).await {
                Ok((head, opened)) => {
                    if head.status == 407 && request.proxy.is_some() && !origin.is_https {
                        let cause = FetchError::Unavailable("the proxy wants other credentials (407)".to_owned());
                        return Err(Failure { cause, peer: Some(peer.address) });
                    }
                    return Ok(Fetched { head, peer, body: OpenBody::Own(opened), origin, _turn: turn });
                }
                Err(ExchangeError::Stale) => (),
                Err(ExchangeError::Io(error)) if error.kind() == io::ErrorKind::TimedOut => {
                    return Err(Failure { cause: FetchError::TimedOut(error.to_string()), peer: Some(peer.address) });
                }
                Err(error) => return Err(Failure { cause: FetchError::Connect(error.to_string()), peer: Some(peer.address) }),
            }
        }
    }

    async fn open(&self, request: &Request<'_>, origin: &Origin) -> Result<NewConnection, Failure> {
        let (addresses, known) = match request.proxy {
            None => (self.guard.check(request.url).await.map_err(FetchError::from)?, None),
            Some((_, profile)) => {
                let way = self.guard.check_through(request.url, profile).await.map_err(FetchError::from)?;
                (way.proxy, way.target)
            }
        };
        let through_proxy = |error: DialError| match request.proxy {
            Some(_) => FetchError::Unavailable(format!("the proxy cannot be reached: {error}")),
            None => error.into(),
        };
        let (stream, address) = dial(&addresses).await.map_err(through_proxy)?;
        let failed = |cause| Failure { cause, peer: Some(address) };
        let mut stream: Box<dyn Stream> = Box::new(stream);
        if let Some((_, profile)) = request.proxy {
            stream = self.through_proxy(profile, stream, origin, known).await.map_err(failed)?;
        }
        if !origin.is_https {
            return Ok(NewConnection::Own(Connection::new(stream), Peer { address, tls_version: None }));
        }
        self.tls.check().map_err(|error| failed(FetchError::NoTrust(error)))?;
        let stream = self.tls.to_site(&origin.host, stream).await.map_err(|error| failed(tls_error(&error)))?;
        let peer = Peer { address, tls_version: tls_version(&stream) };
        if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
            return Ok(NewConnection::Shared(self.start_http2(stream, peer).await.map_err(failed)?));
        }
        Ok(NewConnection::Own(Connection::new(Box::new(stream)), peer))
    }

    async fn through_proxy(
        &self,
        profile: &ProxyProfile,
        mut stream: Box<dyn Stream>,
        origin: &Origin,
        known: Option<IpAddr>,
    ) -> Result<Box<dyn Stream>, FetchError> {
        if profile.scheme == ProxyScheme::Https {
            let shaken = self.tls.to_proxy(&profile.host, stream).await;
            stream = Box::new(shaken.map_err(|error| FetchError::Unavailable(format!("the proxy's TLS fails: {error}")))?);
        }
        // Plain requests go to an HTTP proxy as they are; everything else needs a tunnel.
        if !origin.is_https && profile.scheme != ProxyScheme::Socks5 {
            return Ok(stream);
        }
        let target = TunnelTarget { host: &origin.host, known, port: origin.port };
        tunnel(profile, stream, target).await.map_err(|error| match error {
            TunnelError::Proxy(_) => FetchError::Unavailable(error.to_string()),
            TunnelError::Target(_) => FetchError::Connect(error.to_string()),
        })
    }

    async fn start_http2(&self, stream: TlsStream, peer: Peer) -> Result<Shared, FetchError> {
        let head_bytes = u32::try_from(self.head_bytes).unwrap_or(u32::MAX);
        let started = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
            .max_header_list_size(head_bytes)
            .handshake(TokioIo::new(stream))
            .await;
        let (sender, connection) = started.map_err(|error| FetchError::Connect(format!("HTTP/2: {error}")))?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "an HTTP/2 connection ended");
            }
        });
        Ok(Shared { sender, peer })
    }

    async fn over_http2(&self, request: &Request<'_>, shared: &Shared) -> Result<(Head, hyper::body::Incoming), hyper::Error> {
        let mut sender = shared.sender.clone();
        sender.ready().await?;
        let answer = sender.send_request(http2_request(request)).await?;
        let (parts, body) = answer.into_parts();
        let mut fields = Fields::default();
        for (name, value) in &parts.headers {
            fields.push(name.as_str(), value.as_bytes());
        }
        Ok((Head { version: Version::Http2, status: parts.status.as_u16(), fields }, body))
    }
}

enum NewConnection {
    Own(Connection, Peer),
    Shared(Shared),
}

/// A body that was read as far as anyone wants.
pub(crate) struct FetchedBody {
    pub(crate) bytes: Vec<u8>,
    /// What the bytes may stay in memory by.
    pub(crate) places: Places,
    /// Whether the connection ended before the body did.
    pub(crate) is_cut: bool,
}

impl Fetched {
    /// The head, which whoever reads the body has to keep.
    pub(crate) fn take_head(&mut self) -> Head {
        Head { version: self.head.version, status: self.head.status, fields: std::mem::take(&mut self.head.fields) }
    }

    /// Reads the body, at most `limit` bytes of it.
    pub(crate) async fn read(self, fetcher: &Fetcher, limit: usize, patience: &Patience) -> FetchedBody {
        match self.body {
            OpenBody::Own(opened) => {
                let read = opened.read(limit, &fetcher.load, patience).await;
                if let Some(connection) = read.connection {
                    fetcher.pool.keep(&self.origin, connection, self.peer);
                }
                FetchedBody { bytes: read.bytes, places: read.places, is_cut: read.is_cut }
            }
            OpenBody::Shared(mut body) => {
                let mut bytes = Vec::new();
                let mut places = Places::default();
                while let Some(frame) = body.frame().await {
                    let Ok(frame) = frame else { return FetchedBody { bytes, places, is_cut: true } };
                    if let Some(data) = frame.data_ref() {
                        let room = limit.saturating_sub(bytes.len());
                        bytes.extend_from_slice(&data[..data.len().min(room)]);
                    }
                    if bytes.len() >= limit {
                        break;
                    }
                    fetcher.load.grow(&mut places, bytes.len(), patience).await;
                }
                FetchedBody { bytes, places, is_cut: false }
            }
        }
    }

    /// Leaves the body unread: a redirect's is of no interest. The connection is kept when it is free already.
    pub(crate) fn discard(self, fetcher: &Fetcher) {
        if let OpenBody::Own(opened) = self.body
            && let Some(connection) = opened.discard()
        {
            fetcher.pool.keep(&self.origin, connection, self.peer);
        }
    }
}

fn tls_version(stream: &TlsStream) -> Option<&'static str> {
    match stream.get_ref().1.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_2) => Some("TLSv1.2"),
        Some(rustls::ProtocolVersion::TLSv1_3) => Some("TLSv1.3"),
        _ => None,
    }
}

fn tls_error(error: &io::Error) -> FetchError {
    match error.kind() {
        io::ErrorKind::TimedOut => FetchError::TimedOut(error.to_string()),
        _ => FetchError::Tls(format!("TLS: {error}")),
    }
}

/// The request-target of a direct request (RFC 9112, section 3.2.1).
fn path_and_query(url: &Url) -> &str {
    &url[url::Position::BeforePath..url::Position::AfterQuery]
}

/// `Host`, with the port unless it is the scheme's own.
fn host_field(url: &Url) -> &str {
    &url[url::Position::BeforeHost..url::Position::AfterPort]
}

fn write_request(request: &Request<'_>, origin: &Origin) -> Vec<u8> {
    let url = request.url;
    let mut bytes = Vec::with_capacity(512 + url.as_str().len());
    let mut put = |parts: &[&str]| parts.iter().for_each(|part| bytes.extend_from_slice(part.as_bytes()));
    let absolute = request.proxy.filter(|(_, profile)| !origin.is_https && profile.scheme != ProxyScheme::Socks5);
    match absolute {
        None => put(&[request.method, " ", path_and_query(url), " HTTP/1.1\r\nHost: ", host_field(url), "\r\n"]),
        Some((_, profile)) => {
            put(&[request.method, " http://", host_field(url), path_and_query(url), " HTTP/1.1\r\nHost: ", host_field(url), "\r\n"]);
            if let Some(credentials) = &profile.credentials {
                put(&["Proxy-Authorization: ", &authorization(credentials), "\r\n"]);
            }
        }
    }
    put(&["Connection: keep-alive\r\n"]);
    for (name, value) in request.fields {
        put(&[name, ": ", value.as_ref(), "\r\n"]);
    }
    put(&["\r\n"]);
    bytes
}

fn http2_request(request: &Request<'_>) -> http::Request<Empty<bytes::Bytes>> {
    let mut built = http::Request::new(Empty::new());
    let url = request.url;
    let uri = format!("https://{}{}", host_field(url), path_and_query(url));
    // A URL that the URL standard accepts and RFC 3986 does not (a `|` in the query, say) is sent with that byte escaped.
    *built.uri_mut() = uri.parse().or_else(|_| escaped(&uri).parse()).unwrap_or_default();
    *built.method_mut() = request.method.parse().unwrap_or_default();
    *built.version_mut() = http::Version::HTTP_2;
    for (name, value) in request.fields {
        if let (Ok(name), Ok(value)) = (http::HeaderName::try_from(*name), http::HeaderValue::from_bytes(value.as_bytes())) {
            built.headers_mut().append(name, value);
        }
    }
    built
}

fn escaped(uri: &str) -> String {
    const LOOSE: &percent_encoding::AsciiSet =
        &percent_encoding::CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'\\').add(b'^').add(b'`').add(b'{').add(b'|').add(b'}');
    percent_encoding::utf8_percent_encode(uri, LOOSE).to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;
    use crate::guard::{Exceptions, SystemNames};

    fn fetcher(budgets: &Budgets) -> Fetcher {
        let guard = Guard::new(Exceptions::parse(["lab.test=127.0.0.1:9"]).unwrap(), Arc::new(SystemNames));
        Fetcher::new(guard, Tls::new(Vec::new()), Arc::new(Pacer::new(budgets.pace_per_host)), budgets)
    }

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn requests_to_a_host_are_paced_whatever_their_port_and_those_to_an_excepted_one_are_not() {
        let fetcher = fetcher(&Budgets { pace_per_host: 10, ..Budgets::default() });
        let waited = async |urls: [&str; 3]| {
            let began = Instant::now();
            for text in urls {
                drop(fetcher.turn(&url(text)).await);
            }
            began.elapsed()
        };
        let shop = ["http://shop.example/a", "https://shop.example/b", "http://shop.example:8080/"];
        assert_eq!(waited(shop).await, Duration::from_millis(200));
        assert_eq!(waited(["http://a.example/", "http://b.example/", "http://c.example/"]).await, Duration::ZERO);
        assert_eq!(waited(["http://lab.test/"; 3]).await, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_requests_to_a_host_are_under_way_and_no_more() {
        let fetcher = fetcher(&Budgets { pace_per_host: 0, connections_per_host: 2, ..Budgets::default() });
        let place = url("http://shop.example/");
        let (first, _second) = (fetcher.turn(&place).await, fetcher.turn(&place).await);
        let patience = Duration::from_secs(60);
        assert!(tokio::time::timeout(patience, fetcher.turn(&place)).await.is_err());
        drop(first);
        assert!(tokio::time::timeout(patience, fetcher.turn(&place)).await.is_ok());
    }
}
