//! Requests to the relay: signed with the device's key, bounded in time and size, refusals read as problems.
//! Knows nothing of jobs; who calls it decides when to try again.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use protocol::device_signature::{self, DeviceKey};
use protocol::{Clock, DeviceId, Problem, ProblemCode, UnixMillis};
pub(crate) use reqwest::Url;
use reqwest::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::lock;

/// For requests that the relay answers at once; long pulls add what they wait.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);
/// A relay that takes longer to accept a connection is as good as absent.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Pooled connections are dropped before usual proxies drop them (60 s), so that requests seldom meet a closed one.
const POOL_IDLE: Duration = Duration::from_secs(50);
/// Clocks that drift apart by less do so every day.
const WORTH_TELLING_MS: u64 = 10_000;
/// Bytes of an answer: 128 leased jobs with the longest tracking URL and context stay below it.
const MAX_ANSWER_BYTES: usize = 8 * 1_024 * 1_024;

/// Why a request to the relay brought no answer to work with.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No connection, or none that lasted until the answer. Whether the relay acted is not known.
    #[error("cannot reach the relay: {0}")]
    Unreachable(String),
    /// The relay, or a proxy before it, said no.
    #[error("the relay refused: {0}")]
    Refused(Box<Refusal>),
    /// It answered something that is not of the protocol.
    #[error("the relay's answer cannot be read: {0}")]
    Unreadable(String),
}

impl CallError {
    /// The refusal, if it is one.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Unreachable(_) | Self::Unreadable(_) => None,
        }
    }

    /// The pause that the relay asked for.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.refusal().and_then(|refusal| refusal.retry_after)
    }

    /// Whether the refusal has this code.
    #[must_use]
    pub fn is(&self, code: ProblemCode) -> bool {
        self.refusal().and_then(|refusal| refusal.problem.as_ref()).is_some_and(|problem| problem.code == code.as_str())
    }
}

/// A status that is not 2xx.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// What the relay says about it; absent when something between here and there answered.
    pub problem: Option<Problem>,
    /// The pause that `Retry-After` asks for.
    pub retry_after: Option<Duration>,
}

impl Refusal {
    /// Whether the relay did nothing, and the same request again would be refused again. Its own failures, time-outs and
    /// pauses are no such word: it may have acted, or act at the next try.
    #[must_use]
    pub fn is_definite(&self) -> bool {
        (400..500).contains(&self.status) && !matches!(self.status, 408 | 425 | 429)
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.problem {
            Some(problem) => problem.fmt(f),
            None => write!(f, "status {} without a problem: is a proxy in between?", self.status),
        }
    }
}

/// One desktop's way to one relay.
pub(crate) struct RelayClient {
    base: Url,
    http: Mutex<reqwest::Client>,
    signer: Option<(DeviceKey, DeviceId)>,
    clock: Arc<dyn Clock>,
    /// Relay's clock minus ours. Laptops with a wrong clock are common, and the window for signatures is 60 s.
    clock_offset_ms: AtomicI64,
}

impl RelayClient {
    /// A client that signs as `signer`, or, to link, does not sign yet.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub(crate) fn new(base: Url, signer: Option<(DeviceKey, DeviceId)>, clock: Arc<dyn Clock>) -> Result<Self, CallError> {
        let http = Mutex::new(build_http(&base)?);
        Ok(Self { base, http, signer, clock, clock_offset_ms: AtomicI64::new(0) })
    }

    /// Drops every pooled connection, and what was known about names.
    pub(crate) fn start_afresh(&self) {
        match build_http(&self.base) {
            Ok(http) => *lock(&self.http) = http,
            Err(error) => tracing::error!(%error, "could not rebuild the HTTP client; keeping the old one"),
        }
    }

    /// Posts `request` and reads the answer.
    pub(crate) async fn post<A: DeserializeOwned>(&self, path: &str, request: &impl Serialize, timeout: Duration) -> Result<A, CallError> {
        let body = serde_json::to_vec(request).map_err(|error| CallError::Unreadable(error.to_string()))?;
        read(&self.call(Method::POST, path, body, timeout).await?)
    }

    /// Gets and reads the answer.
    pub(crate) async fn get<A: DeserializeOwned>(&self, path: &str) -> Result<A, CallError> {
        read(&self.call(Method::GET, path, Vec::new(), ANSWER_TIMEOUT).await?)
    }

    /// Our clock, corrected by what the relay said about its own.
    pub(crate) fn relay_time(&self) -> UnixMillis {
        self.clock.now().plus_millis(self.clock_offset_ms.load(Ordering::Relaxed))
    }

    async fn call(&self, method: Method, path: &str, body: Vec<u8>, timeout: Duration) -> Result<Vec<u8>, CallError> {
        match self.attempt(&method, path, body.clone(), timeout).await {
            Err(error) if error.is(ProblemCode::StaleTimestamp) && self.learn_time(&error) => {
                self.attempt(&method, path, body, timeout).await
            }
            ended => ended,
        }
    }

    async fn attempt(&self, method: &Method, path: &str, body: Vec<u8>, timeout: Duration) -> Result<Vec<u8>, CallError> {
        let url = self.base.join(path).map_err(|error| CallError::Unreachable(error.to_string()))?;
        let http = lock(&self.http).clone();
        let mut request = http.request(method.clone(), url.clone()).timeout(timeout);
        if let Some((key, device)) = &self.signer {
            for (name, value) in device_signature::sign(key, *device, self.relay_time(), method.as_str(), url.as_str(), &body).pairs() {
                request = request.header(name, value);
            }
        }
        if !body.is_empty() {
            request = request.header(reqwest::header::CONTENT_TYPE, "application/json").body(body);
        }
        let response = request.send().await.map_err(unreachable)?;
        let (status, retry_after) = (response.status(), retry_after(response.headers(), self.relay_time()));
        let bytes = read_bounded(response).await?;
        if status.is_success() { Ok(bytes) } else { Err(refused(status, retry_after, &bytes)) }
    }

    fn learn_time(&self, error: &CallError) -> bool {
        let Some(theirs) =
            error.refusal().and_then(|refusal| refusal.problem.as_ref()?.members.get("serverTime")?.as_str()?.parse::<UnixMillis>().ok())
        else {
            return false;
        };
        self.set_relay_time(theirs);
        true
    }

    /// The relay's clock shows `theirs` now, give or take the way of an answer.
    pub(crate) fn set_relay_time(&self, theirs: UnixMillis) {
        let offset = theirs.0.saturating_sub(self.clock.now().0);
        let before = self.clock_offset_ms.swap(offset, Ordering::Relaxed);
        if offset.abs_diff(before) > WORTH_TELLING_MS {
            tracing::warn!(offset_ms = offset, "this machine's clock is off; signing by the relay's");
        }
    }
}

