//! Proxies by name. A profile belongs to the desktop's user, who vouches for its address: the guard does not judge it.

use std::fmt;
use std::str::FromStr;

use protocol::Secret;
use url::Url;

/// How to reach a proxy.
#[derive(Clone)]
pub struct ProxyProfile {
    /// How it is spoken to.
    pub scheme: ProxyScheme,
    /// Name or address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// User name and password, when it wants them.
    pub credentials: Option<ProxyCredentials>,
    /// Whether its user vouches that it leads to the public internet alone (`#public`): then it resolves names unchecked,
    /// wherever it stands.
    pub is_public: bool,
}

/// How a proxy is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyScheme {
    /// Plain HTTP; CONNECT for https targets.
    Http,
    /// HTTP within TLS.
    Https,
    /// SOCKS 5 (RFC 1928); the proxy resolves names.
    Socks5,
}

/// User name and password of a proxy.
#[derive(Clone)]
pub struct ProxyCredentials {
    /// User name.
    pub user: String,
    /// Password.
    pub password: Secret,
}

/// A text that names no proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected http://, https:// or socks5:// [USER:PASSWORD@]HOST:PORT[#public]")]
pub struct InvalidProxy;

impl FromStr for ProxyProfile {
    type Err = InvalidProxy;

    fn from_str(text: &str) -> Result<Self, InvalidProxy> {
        let url = Url::parse(text).map_err(|_| InvalidProxy)?;
        let (scheme, default_port) = match url.scheme() {
            "http" => (ProxyScheme::Http, 80),
            "https" => (ProxyScheme::Https, 443),
            // `socks5h` is curl's word for what a browser always does: the proxy resolves names.
            "socks5" | "socks5h" => (ProxyScheme::Socks5, 1_080),
            _ => return Err(InvalidProxy),
        };
        let host = url.host_str().ok_or(InvalidProxy)?;
        let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        let is_public = match url.fragment() {
            None => false,
            Some("public") => true,
            Some(_) => return Err(InvalidProxy),
        };
        let has_credentials = !url.username().is_empty() || url.password().is_some();
        let credentials = has_credentials.then(|| ProxyCredentials {
            user: decoded(url.username()),
            password: Secret::new(decoded(url.password().unwrap_or_default())),
        });
        Ok(Self {
            scheme,
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: url.port().unwrap_or(default_port),
            credentials,
            is_public,
        })
    }
}

impl fmt::Debug for ProxyProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}:{}", self.scheme, self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_read_and_never_prints_its_password() {
        let profile: ProxyProfile = "socks5://me:s%3Acret@[2001:db8::1]:1081".parse().unwrap();
        assert_eq!((profile.scheme, profile.host.as_str(), profile.port), (ProxyScheme::Socks5, "2001:db8::1", 1081));
        assert_eq!(profile.credentials.as_ref().unwrap().password.expose(), "s:cret");
        assert!(!format!("{profile:?}").contains("cret"));
        assert!(!profile.is_public);
        assert!("ftp://x:1".parse::<ProxyProfile>().is_err());
    }

    #[test]
    fn a_user_vouches_for_a_proxy_in_one_word() {
        assert!("socks5://127.0.0.1:1080#public".parse::<ProxyProfile>().unwrap().is_public);
        for other in ["socks5://127.0.0.1:1080#Public", "socks5://127.0.0.1:1080#", "socks5://127.0.0.1:1080#private"] {
            assert!(other.parse::<ProxyProfile>().is_err(), "{other}");
        }
        let without_a_user: ProxyProfile = "http://:secret@127.0.0.1:3128".parse().unwrap();
        assert_eq!(without_a_user.credentials.unwrap().password.expose(), "secret");
    }
}
