//! The way out of one job's browser context: each connection is dialled here, after the guard has checked its address,
//! and what came of it is remembered as evidence.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::SetOnce;
use url::Url;

use crate::chain::End;
use crate::connect::{DialError, Tls, TunnelError, TunnelTarget, dial, tunnel};
use crate::guard::{CheckError, CheckedAddr, Guard, Refusal};
use crate::http1::Stream;
use crate::pace::Pacer;
use crate::proxy::{ProxyProfile, ProxyScheme};

/// Hosts and ports of one job that are remembered; pages with ads ask for some two hundred.
const MAX_REMEMBERED: usize = 1_024;

/// Where a connection goes: host as in a URL (an IPv6 address has brackets) and port.
pub(super) type Place = (String, u16);

/// Why a connection was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreached {
    #[error(transparent)]
    Refused(Refusal),
    #[error("{0}")]
    Unresolved(String),
    #[error("{0}")]
    Connect(String),
    #[error("{0}")]
    Unavailable(String),
    #[error("{0}")]
    TimedOut(String),
}

impl Unreached {
    /// How a chain ends whose page is there.
    pub(super) fn into_end(self) -> End {
        match self {
            Self::Refused(refusal) => End::Refused(refusal),
            Self::Unresolved(cause) => End::NameUnresolved(cause),
            Self::Connect(cause) => End::ConnectFailed(cause),
            Self::Unavailable(cause) => End::ContextUnavailable(cause),
            Self::TimedOut(cause) => End::TimedOut(cause),
        }
    }
}

impl From<CheckError> for Unreached {
    fn from(error: CheckError) -> Self {
        match error {
            CheckError::Refused(refusal) => Self::Refused(refusal),
            CheckError::Unresolved(unresolved) => Self::Unresolved(unresolved.to_string()),
            CheckError::Unavailable(cause) => Self::Unavailable(cause),
        }
    }
}

/// What one job may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// How long a connection may take.
    pub(super) dial: Duration,
    /// Bytes that come in.
    pub(super) bytes: u64,
}

/// The way out of one job.
pub(super) struct Egress {
    guard: Guard,
    tls: Tls,
    upstream: Option<ProxyProfile>,
    pacer: Arc<Pacer>,
    dial_limit: Duration,
    /// Bytes that may still come in.
    bytes_left: AtomicU64,
    /// Set once what comes in may go on to the page.
    let_in: SetOnce<()>,
    log: Mutex<Log>,
}

#[derive(Default)]
struct Log {
    visited: HashSet<String>,
    reached: HashMap<Place, CheckedAddr>,
    unreached: HashMap<Place, Unreached>,
    /// In order, each once: what the guard refused, whichever part of the page asked for it.
    refused: Vec<Refusal>,
}

/// A connection to a place.
pub(super) struct Way {
    pub(super) stream: Box<dyn Stream>,
    /// Credentials and absolute form are wanted by the other end: it is an HTTP proxy, not the place itself.
    pub(super) is_proxy: bool,
}

impl Egress {
    pub(super) fn new(guard: Guard, tls: Tls, upstream: Option<ProxyProfile>, pacer: Arc<Pacer>, limits: Limits) -> Self {
        let bytes_left = AtomicU64::new(limits.bytes);
        Self { guard, tls, upstream, pacer, dial_limit: limits.dial, bytes_left, let_in: SetOnce::new(), log: Mutex::default() }
    }

    /// Waits for a job's turn at a host, once: a job is one visitor there, however many parts its pages have.
    async fn take_turn(&self, url: &Url, host: &str) {
        let is_new = {
            let mut log = self.log();
            log.visited.len() < MAX_REMEMBERED && log.visited.insert(host.to_owned())
        };
        if is_new && !self.guard.is_excepted(url) {
            self.pacer.wait(host).await;
        }
    }

    /// Dials for `url`. `as_tunnel` when bytes must go through as they are.
    ///
    /// # Errors
    /// [`Unreached`], which is remembered too.
    pub(super) async fn reach(&self, url: &Url, as_tunnel: bool) -> Result<Way, Unreached> {
        let place = (url.host_str().unwrap_or_default().to_owned(), url.port_or_known_default().unwrap_or_default());
        self.take_turn(url, &place.0).await;
        let dialled = tokio::time::timeout(self.dial_limit, self.dial(url, &place, as_tunnel)).await;
        let dialled = dialled
            .unwrap_or_else(|_| Err(Unreached::TimedOut(format!("{}: no connection within {} s", place.0, self.dial_limit.as_secs()))));
        let mut log = self.log();
        match dialled {
            Ok((way, address)) => {
                log.unreached.remove(&place);
                if log.reached.len() < MAX_REMEMBERED {
                    log.reached.insert(place, address);
                }
                Ok(way)
            }
            Err(cause) => {
                if let Unreached::Refused(refusal) = &cause
                    && log.refused.len() < MAX_REMEMBERED
                    && !log.refused.contains(refusal)
                {
                    log.refused.push(refusal.clone());
                }
                if log.unreached.len() < MAX_REMEMBERED {
                    log.unreached.insert(place, cause.clone());
                }
                Err(cause)
            }
        }
    }