/// Reads the address of a relay: http or https, and nothing after the path.
///
/// # Errors
/// What is wrong with it, for a person.
pub(crate) fn parse_relay_url(text: &str) -> Result<Url, String> {
    let mut url = Url::parse(text).map_err(|error| format!("`{text}` is no URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(format!("`{text}` is no http or https URL"));
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(format!("`{text}`: a relay's URL has no user name, query or fragment"));
    }
    if url.path() != "/" {
        // The endpoints' paths are absolute: anything here would be dropped without a word.
        return Err(format!("`{text}`: a relay's URL has no path"));
    }
    url.set_path("/");
    if url.scheme() == "http" && !is_loopback(&url) {
        tracing::warn!(relay = %url, "plain http beyond this machine: jobs, results and new secrets can be read on the way");
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        let bare = host.trim_matches(['[', ']']);
        host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    })
}

fn build_http(base: &Url) -> Result<reqwest::Client, CallError> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("link-peeler-desktop/", env!("CARGO_PKG_VERSION")))
        // A signature covers the target: a redirected request could not be valid, and would leak what it says.
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(POOL_IDLE)
        .tcp_keepalive(Duration::from_secs(30));
    if is_loopback(base) {
        // A proxy from the environment has another idea of what 127.0.0.1 is.
        builder = builder.no_proxy();
    }
    builder.build().map_err(unreachable)
}

fn read<A: DeserializeOwned>(bytes: &[u8]) -> Result<A, CallError> {
    serde_json::from_slice(bytes).map_err(|error| CallError::Unreadable(error.to_string()))
}

async fn read_bounded(mut response: reqwest::Response) -> Result<Vec<u8>, CallError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if bytes.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(CallError::Unreadable(format!("longer than {MAX_ANSWER_BYTES} bytes")));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn refused(status: StatusCode, retry_after: Option<Duration>, bytes: &[u8]) -> CallError {
    CallError::Refused(Box::new(Refusal { status: status.as_u16(), problem: serde_json::from_slice(bytes).ok(), retry_after }))
}

/// Delay seconds or an HTTP date (RFC 9110, section 10.2.3).
fn retry_after(headers: &reqwest::header::HeaderMap, now: UnixMillis) -> Option<Duration> {
    let text = headers.get(reqwest::header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Duration::from_millis(u64::try_from(date.as_millisecond().saturating_sub(now.0)).unwrap_or(0)))
}

/// reqwest's own text names only the outermost cause, and the URL twice.
fn unreachable(error: reqwest::Error) -> CallError {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    CallError::Unreachable(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let after = |text: &'static str| {
            let headers = [(reqwest::header::RETRY_AFTER, reqwest::header::HeaderValue::from_static(text))].into_iter().collect();
            retry_after(&headers, UnixMillis::from_seconds(784_111_777 - 20)).map(|pause| pause.as_secs())
        };
        assert_eq!(after("7"), Some(7));
        assert_eq!(after("Sun, 06 Nov 1994 08:49:37 GMT"), Some(20));
        assert_eq!(after("soon"), None);
    }

    #[test]
    fn a_relays_url_is_scheme_host_and_port() {
        assert_eq!(parse_relay_url("https://relay.example:443").unwrap().as_str(), "https://relay.example/");
        for text in ["relay.example", "ftp://relay.example", "https://u@relay.example", "https://relay.example/api", "https://r.example/?a"]
        {
            assert!(parse_relay_url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn loopback_is_known_by_address_and_name() {
        for (text, expected) in
            [("http://127.0.0.1:1", true), ("http://[::1]:1", true), ("http://localhost", true), ("http://10.0.0.1", false)]
        {
            assert_eq!(is_loopback(&Url::parse(text).unwrap()), expected, "{text}");
        }
    }
}
