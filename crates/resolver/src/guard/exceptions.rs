//! What a desktop's user lets the guard dial although its rules say no: the lab, a staging site, a test.
//! Exact address and port, never a range.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

/// The exceptions of one resolver.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exceptions {
    allowed: Vec<SocketAddr>,
    connect_to: Vec<ConnectTo>,
}

/// "Dial there instead" for hosts that fit a pattern, like curl's `--connect-to`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ConnectTo {
    host: HostPattern,
    port: Option<u16>,
    address: SocketAddr,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostPattern {
    Any,
    Exactly(String),
    /// With its leading dot: `.test` for `*.test`.
    EndsWith(String),
}

/// A text that is no exception.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no exception: expected ADDR:PORT (allow this address) or HOSTPATTERN[:PORT]=ADDR:PORT (dial there instead), such as `127.0.0.1:8080` or `*.test=127.0.0.1:8080`"
)]
pub struct InvalidException(String);

impl Exceptions {
    /// Reads exceptions, one a text.
    ///
    /// # Errors
    /// The first text that is none.
    pub fn parse<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) -> Result<Self, InvalidException> {
        let mut exceptions = Self::default();
        for text in texts {
            exceptions.add(text.as_ref())?;
        }
        Ok(exceptions)
    }

    /// Adds one exception, `ADDR:PORT` or `HOSTPATTERN[:PORT]=ADDR:PORT`.
    ///
    /// # Errors
    /// When the text is neither.
    pub fn add(&mut self, text: &str) -> Result<(), InvalidException> {
        let invalid = || InvalidException(text.to_owned());
        let address = |text: &str| SocketAddr::from_str(text.trim()).map_err(|_| invalid());
        match text.split_once('=') {
            None => self.allowed.push(address(text)?),
            Some((pattern, target)) => {
                let (host, port) = split_port(pattern.trim()).ok_or_else(invalid)?;
                self.connect_to.push(ConnectTo { host: HostPattern::parse(host).ok_or_else(invalid)?, port, address: address(target)? });
            }
        }
        Ok(())
    }

    /// Allows this exact address.
    pub fn allow(&mut self, address: SocketAddr) {
        self.allowed.push(address);
    }

    /// Whether this exact address is allowed.
    #[must_use]
    pub fn allows(&self, address: SocketAddr) -> bool {
        self.allowed.contains(&address)
    }

    /// Where to dial for `host` and `port` instead; the first pattern that fits.
    #[must_use]
    pub fn connect_to(&self, host: &str, port: u16) -> Option<SocketAddr> {
        // A name with a trailing dot is the same name, written out.
        let host = host.strip_suffix('.').unwrap_or(host);
        let fits = |rule: &&ConnectTo| rule.port.is_none_or(|own| own == port) && rule.host.fits(host);
        self.connect_to.iter().find(fits).map(|rule| rule.address)
    }

    /// Each exception as [`Self::add`] reads it.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        self.allowed.iter().map(ToString::to_string).chain(self.connect_to.iter().map(ToString::to_string)).collect()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.allowed.is_empty() && self.connect_to.is_empty()
    }
}

impl fmt::Display for ConnectTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            HostPattern::Any => f.write_str("*"),
            HostPattern::Exactly(host) => f.write_str(host),
            HostPattern::EndsWith(suffix) => write!(f, "*{suffix}"),
        }?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write!(f, "={}", self.address)
    }
}

impl HostPattern {
    fn parse(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        match text.strip_prefix('*') {
            Some("") => Some(Self::Any),
            Some(suffix) if suffix.len() > 1 && suffix.starts_with('.') && !suffix.contains('*') => Some(Self::EndsWith(suffix.to_owned())),
            Some(_) => None,
            None if text.is_empty() || text.contains('*') => None,
            None => Some(Self::Exactly(text)),
        }
    }

    fn fits(&self, host: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exactly(own) => own == host,
            Self::EndsWith(suffix) => host.len() > suffix.len() && host.ends_with(suffix.as_str()),
        }
    }
}

/// `a.test:8443` into host and port. The colons of an IPv6 address in brackets are its own.
fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    match text.rsplit_once(':') {
        Some((_, after)) if after.ends_with(']') => Some((text, None)),
        Some((host, port)) => Some((host, Some(port.parse().ok()?))),
        None => Some((text, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_and_ports_choose_where_to_dial() {
        let exceptions =
            Exceptions::parse(["*.test:443=127.0.0.1:8443", "*.test=127.0.0.1:8080", "[::1]=127.0.0.1:1", "127.0.0.1:9000"]).unwrap();
        let to = |host: &str, port| exceptions.connect_to(host, port).map(|address| address.port());
        assert_eq!(to("a.test", 443), Some(8443));
        assert_eq!(to("a.test.", 80), Some(8080));
        assert_eq!(to("test", 80), None);
        assert_eq!(to("atest", 80), None);
        assert_eq!(to("[::1]", 80), Some(1));
        assert!(exceptions.allows("127.0.0.1:9000".parse().unwrap()));
        assert!(!exceptions.allows("127.0.0.1:9001".parse().unwrap()));
    }

    #[test]
    fn each_is_told_as_it_is_read() {
        let texts = ["[::1]:9000", "*=127.0.0.1:1", "*.test:443=127.0.0.1:8443", "[::1]:80=127.0.0.1:1", "a.test=[::1]:2"];
        assert_eq!(Exceptions::parse(texts).unwrap().texts(), texts);
    }

    #[test]
    fn what_is_no_exception_is_told() {
        for text in ["", "127.0.0.1", "10.0.0.0/8", "a*b=127.0.0.1:1", "*test=127.0.0.1:1", "a.test=localhost:1", "a.test:x=127.0.0.1:1"] {
            assert!(Exceptions::parse([text]).is_err(), "{text}");
        }
    }
}
