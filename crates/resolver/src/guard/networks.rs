//! The networks that this machine is in. A public address is no stranger there: the router, a NAS or a neighbouring server
//! answers a machine beside it what its firewall keeps from the world. So none of them is dialled, nor is an address of
//! this machine itself. Networks that are reached through a router (a guest network, what a VPN routes) are not known here.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::class::AddressClass;
use super::interfaces::{InterfaceAddress, Interfaces};

/// How long a list of interfaces is believed. Reading it takes some tens of microseconds, and nobody plugs a cable in, or
/// walks into another Wi-Fi, and has a link followed there within this time.
const FRESH_FOR: Duration = Duration::from_secs(2);
/// An IPv6 address counts as in a network of at least this prefix, whatever its interface says: DHCPv6 hands out /128s
/// within a link's /64 (RFC 8415, section 21.6), and 64 bits are what every link has (RFC 4291, section 2.5.4; RFC 7421).
/// Not wider: providers delegate /48 to /64, and in a data centre the /64 beside ours is somebody else's website.
const SHARED_V6: u8 = 64;
/// Shorter prefixes are no network that a machine can be in: nobody was ever assigned more at once. Tunnels that call
/// everything their link would have every site refused; there the address alone counts.
const SHORTEST_V4: u8 = 8;
/// As [`SHORTEST_V4`].
const SHORTEST_V6: u8 = 16;

/// A prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Network<N> {
    bits: N,
    mask: N,
}

/// What the interfaces say at one moment.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct OwnNetworks {
    v4: Vec<Network<u32>>,
    v6: Vec<Network<u128>>,
    addresses: Vec<IpAddr>,
}

impl OwnNetworks {
    fn of(interfaces: &[InterfaceAddress]) -> Self {
        let mut own = Self::default();
        for InterfaceAddress { address, prefix } in interfaces {
            let address = address.to_canonical();
            own.addresses.push(address);
            match address {
                IpAddr::V4(v4) => {
                    let length = if *prefix < SHORTEST_V4 { 32 } else { (*prefix).min(32) };
                    let mask = u32::MAX << (32 - u32::from(length));
                    own.v4.push(Network { bits: v4.to_bits() & mask, mask });
                }
                IpAddr::V6(v6) => {
                    let length = if *prefix < SHORTEST_V6 { SHARED_V6 } else { (*prefix).min(SHARED_V6) };
                    let mask = u128::MAX << (128 - u32::from(length));
                    own.v6.push(Network { bits: v6.to_bits() & mask, mask });
                }
            }
        }
        own.v4.sort_unstable();
        own.v4.dedup();
        own.v6.sort_unstable();
        own.v6.dedup();
        own
    }

    /// The class that forbids `address`, which is not IPv4-mapped; `None` for one outside of these networks.
    pub(super) fn class(&self, address: IpAddr) -> Option<AddressClass> {
        let is_within = match address {
            IpAddr::V4(v4) => self.v4.iter().any(|network| v4.to_bits() & network.mask == network.bits),
            IpAddr::V6(v6) => self.v6.iter().any(|network| v6.to_bits() & network.mask == network.bits),
        };
        let is_own = is_within && self.addresses.contains(&address);
        if is_own || is_bound_here(address) {
            Some(AddressClass::OwnInterface)
        } else if is_within {
            Some(AddressClass::OwnNetwork)
        } else {
            None
        }
    }

    /// Whether both are the same networks. Addresses within them come and go (RFC 8981).
    pub(super) fn are_those_of(&self, other: &Self) -> bool {
        self.v4 == other.v4 && self.v6 == other.v6
    }
}

/// The networks, read anew as time passes.
pub(super) struct Networks {
    interfaces: Arc<dyn Interfaces>,
    known: Mutex<Option<(Arc<OwnNetworks>, Instant)>>,
}

impl Networks {
    pub(super) fn new(interfaces: Arc<dyn Interfaces>) -> Self {
        Self { interfaces, known: Mutex::default() }
    }

    /// The networks of this moment, at most [`FRESH_FOR`] old. A list that cannot be read anew stays.
    ///
    /// # Errors
    /// When none was ever read.
    pub(super) fn now(&self) -> io::Result<Arc<OwnNetworks>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if let Some((own, read_at)) = &*known
            && now.duration_since(*read_at) < FRESH_FOR
        {
            return Ok(Arc::clone(own));
        }
        let own = match (self.interfaces.addresses(), known.take()) {
            (Ok(interfaces), _) => Arc::new(OwnNetworks::of(&interfaces)),
            (Err(error), Some((last, _))) => {
                tracing::warn!(%error, "this machine's interfaces cannot be read anew; its networks of before are believed");
                last
            }
            (Err(error), None) => return Err(error),
        };
        *known = Some((Arc::clone(&own), now));
        Ok(own)
    }
}

