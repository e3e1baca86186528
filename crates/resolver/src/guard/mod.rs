//! The guard: decides which addresses may be dialled, so that a desktop is never a door into its owner's network.
//!
//! It classifies the *resolved address* at dial time, for every hop. What it lets pass is a [`CheckedAddr`], which
//! nothing else can make and without which nothing dials: the address that was checked is the address that is dialled,
//! so a name that resolves differently a moment later (rebinding) gains nothing.

mod class;
mod exceptions;
mod interfaces;
mod names;
mod nat64;
#[cfg(test)]
mod neighbours;
mod networks;
mod ports;
mod through;
#[cfg(test)]
mod vectors;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use url::{Host, Url};

use nat64::Nat64;
use networks::Networks;

pub use class::{AddressClass, classify};
pub use exceptions::{Exceptions, InvalidException};
pub use interfaces::{InterfaceAddress, Interfaces, SystemInterfaces};
pub use names::{Answer, Names, SystemNames, UnresolvedName, is_local_name, is_localhost};
pub use ports::{PortClass, port_class};
pub use through::WayThrough;

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
    /// Nothing is said of the target: this machine cannot tell its own networks, or a proxy cannot be reached.
    #[error("{0}")]
    Unavailable(String),
}

/// The guard of one resolver.
#[derive(Clone)]
pub struct Guard {
    exceptions: Arc<Exceptions>,
    names: Arc<dyn Names>,
    networks: Arc<Networks>,
    nat64: Arc<Nat64>,
    /// Ports on which this program's own pages listen.
    own_ports: Arc<[u16]>,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("exceptions", &self.exceptions).finish_non_exhaustive()
    }
}

impl Guard {
    /// A guard with these exceptions, which asks `names` for addresses, on a machine with the system's interfaces.
    #[must_use]
    pub fn new(exceptions: Exceptions, names: Arc<dyn Names>) -> Self {
        let networks = Arc::new(Networks::new(Arc::new(SystemInterfaces)));
        let nat64 = Arc::new(Nat64::new(Arc::clone(&names)));
        Self { exceptions: Arc::new(exceptions), names, networks, nat64, own_ports: Arc::default() }
    }

    /// The same guard on a machine with these interfaces.
    #[must_use]
    pub fn with_interfaces(self, interfaces: Arc<dyn Interfaces>) -> Self {
        Self { networks: Arc::new(Networks::new(interfaces)), ..self }
    }

    /// The same guard for a program whose own pages listen on these ports of this machine. No exception and no proxy leads
    /// there: a link must not be able to speak to the program that follows it.
    #[must_use]
    pub fn with_own_ports(self, ports: &[u16]) -> Self {
        Self { own_ports: ports.into(), ..self }
    }

    /// What can be said of a URL before its name is resolved: scheme, host and port.
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

    /// The addresses that may be dialled for a URL, in the order of the resolver's answer; never empty.
    ///
    /// # Errors
    /// [`CheckError::Refused`] when scheme, port, or *any* address of the name is refused: a name that has one private
    /// address among public ones is an attempt to have it dialled. [`CheckError::Unresolved`] when it has none,
    /// [`CheckError::Unavailable`] when this machine cannot tell which networks it is in.
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
        let mut checked = Vec::with_capacity(addresses.len());
        for address in addresses {
            checked.push(self.check_address(SocketAddr::new(address, port)).await?);
        }
        Ok(checked)
    }

    /// Whether one address may be dialled. An exception is looked for first: it stands whatever this machine's networks are.
    async fn check_address(&self, address: SocketAddr) -> Result<CheckedAddr, CheckError> {
        self.check_is_not_own(address)?;
        let by_exception = self.exceptions.allows(address);
        if !by_exception {
            self.check_is_public(address.ip()).await?;
        }
        Ok(CheckedAddr { address, by_exception })
    }

    /// Whether an address is on the public internet and in no network of this machine, wherever it is written.
    async fn check_is_public(&self, address: IpAddr) -> Result<(), CheckError> {
        let refuse = |class| CheckError::Refused(Refusal { target: address.to_string(), reason: Reason::Address(class) });
        if let Some(class) = classify(address) {
            return Err(refuse(class));
        }
        let networks = self.networks.now().map_err(|error| unknown_networks(&error))?;
        if let Some(class) = networks.class(address.to_canonical()) {
            return Err(refuse(class));
        }
        let IpAddr::V6(v6) = address.to_canonical() else { return Ok(()) };
        let prefixes = self.nat64.prefixes(&networks).await;
        let found = prefixes.iter().filter_map(|prefix| prefix.embedded(v6));
        for v4 in class::well_known_nat64(v6).into_iter().chain(found) {
            if classify(IpAddr::V4(v4)).is_some() {
                return Err(refuse(AddressClass::Nat64));
            }
            if let Some(class) = networks.class(IpAddr::V4(v4)) {
                return Err(refuse(class));
            }
        }
        Ok(())
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
        if self.own_ports.contains(&address.port()) && self.is_near(address.ip()) {
            return Err(Refusal { target: address.to_string(), reason: Reason::OwnPages });
        }
        Ok(())
    }

    /// Whether an address is on this machine or in its networks: private, special, or a neighbour. Where that cannot be told
    /// it is.
    fn is_near(&self, address: IpAddr) -> bool {
        classify(address).is_some() || self.networks.now().map_or(true, |networks| networks.class(address.to_canonical()).is_some())
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

fn unknown_networks(error: &std::io::Error) -> CheckError {
    CheckError::Unavailable(format!("this machine's networks cannot be read, so nothing can be told apart from them: {error}"))
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
            Err(CheckError::Unresolved(_) | CheckError::Unavailable(_)) | Ok(_) => None,
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
        let public = "http://8.8.8.8/".parse().unwrap();
        for proxy in ["http://127.0.0.1:41999", "socks5://localhost:41999", "http://[::1]:41999"] {
            let refused = guard().check_through(&public, &proxy.parse().unwrap()).await;
            assert!(matches!(refused, Err(CheckError::Unavailable(_))), "{proxy}: {refused:?}");
        }
        assert!(guard().check_through(&public, &"http://127.0.0.1:41998".parse().unwrap()).await.is_ok());
    }
}
