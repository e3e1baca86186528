//! A tunnel through a proxy: CONNECT (RFC 9110, section 9.3.6) or SOCKS 5 (RFC 1928, RFC 1929).

use std::io;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::http1::{Connection, ExchangeError, Stream};
use crate::proxy::{ProxyCredentials, ProxyProfile, ProxyScheme};

/// Bytes of a proxy's answer to CONNECT.
const MAX_HEAD_BYTES: usize = 64 * 1_024;

/// Where a tunnel should end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TunnelTarget<'a> {
    /// As in a URL: an IPv6 address has brackets.
    pub(crate) host: &'a str,
    /// The address that stands for the host where the proxy takes one (SOCKS); else it resolves the name.
    pub(crate) known: Option<IpAddr>,
    pub(crate) port: u16,
}

/// Why there is no tunnel.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TunnelError {
    /// The proxy itself is of no use: the context cannot be had.
    #[error("the proxy {0}")]
    Proxy(String),
    /// The proxy says that the target cannot be reached.
    #[error("the proxy cannot reach the target: {0}")]
    Target(String),
}

fn proxy_failed(what: &str, cause: impl std::fmt::Display) -> TunnelError {
    TunnelError::Proxy(format!("{what}: {cause}"))
}

/// Makes a tunnel over a connection to the proxy.
///
/// # Errors
/// [`TunnelError`].
pub(crate) async fn tunnel(
    profile: &ProxyProfile,
    stream: Box<dyn Stream>,
    target: TunnelTarget<'_>,
) -> Result<Box<dyn Stream>, TunnelError> {
    match profile.scheme {
        ProxyScheme::Http | ProxyScheme::Https => connect(profile, stream, target).await,
        ProxyScheme::Socks5 => socks5(profile, stream, target).await,
    }
}

/// The value of `Proxy-Authorization`.
pub(crate) fn authorization(credentials: &ProxyCredentials) -> String {
    format!("Basic {}", STANDARD.encode(format!("{}:{}", credentials.user, credentials.password.expose())))
}

async fn connect(profile: &ProxyProfile, stream: Box<dyn Stream>, target: TunnelTarget<'_>) -> Result<Box<dyn Stream>, TunnelError> {
    let TunnelTarget { host, port, known: _ } = target;
    let mut request = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n");
    if let Some(credentials) = &profile.credentials {
        request.push_str(&format!("Proxy-Authorization: {}\r\n", authorization(credentials)));
    }
    request.push_str("\r\n");
    let (head, opened) = match Connection::new(stream).exchange(request.as_bytes(), MAX_HEAD_BYTES).await {
        Ok(answer) => answer,
        Err(error @ (ExchangeError::NoHead(_) | ExchangeError::HeadTooLarge(_) | ExchangeError::Length(_))) => {
            return Err(proxy_failed("speaks no HTTP", error));
        }
        Err(error) => return Err(proxy_failed("gives no answer", error)),
    };
    match head.status {
        200..=299 => opened.into_tunnel().ok_or_else(|| TunnelError::Proxy("sent bytes before the target could have".to_owned())),
        407 => Err(TunnelError::Proxy("wants other credentials (407)".to_owned())),
        // 502 and 504 are how proxies say that they could not reach the target.
        status @ (502..=504) => Err(TunnelError::Target(format!("status {status}"))),
        status => Err(TunnelError::Proxy(format!("refuses the tunnel (status {status})"))),
    }
}

async fn socks5(profile: &ProxyProfile, mut stream: Box<dyn Stream>, target: TunnelTarget<'_>) -> Result<Box<dyn Stream>, TunnelError> {
    let io = |error: io::Error| proxy_failed("gives no answer", error);
    let no_socks = || TunnelError::Proxy("speaks no SOCKS 5".to_owned());
    let methods: &[u8] = if profile.credentials.is_some() { &[5, 2, 0, 2] } else { &[5, 1, 0] };
    stream.write_all(methods).await.map_err(io)?;
    let mut chosen = [0_u8; 2];
    stream.read_exact(&mut chosen).await.map_err(io)?;
    match (chosen, &profile.credentials) {
        ([5, 0], _) => (),
        ([5, 2], Some(credentials)) => log_in(&mut stream, credentials).await?,
        ([5, 255], _) => return Err(TunnelError::Proxy("wants other credentials".to_owned())),
        _ => return Err(no_socks()),
    }
    stream.write_all(&connect_request(target)?).await.map_err(io)?;
    let mut answer = [0_u8; 4];
    stream.read_exact(&mut answer).await.map_err(io)?;
    let [5, reply, _, kind] = answer else { return Err(no_socks()) };
    match reply {
        0 => (),
        1 => return Err(TunnelError::Proxy("has failed".to_owned())),
        2 => return Err(TunnelError::Proxy("does not allow this target".to_owned())),
        3..=6 => {
            return Err(TunnelError::Target(
                ["network unreachable", "host unreachable", "refused", "timed out"][usize::from(reply) - 3].to_owned(),
            ));
        }
        _ => return Err(no_socks()),
    }
    // The address that the proxy bound: of no interest, but its bytes come before the target's.
    let length = match kind {
        1 => 4,
        4 => 16,
        3 => usize::from(stream.read_u8().await.map_err(io)?),
        _ => return Err(no_socks()),
    };
    let mut bound = vec![0; length + 2];
    stream.read_exact(&mut bound).await.map_err(io)?;
    Ok(stream)
}

async fn log_in(stream: &mut Box<dyn Stream>, credentials: &ProxyCredentials) -> Result<(), TunnelError> {
    let (user, password) = (credentials.user.as_bytes(), credentials.password.expose().as_bytes());
    let length =
        |text: &[u8]| u8::try_from(text.len()).map_err(|_| TunnelError::Proxy("takes no credentials longer than 255 bytes".to_owned()));
    let mut request = vec![1, length(user)?];
    request.extend_from_slice(user);
    request.push(length(password)?);
    request.extend_from_slice(password);
    let io = |error: io::Error| proxy_failed("gives no answer", error);
    stream.write_all(&request).await.map_err(io)?;
    let mut answer = [0_u8; 2];
    stream.read_exact(&mut answer).await.map_err(io)?;
    if answer[1] == 0 { Ok(()) } else { Err(TunnelError::Proxy("wants other credentials".to_owned())) }
}

fn connect_request(target: TunnelTarget<'_>) -> Result<Vec<u8>, TunnelError> {
    let mut request = vec![5, 1, 0];
    let known = target.known.map(|address| match address {
        IpAddr::V4(v4) => url::Host::Ipv4(v4),
        IpAddr::V6(v6) => url::Host::Ipv6(v6),
    });
    match known.map_or_else(|| url::Host::parse(target.host), Ok) {
        Ok(url::Host::Ipv4(address)) => {
            request.push(1);
            request.extend_from_slice(&address.octets());
        }
        Ok(url::Host::Ipv6(address)) => {
            request.push(4);
            request.extend_from_slice(&address.octets());
        }
        Ok(url::Host::Domain(name)) => {
            request.push(3);
            request.push(u8::try_from(name.len()).map_err(|_| TunnelError::Target("its name is too long for SOCKS".to_owned()))?);
            request.extend_from_slice(name.as_bytes());
        }
        Err(error) => return Err(TunnelError::Target(error.to_string())),
    }
    request.extend_from_slice(&target.port.to_be_bytes());
    Ok(request)
}
