//! The addresses of this machine's interfaces. A seam: tests give their own, production asks the system. What follows
//! from them is judged elsewhere ([`super::networks`]).

use std::io;
use std::net::IpAddr;

/// One address of an interface, with the length of the prefix that is reached through it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterfaceAddress {
    /// The address.
    pub address: IpAddr,
    /// Leading bits that its neighbours share; 0 where the system does not say.
    pub prefix: u8,
}

/// Where the addresses of this machine come from.
pub trait Interfaces: Send + Sync + 'static {
    /// Every address of every interface, link-local ones of IPv6 left out (no global address is judged by them).
    ///
    /// # Errors
    /// What the system says: out of descriptors, or a sandbox that keeps the question from it.
    fn addresses(&self) -> io::Result<Vec<InterfaceAddress>>;
}

/// The system's interfaces: `getifaddrs` on Unix, `GetAdaptersAddresses` on Windows.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemInterfaces;

impl Interfaces for SystemInterfaces {
    fn addresses(&self) -> io::Result<Vec<InterfaceAddress>> {
        let read = |interface: if_addrs::Interface| match interface.addr {
            if_addrs::IfAddr::V4(v4) => InterfaceAddress { address: IpAddr::V4(v4.ip), prefix: v4.prefixlen },
            if_addrs::IfAddr::V6(v6) => InterfaceAddress { address: IpAddr::V6(v6.ip), prefix: v6.prefixlen },
        };
        Ok(if_addrs::get_if_addrs()?.into_iter().map(read).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn loopback_is_among_them_with_its_network() {
        let loopback = InterfaceAddress { address: IpAddr::V4(Ipv4Addr::LOCALHOST), prefix: 8 };
        assert!(SystemInterfaces.addresses().unwrap().contains(&loopback));
    }
}
