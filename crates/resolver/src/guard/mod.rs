//! The guard: decides which addresses may be dialled, so that a desktop is never a door into its owner's network.
//!
//! It classifies the *resolved address* at dial time, for every hop. What it lets pass is a [`CheckedAddr`], which
//! nothing else can make and without which nothing dials: the address that was checked is the address that is dialled,
//! so a name that resolves differently a moment later (rebinding) gains nothing.

mod class;
mod exceptions;
mod names;
mod own;
mod ports;
#[cfg(test)]
mod vectors;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use url::{Host, Url};

use crate::proxy::ProxyProfile;

pub use class::{AddressClass, classify};
pub use exceptions::{Exceptions, InvalidException};
pub use names::{Answer, Names, SystemNames, UnresolvedName, is_local_name, is_localhost};
pub use ports::{PortClass, port_class};

/// An address that the guard has let pass. Only the guard makes one, and the dialler takes nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CheckedAddr {
    address: SocketAddr,
    by_exception: bool,
}

impl CheckedAddr {
    /// Address and port to dial.
    #[must_use]
    pub const fn address(self) -> SocketAddr {
        self.address
    }

    /// Whether only an exception of the user let it pass.
    #[must_use]
    pub const fn by_exception(self) -> bool {
        self.by_exception
    }
}

/// A refused target: nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{target} is refused: {reason}")]
pub struct Refusal {
    /// Host, port or address that was refused.
    pub target: String,
    /// Why.
    pub reason: Reason,
}

/// Why the guard refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Neither http nor https.
    Scheme,
    /// There is no host.
    NoHost,
    /// The port.
    Port(PortClass),
    /// The name means this machine, or a place in the local network.
    LocalName,
    /// The address that the host has, or one of those that its name has.
    Address(AddressClass),
    /// This program's own pages listen there: no exception lifts it.
    OwnPages,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheme => f.write_str("only http and https are followed"),
            Self::NoHost => f.write_str("it has no host"),
            Self::Port(PortClass::Bad) => f.write_str("browsers block this port"),
            Self::Port(PortClass::Service) => f.write_str("the port belongs to a service that is no website"),
            Self::LocalName => f.write_str("the name belongs to this machine or its network"),
            Self::Address(class) => class.fmt(f),
            Self::OwnPages => f.write_str("this desktop's own pages listen there"),
        }
    }
}

/// Why there is no address to dial.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// The guard says no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The name has no address.
    #[error(transparent)]
    Unresolved(#[from] UnresolvedName),
}

/// The guard of one resolver.
#[derive(Clone)]
pub struct Guard {
    exceptions: Arc<Exceptions>,
    names: Arc<dyn Names>,
    /// Ports on which this program's own pages listen.
    own_ports: Arc<[u16]>,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("exceptions", &self.exceptions).finish_non_exhaustive()
    }
}

impl Guard {
    /// A guard with these exceptions, which asks `names` for addresses.
    #[must_use]
    pub fn new(exceptions: Exceptions, names: Arc<dyn Names>) -> Self {
        Self { exceptions: Arc::new(exceptions), names, own_ports: Arc::default() }
    }

    /// The same guard for a program whose own pages listen on these ports of this machine. No exception and no proxy leads
    /// there: a link must not be able to speak to the program that follows it.
    #[must_use]
    pub fn with_own_ports(self, ports: &[u16]) -> Self {
        Self { own_ports: ports.into(), ..self }
    }

    /// What can be said of a URL before its name is resolved: scheme, host and port. For hops through a proxy this and
    /// [`Self::check_for_proxy`] are all there is.
    ///
    /// # Errors
    /// [`Refusal`] of the scheme, the host or the port.
    pub fn check_url(&self, url: &Url) -> Result<(), Refusal> {
        let refuse = |target: &str, reason| Err(Refusal { target: target.to_owned(), reason });
        if !matches!(url.scheme(), "http" | "https") {
            return refuse(url.scheme(), Reason::Scheme);
        }
        if url.host_str().is_none_or(str::is_empty) {
            return refuse(url.scheme(), Reason::NoHost);
        }
        let port = url.port_or_known_default().unwrap_or_default();
        self.check_port(url, port)
    }