/// Whether the kernel takes `address` for this machine's although no interface has it, by a route of type `local`. Two
/// system calls, nothing is sent. Systems that let sockets bind what they do not have (`ip_nonlocal_bind`, of each family)
/// say so of every address: there the interfaces are all we know.
fn is_bound_here(address: IpAddr) -> bool {
    // Reserved (RFC 1112, section 4) and for documentation (RFC 3849): nobody has them.
    let nobodys: IpAddr = match address {
        IpAddr::V4(_) => Ipv4Addr::new(240, 0, 0, 1).into(),
        IpAddr::V6(_) => Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xfffe).into(),
    };
    let is_bound = |address| UdpSocket::bind((address, 0)).is_ok();
    is_bound(address) && !is_bound(nobodys)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Interfaces that a test sets, in the form `2a02:db::10/64`; none are there while it is empty.
    #[derive(Default)]
    pub(in crate::guard) struct SetInterfaces(Mutex<Option<Vec<InterfaceAddress>>>);

    impl SetInterfaces {
        pub(in crate::guard) fn of(texts: &[&str]) -> Arc<Self> {
            let interfaces = Arc::new(Self::default());
            interfaces.set(texts);
            interfaces
        }

        pub(in crate::guard) fn set(&self, texts: &[&str]) {
            let read = |text: &&str| {
                let (address, prefix) = text.split_once('/').unwrap();
                InterfaceAddress { address: address.parse().unwrap(), prefix: prefix.parse().unwrap() }
            };
            *self.0.lock().unwrap() = Some(texts.iter().map(read).collect());
        }

        fn unset(&self) {
            *self.0.lock().unwrap() = None;
        }
    }

    impl Interfaces for SetInterfaces {
        fn addresses(&self) -> io::Result<Vec<InterfaceAddress>> {
            self.0.lock().unwrap().clone().ok_or_else(|| io::Error::other("no question"))
        }
    }

    fn class(own: &[&str], address: &str) -> Option<AddressClass> {
        Networks::new(SetInterfaces::of(own)).now().unwrap().class(address.parse().unwrap())
    }

    #[test]
    fn neighbours_are_those_within_the_prefix_and_of_ipv6_within_its_64_bits() {
        use AddressClass::{OwnInterface, OwnNetwork};
        for (own, address, expected) in [
            ("2a02:db::10/64", "2a02:db::10", Some(OwnInterface)),
            ("2a02:db::10/64", "2a02:db::1", Some(OwnNetwork)),
            ("2a02:db::10/64", "2a02:db:0:0:ffff:ffff:ffff:ffff", Some(OwnNetwork)),
            ("2a02:db::10/64", "2a02:db:0:1::1", None),
            // One address of DHCPv6, a prefix longer than a link's, a delegated network on one link.
            ("2a02:db::10/128", "2a02:db::1", Some(OwnNetwork)),
            ("2a02:db::10/80", "2a02:db::f:0:0:1", Some(OwnNetwork)),
            ("2a02:db::10/56", "2a02:db:0:ff::1", Some(OwnNetwork)),
            ("2a02:db::10/56", "2a02:db:0:100::1", None),
            ("93.184.215.14/24", "93.184.215.254", Some(OwnNetwork)),
            ("93.184.215.14/24", "93.184.216.1", None),
            ("93.184.215.14/20", "93.184.208.1", Some(OwnNetwork)),
            // Point to point, as clouds and PPP have it.
            ("93.184.215.14/32", "93.184.215.14", Some(OwnInterface)),
            ("93.184.215.14/32", "93.184.215.15", None),
            // Tunnels that call everything their link, and systems that say nothing.
            ("93.184.215.14/0", "8.8.8.8", None),
            ("2a02:db::10/0", "2a02:db::1", Some(OwnNetwork)),
            ("2a02:db::10/3", "2a03::1", None),
            ("::ffff:93.184.215.14/32", "93.184.215.14", Some(OwnInterface)),
        ] {
            assert_eq!(class(&[own], address), expected, "{address} beside {own}");
        }
        assert_eq!(class(&["93.184.215.14/24", "93.184.220.1/24"], "93.184.220.9"), Some(OwnNetwork), "any of them");
    }

    #[test]
    fn an_own_address_is_known_by_the_interfaces_whatever_sockets_may_bind() {
        // Holds with `ip_nonlocal_bind`, too.
        let system = Networks::new(Arc::new(super::super::SystemInterfaces)).now().unwrap();
        assert_eq!(system.class(IpAddr::V4(Ipv4Addr::LOCALHOST)), Some(AddressClass::OwnInterface));
        for strange in ["8.8.8.8", "2001:4860:4860::8888"] {
            assert_eq!(system.class(strange.parse().unwrap()), None, "{strange}");
        }
        assert_eq!(class(&["8.8.8.8/32"], "8.8.8.8"), Some(AddressClass::OwnInterface));
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_is_read_anew_after_some_seconds_and_one_that_cannot_be_read_stays() {
        let interfaces = SetInterfaces::of(&["2a02:db::10/64"]);
        let networks = Networks::new(Arc::clone(&interfaces) as Arc<dyn Interfaces>);
        let class = |address: &str| networks.now().unwrap().class(address.parse().unwrap());
        assert_eq!(class("2a02:db::1"), Some(AddressClass::OwnNetwork));
        interfaces.set(&["2a02:abc::10/64"]);
        tokio::time::advance(FRESH_FOR).await;
        assert_eq!(class("2a02:db::1"), None);
        assert_eq!(class("2a02:abc::1"), Some(AddressClass::OwnNetwork));
        interfaces.unset();
        tokio::time::advance(FRESH_FOR).await;
        assert_eq!(class("2a02:abc::1"), Some(AddressClass::OwnNetwork));
        assert!(Networks::new(interfaces).now().is_err(), "nothing is guessed");
    }
}
