//! What may be asked of a proxy, and how it is dialled. A proxy resolves names itself. One that is far away leads into no
//! network of ours; one on this machine or in its networks can, so for it names are resolved here as well.

use std::net::{IpAddr, SocketAddr};

use url::{Host, Url};

use super::class::classify;
use super::names::{LOCALHOST, is_local_name, is_localhost};
use super::{CheckError, CheckedAddr, Guard, Reason, Refusal, UnresolvedName};
use crate::proxy::{ProxyProfile, ProxyScheme};

/// How a URL is reached through a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WayThrough {
    /// Where the proxy is dialled; never empty.
    pub proxy: Vec<CheckedAddr>,
    /// The address that the proxy is asked for in the name's stead, so that it cannot find another: known to SOCKS, where
    /// an address serves as well as a name.
    pub target: Option<IpAddr>,
}

impl Guard {
    /// What can be said of a URL before a proxy is asked for it, at each request: as [`Self::check_url`], and no name or
    /// literal address of a local network.
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

    /// The way to a URL through a proxy, when a connection to it is opened.
    ///
    /// A proxy on this machine or in its networks is asked only for what the guard would dial itself: each address of the
    /// name, resolved here, is judged. A name that does not resolve here is not asked for, since nobody knows where such a
    /// proxy would lead; its user can vouch for it ([`ProxyProfile::is_public`]).
    ///
    /// # Errors
    /// [`CheckError`]; [`CheckError::Unavailable`] when the proxy has no address that may be dialled.
    pub async fn check_through(&self, url: &Url, profile: &ProxyProfile) -> Result<WayThrough, CheckError> {
        self.check_for_proxy(url)?;
        let proxy = self.check_proxy(profile).await?;
        let name = match url.host() {
            // Whoever is asked for it: it is what it is.
            Some(Host::Ipv4(address)) => {
                return self.check_is_public(IpAddr::V4(address)).await.map(|()| WayThrough { proxy, target: None });
            }
            Some(Host::Ipv6(address)) => {
                return self.check_is_public(IpAddr::V6(address)).await.map(|()| WayThrough { proxy, target: None });
            }
            Some(Host::Domain(name)) => name,
            None => return Ok(WayThrough { proxy, target: None }),
        };
        if profile.is_public || !proxy.iter().any(|checked| self.is_near(checked.address().ip())) {
            return Ok(WayThrough { proxy, target: None });
        }
        let unknown = |cause: &str| UnresolvedName {
            name: name.to_owned(),
            cause: format!(
                "{cause}; a proxy on this machine or in its network is asked only for names that can be checked here, unless its URL ends in #public"
            ),
        };
        let addresses = self.names.addresses(name).await.map_err(|unresolved| unknown(&unresolved.cause))?;
        for address in &addresses {
            self.check_is_public(*address).await?;
        }
        // Of IPv4 where there is one: not every proxy has IPv6.
        let target =
            addresses.iter().find(|address| address.is_ipv4()).or(addresses.first()).ok_or_else(|| unknown("it has no address"))?;
        Ok(WayThrough { proxy, target: (profile.scheme == ProxyScheme::Socks5).then_some(*target) })
    }

    /// The addresses of a proxy. Its user vouches for them: they are not judged, but for this program's own pages.
    async fn check_proxy(&self, profile: &ProxyProfile) -> Result<Vec<CheckedAddr>, CheckError> {
        let unavailable = |cause: &dyn std::fmt::Display| CheckError::Unavailable(format!("the proxy cannot be reached: {cause}"));
        let addresses = match profile.host.parse::<IpAddr>() {
            Ok(address) => vec![address],
            Err(_) if is_localhost(&profile.host) => LOCALHOST.to_vec(),
            Err(_) => self.names.addresses(&profile.host).await.map_err(|unresolved| unavailable(&unresolved))?,
        };
        if addresses.is_empty() {
            return Err(unavailable(&"its name has no address"));
        }
        let addresses = addresses.into_iter().map(|address| SocketAddr::new(address, profile.port));
        let dialled = |address| match self.check_is_not_own(address) {
            Ok(()) => Ok(CheckedAddr { address, by_exception: true }),
            Err(refusal) => Err(unavailable(&refusal)),
        };
        addresses.map(dialled).collect()
    }
}