    /// As [`Self::check_url`], and no name or literal address of a local network: a proxy resolves names itself, so its
    /// answers cannot be classified here.
    ///
    /// # Errors
    /// [`Refusal`] of scheme, port, name or literal address.
    pub fn check_for_proxy(&self, url: &Url) -> Result<(), Refusal> {
        self.check_url(url)?;
        let refuse = |reason| Err(Refusal { target: url.host_str().unwrap_or_default().to_owned(), reason });
        if self.own_ports.contains(&url.port_or_known_default().unwrap_or_default()) {
            // A proxy on this machine could be led there by a name.
            return refuse(Reason::OwnPages);
        }
        match url.host() {
            Some(Host::Domain(name)) if is_local_name(name) => refuse(Reason::LocalName),
            Some(Host::Domain(_)) | None => Ok(()),
            Some(Host::Ipv4(address)) => classify(IpAddr::V4(address)).map_or(Ok(()), |class| refuse(Reason::Address(class))),
            Some(Host::Ipv6(address)) => classify(IpAddr::V6(address)).map_or(Ok(()), |class| refuse(Reason::Address(class))),
        }
    }

    /// The addresses that may be dialled for a URL, in the order of the resolver's answer; never empty.
    ///
    /// # Errors
    /// [`CheckError::Refused`] when scheme, port, or *any* address of the name is refused: a name that has one private
    /// address among public ones is an attempt to have it dialled. [`CheckError::Unresolved`] when it has none.
    pub async fn check(&self, url: &Url) -> Result<Vec<CheckedAddr>, CheckError> {
        self.check_url(url)?;
        let host = url.host_str().unwrap_or_default();
        let port = url.port_or_known_default().unwrap_or_default();
        if let Some(address) = self.exceptions.connect_to(host, port) {
            self.check_is_not_own(address)?;
            return Ok(vec![CheckedAddr { address, by_exception: true }]);
        }
        let addresses = match url.host() {
            Some(Host::Ipv4(address)) => vec![IpAddr::V4(address)],
            Some(Host::Ipv6(address)) => vec![IpAddr::V6(address)],
            Some(Host::Domain(name)) if is_localhost(name) => return Ok(self.check_localhost(name, port)?),
            Some(Host::Domain(name)) => self.names.addresses(name).await?,
            None => Vec::new(),
        };
        if addresses.is_empty() {
            return Err(UnresolvedName { name: host.to_owned(), cause: "it has no address".to_owned() }.into());
        }
        addresses.into_iter().map(|address| Ok(self.check_address(SocketAddr::new(address, port))?)).collect()
    }

    /// The addresses of a proxy. Its user vouches for them: they are not judged, but for this program's own pages.
    ///
    /// # Errors
    /// When its name has no address that may be dialled.
    pub async fn check_proxy(&self, profile: &ProxyProfile) -> Result<Vec<CheckedAddr>, UnresolvedName> {
        let addresses = match profile.host.parse::<IpAddr>() {
            Ok(address) => vec![address],
            Err(_) if is_localhost(&profile.host) => names::LOCALHOST.to_vec(),
            Err(_) => self.names.addresses(&profile.host).await?,
        };
        let addresses = addresses.into_iter().map(|address| SocketAddr::new(address, profile.port));
        let dialled = |address| match self.check_is_not_own(address) {
            Ok(()) => Ok(CheckedAddr { address, by_exception: true }),
            Err(refusal) => Err(UnresolvedName { name: profile.host.clone(), cause: refusal.to_string() }),
        };
        addresses.map(dialled).collect()
    }

    /// Whether one address may be dialled.
    ///
    /// # Errors
    /// [`Refusal`] with the class that forbids it.
    pub fn check_address(&self, address: SocketAddr) -> Result<CheckedAddr, Refusal> {
        self.check_is_not_own(address)?;
        if self.exceptions.allows(address) {
            return Ok(CheckedAddr { address, by_exception: true });
        }
        let class = classify(address.ip()).or_else(|| own::is_own(address.ip()).then_some(AddressClass::OwnInterface));
        match class {
            Some(class) => Err(Refusal { target: address.ip().to_string(), reason: Reason::Address(class) }),
            None => Ok(CheckedAddr { address, by_exception: false }),
        }
    }

