//! Which peers are reverse proxies of ours, and what they say about whom they speak for.

use std::net::IpAddr;
use std::str::FromStr;

use protocol::key::AddressRange;

/// Addresses of reverse proxies: only what comes from them may say that it came from somebody else.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies {
    /// Where they are.
    pub networks: Vec<AddressRange>,
    /// What they write.
    pub headers: ProxyHeaders,
}

/// The headers by which proxies tell whom they speak for. One family is read and the other ignored: a proxy passes on
/// what it does not write itself, so that reading both would let anybody write the one that the proxy does not know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProxyHeaders {
    /// `X-Forwarded-For`, `X-Forwarded-Proto`, `X-Forwarded-Host`: what nearly every proxy writes.
    #[default]
    XForwarded,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

impl TrustedProxies {
    /// Whether this address is one of them.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(address))
    }
}

impl FromStr for ProxyHeaders {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "x-forwarded" => Ok(Self::XForwarded),
            "forwarded" => Ok(Self::Forwarded),
            _ => Err("expected `x-forwarded` or `forwarded`"),
        }
    }
}