    async fn dial(&self, url: &Url, place: &Place, as_tunnel: bool) -> Result<(Way, CheckedAddr), Unreached> {
        let Some(profile) = &self.upstream else {
            let addresses = self.guard.check(url).await?;
            let (stream, address) = dial(&addresses).await.map_err(dial_error)?;
            return Ok((Way { stream: Box::new(stream), is_proxy: false }, address));
        };
        let way = self.guard.check_through(url, profile).await?;
        let unreachable = |error: DialError| Unreached::Unavailable(format!("the proxy cannot be reached: {error}"));
        let (stream, address) = dial(&way.proxy).await.map_err(unreachable)?;
        let mut stream: Box<dyn Stream> = Box::new(stream);
        if profile.scheme == ProxyScheme::Https {
            let shaken = self.tls.to_proxy(&profile.host, stream).await;
            stream = Box::new(shaken.map_err(|error| Unreached::Unavailable(format!("the proxy's TLS fails: {error}")))?);
        }
        if !as_tunnel && profile.scheme != ProxyScheme::Socks5 {
            return Ok((Way { stream, is_proxy: true }, address));
        }
        let target = TunnelTarget { host: &place.0, known: way.target, port: place.1 };
        let stream = tunnel(profile, stream, target).await.map_err(|error| match error {
            TunnelError::Proxy(_) => Unreached::Unavailable(error.to_string()),
            TunnelError::Target(_) => Unreached::Connect(error.to_string()),
        })?;
        Ok((Way { stream, is_proxy: false }, address))
    }

    /// Lets through what comes in, now that the page's process listens to us. It starts while the first request is under
    /// way, and of a page that stands before it listens nobody is told why it leaves (Chromium 156).
    pub(super) fn let_in(&self) {
        // Once is enough.
        let _ = self.let_in.set(());
    }

    /// Waits until what comes in may go on to the page.
    pub(super) async fn wait_for_page(&self) {
        self.let_in.wait().await;
    }

    /// The proxy that everything goes through.
    pub(super) fn upstream(&self) -> Option<&ProxyProfile> {
        self.upstream.as_ref()
    }

    /// Takes bytes that came in off the budget; `false` when it is spent.
    pub(super) fn spend(&self, bytes: usize) -> bool {
        let bytes = bytes as u64;
        self.bytes_left.try_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes)).is_ok()
    }

    /// What was dialled for a place.
    pub(super) fn reached(&self, place: &Place) -> Option<CheckedAddr> {
        self.log().reached.get(place).copied()
    }

    /// Why a place was not reached the last time.
    pub(super) fn unreached(&self, place: &Place) -> Option<Unreached> {
        self.log().unreached.get(place).cloned()
    }

    /// Everything that the guard refused.
    pub(super) fn refused(&self) -> Vec<Refusal> {
        self.log().refused.clone()
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        // Nothing above panics between two changes that belong together.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn dial_error(error: DialError) -> Unreached {
    match &error {
        DialError::Unreachable { source, .. } if source.kind() == io::ErrorKind::TimedOut => Unreached::TimedOut(error.to_string()),
        DialError::Unreachable { .. } | DialError::NoAddress => Unreached::Connect(error.to_string()),
    }
}

/// Host and port of a URL.
pub(super) fn place(url: &Url) -> Place {
    (url.host_str().unwrap_or_default().to_owned(), url.port_or_known_default().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::guard::{Exceptions, SystemNames};

    #[tokio::test(start_paused = true)]
    async fn a_job_is_one_visitor_at_each_host_and_the_next_job_waits_for_its_turn() {
        let pacer = Arc::new(Pacer::new(10));
        let job = || {
            let guard = Guard::new(Exceptions::default(), Arc::new(SystemNames));
            let limits = Limits { dial: Duration::from_secs(5), bytes: 0 };
            Egress::new(guard, Tls::new(Vec::new()), None, Arc::clone(&pacer), limits)
        };
        // Refused after its turn: nothing leaves this machine.
        let waited = async |job: &Egress, text: &str| {
            let began = Instant::now();
            assert!(matches!(job.reach(&Url::parse(text).unwrap(), false).await, Err(Unreached::Refused(_))));
            began.elapsed()
        };
        let (first, second) = (job(), job());
        assert_eq!(waited(&first, "http://10.0.0.1/").await, Duration::ZERO);
        assert_eq!(waited(&first, "http://10.0.0.1/style.css").await, Duration::ZERO);
        assert_eq!(waited(&second, "http://10.0.0.1/").await, Duration::from_millis(100));
        assert_eq!(waited(&second, "http://10.0.0.2/").await, Duration::ZERO);
    }
}