    /// Whether an exception names where this URL leads: a pattern its host, or an address itself.
    #[must_use]
    pub fn is_excepted(&self, url: &Url) -> bool {
        if self.exceptions.is_empty() {
            return false;
        }
        let host = url.host_str().unwrap_or_default();
        let port = url.port_or_known_default().unwrap_or_default();
        let allows = |address: IpAddr| self.exceptions.allows(SocketAddr::new(address, port));
        self.exceptions.connect_to(host, port).is_some()
            || match url.host() {
                Some(Host::Ipv4(address)) => allows(IpAddr::V4(address)),
                Some(Host::Ipv6(address)) => allows(IpAddr::V6(address)),
                Some(Host::Domain(name)) => is_localhost(name) && names::LOCALHOST.into_iter().any(allows),
                None => false,
            }
    }

    fn check_port(&self, url: &Url, port: u16) -> Result<(), Refusal> {
        let refuse = |class| Err(Refusal { target: format!("port {port}"), reason: Reason::Port(class) });
        match port_class(port) {
            None => Ok(()),
            Some(PortClass::Bad) => refuse(PortClass::Bad),
            Some(PortClass::Service) if self.is_excepted(url) => Ok(()),
            Some(PortClass::Service) => refuse(PortClass::Service),
        }
    }

    /// Whatever the exceptions say, this program's own pages are not dialled.
    fn check_is_not_own(&self, address: SocketAddr) -> Result<(), Refusal> {
        // Elsewhere in the world the same port is anybody's.
        let is_here = || classify(address.ip()).is_some() || own::is_own(address.ip());
        if self.own_ports.contains(&address.port()) && is_here() {
            return Err(Refusal { target: address.to_string(), reason: Reason::OwnPages });
        }
        Ok(())
    }

    /// `localhost` is dialled only where an exception names the very address.
    fn check_localhost(&self, name: &str, port: u16) -> Result<Vec<CheckedAddr>, Refusal> {
        let excepted: Vec<CheckedAddr> = names::LOCALHOST
            .into_iter()
            .map(|address| SocketAddr::new(address, port))
            .filter(|address| self.exceptions.allows(*address) && self.check_is_not_own(*address).is_ok())
            .map(|address| CheckedAddr { address, by_exception: true })
            .collect();
        if excepted.is_empty() { Err(Refusal { target: name.to_owned(), reason: Reason::LocalName }) } else { Ok(excepted) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: u16 = 41_999;

    /// Every exception that somebody could make, and names that lead home.
    fn guard() -> Guard {
        let texts =
            ["127.0.0.1:41999", "[::1]:41999", "0.0.0.0:41999", "127.0.0.1:41998", "*.test=127.0.0.1:41999", "far.example=8.8.8.8:41999"];
        Guard::new(Exceptions::parse(texts).unwrap(), Arc::new(SystemNames)).with_own_ports(&[OWN])
    }

    async fn reason(url: &str) -> Option<Reason> {
        match guard().check(&url.parse().unwrap()).await {
            Err(CheckError::Refused(refusal)) => Some(refusal.reason),
            Err(CheckError::Unresolved(_)) | Ok(_) => None,
        }
    }

    #[tokio::test]
    async fn no_exception_leads_to_the_programs_own_pages() {
        for url in ["http://127.0.0.1:41999/", "http://[::1]:41999/", "http://0.0.0.0:41999/", "http://a.test/", "http://a.test:41999/"] {
            assert_eq!(reason(url).await, Some(Reason::OwnPages), "{url}");
        }
        for url in ["http://[::ffff:127.0.0.1]:41999/", "http://localhost:41999/", "http://2130706433:41999/"] {
            assert!(reason(url).await.is_some(), "{url}");
        }
        assert!(guard().check(&"http://127.0.0.1:41998/".parse().unwrap()).await.is_ok(), "another port of this machine, by its exception");
        assert!(guard().check(&"http://far.example:41999/".parse().unwrap()).await.is_ok(), "another machine's port");
    }

    #[tokio::test]
    async fn no_proxy_leads_to_the_programs_own_pages() {
        let refused = guard().check_for_proxy(&"http://rebound.example:41999/".parse().unwrap()).unwrap_err();
        assert_eq!(refused.reason, Reason::OwnPages);
        for proxy in ["http://127.0.0.1:41999", "socks5://localhost:41999", "http://[::1]:41999"] {
            assert!(guard().check_proxy(&proxy.parse().unwrap()).await.is_err(), "{proxy}");
        }
        assert!(guard().check_proxy(&"http://127.0.0.1:41998".parse().unwrap()).await.is_ok());
    }
}
