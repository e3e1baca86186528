//! What an IP address is for. The classes are those of the IANA special-purpose registries (RFC 6890 and its updates),
//! read so that only globally reachable unicast passes, embedded IPv4 addresses included. Pure.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an address is no place on the public internet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressClass {
    /// `0.0.0.0/8` and `::` (RFC 1122): this host on this network.
    ThisNetwork,
    /// `127.0.0.0/8` and `::1`.
    Loopback,
    /// RFC 1918.
    Private,
    /// `169.254.0.0/16` and `fe80::/10`, where clouds keep their metadata service.
    LinkLocal,
    /// A metadata service outside the link-local range.
    Metadata,
    /// `100.64.0.0/10` (RFC 6598): carrier-grade NAT.
    SharedByCarrier,
    /// `fc00::/7` (RFC 4193).
    UniqueLocal,
    /// `198.18.0.0/15` and `2001:2::/48` (RFC 2544, RFC 5180).
    Benchmarking,
    /// The ranges kept for examples (RFC 5737, RFC 3849, RFC 9637).
    Documentation,
    /// `224.0.0.0/4` and `ff00::/8`.
    Multicast,
    /// `255.255.255.255`.
    Broadcast,
    /// Assigned to protocols or to nobody.
    Reserved,
    /// An IPv4-mapped, -compatible or -translated address whose IPv4 part is no public address.
    EmbeddedV4,
    /// NAT64 (RFC 6052, RFC 8215) to an IPv4 address that is not public, or with a prefix for local use.
    Nat64,
    /// 6to4 (RFC 3056, deprecated by RFC 7526): no site is reached by it.
    SixToFour,
    /// Teredo (RFC 4380): a tunnel to one machine behind NAT.
    Teredo,
    /// An address of this machine's own interfaces.
    OwnInterface,
    /// A public address in a network that this machine is in: its router, a NAS, a neighbour.
    OwnNetwork,
}

impl AddressClass {
    /// The class in the words of a sentence: "… is a private address".
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ThisNetwork => "an address of this host on this network",
            Self::Loopback => "a loopback address",
            Self::Private => "a private address",
            Self::LinkLocal => "a link-local address",
            Self::Metadata => "the address of a cloud metadata service",
            Self::SharedByCarrier => "an address shared by a carrier (CGNAT)",
            Self::UniqueLocal => "a unique local address",
            Self::Benchmarking => "a benchmarking address",
            Self::Documentation => "a documentation address",
            Self::Multicast => "a multicast address",
            Self::Broadcast => "the broadcast address",
            Self::Reserved => "a reserved address",
            Self::EmbeddedV4 => "an IPv6 form of an IPv4 address that is not public",
            Self::Nat64 => "a NAT64 form of an address that is not public",
            Self::SixToFour => "a 6to4 address",
            Self::Teredo => "a Teredo address",
            Self::OwnInterface => "an address of this machine",
            Self::OwnNetwork => "an address in a network that this machine is in",
        }
    }
}

impl fmt::Display for AddressClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The class that forbids `address`; `None` for an address on the public internet.
///
/// ```
/// use resolver::guard::{AddressClass, classify};
/// assert_eq!(classify("10.0.0.1".parse().unwrap()), Some(AddressClass::Private));
/// assert_eq!(classify("64:ff9b::a00:1".parse().unwrap()), Some(AddressClass::Nat64));
/// assert_eq!(classify("8.8.8.8".parse().unwrap()), None);
/// ```
#[must_use]
pub fn classify(address: IpAddr) -> Option<AddressClass> {
    match address {
        IpAddr::V4(v4) => classify_v4(v4),
        IpAddr::V6(v6) => classify_v6(v6),
    }
}

const fn classify_v4(address: Ipv4Addr) -> Option<AddressClass> {
    use AddressClass as Class;
    Some(match address.octets() {
        [0, ..] => Class::ThisNetwork,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Class::Private,
        [100, 64..=127, ..] => Class::SharedByCarrier,
        [127, ..] => Class::Loopback,
        [169, 254, ..] => Class::LinkLocal,
        // Azure's "wire server": a public address that answers only from inside a machine of that cloud.
        [168, 63, 129, 16] => Class::Metadata,
        // 192.0.0.0/24 is for protocols (RFC 6890); 192.88.99.0/24 was the 6to4 relay.
        [192, 0, 0, _] | [192, 88, 99, _] => Class::Reserved,
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Class::Documentation,
        [198, 18..=19, ..] => Class::Benchmarking,
        [224..=239, ..] => Class::Multicast,
        [255, 255, 255, 255] => Class::Broadcast,
        [240..=255, ..] => Class::Reserved,
        _ => return None,
    })
}

/// The IPv4 address that the well-known prefix of NAT64 (RFC 6052) leads to. Which it is allowed to, [`classify`] says.
pub(super) const fn well_known_nat64(address: Ipv6Addr) -> Option<Ipv4Addr> {
    match address.segments() {
        segments @ [0x64, 0xff9b, 0, 0, 0, 0, _, _] => Some(low_v4(segments)),
        _ => None,
    }
}

const fn low_v4(segments: [u16; 8]) -> Ipv4Addr {
    let [a, b] = segments[6].to_be_bytes();
    let [c, d] = segments[7].to_be_bytes();
    Ipv4Addr::new(a, b, c, d)
}

fn classify_v6(address: Ipv6Addr) -> Option<AddressClass> {
    use AddressClass as Class;
    let segments = address.segments();
    Some(match segments {
        [0, 0, 0, 0, 0, 0, 0, 0] => Class::ThisNetwork,
        [0, 0, 0, 0, 0, 0, 0, 1] => Class::Loopback,
        // Mapped (RFC 4291): the kernel dials the IPv4 address, so its class decides.
        [0, 0, 0, 0, 0, 0xffff, _, _] => return classify_v4(low_v4(segments)).map(|_| Class::EmbeddedV4),
        // Compatible and translated forms are obsolete: no site is reached by them.
        [0, 0, 0, 0, 0, 0, _, _] | [0, 0, 0, 0, 0xffff, 0, _, _] => Class::EmbeddedV4,
        // The well-known prefix is how an IPv6-only network reaches public IPv4 sites (DNS64), so public ones pass.
        [0x64, 0xff9b, 0, 0, 0, 0, _, _] => return classify_v4(low_v4(segments)).map(|_| Class::Nat64),
        [0x64, 0xff9b, 1, ..] => Class::Nat64,
        [0xfe80..=0xfebf, ..] => Class::LinkLocal,
        [0xfc00..=0xfdff, ..] => Class::UniqueLocal,
        [0xff00..=0xffff, ..] => Class::Multicast,
        [0x2001, 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => Class::Documentation,
        [0x2001, 0, ..] => Class::Teredo,
        [0x2001, 2, 0, ..] => Class::Benchmarking,
        // 2001::/23 is for protocols: ORCHID, AMT, AS112 and whatever comes.
        [0x2001, 0..=0x01ff, ..] => Class::Reserved,
        [0x2002, ..] => Class::SixToFour,
        // ISATAP interface identifiers (RFC 5214) carry the IPv4 address of the machine behind the router.
        [_, _, _, _, 0 | 0x0200, 0x5efe, _, _] => return classify_v4(low_v4(segments)).map(|_| Class::EmbeddedV4),
        // 2000::/3 is all the global unicast there is.
        [0x2000..=0x3fff, ..] => return None,
        _ => Class::Reserved,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(text: &str) -> Option<AddressClass> {
        classify(text.parse().unwrap())
    }

    #[test]
    fn ranges_end_where_the_registries_say() {
        for (text, expected) in [
            ("9.255.255.255", None),
            ("10.0.0.0", Some(AddressClass::Private)),
            ("100.63.255.255", None),
            ("100.64.0.0", Some(AddressClass::SharedByCarrier)),
            ("100.128.0.0", None),
            ("172.15.255.255", None),
            ("172.31.255.255", Some(AddressClass::Private)),
            ("172.32.0.0", None),
            ("198.17.255.255", None),
            ("198.18.0.0", Some(AddressClass::Benchmarking)),
            ("198.20.0.0", None),
            ("223.255.255.255", None),
            ("224.0.0.0", Some(AddressClass::Multicast)),
            ("168.63.129.16", Some(AddressClass::Metadata)),
            ("255.255.255.254", Some(AddressClass::Reserved)),
            ("2001:db7:ffff::", None),
            ("2001:200::1", None),
            ("3fff:1000::", None),
            ("4000::1", Some(AddressClass::Reserved)),
            ("fec0::1", Some(AddressClass::Reserved)),
            ("100::1", Some(AddressClass::Reserved)),
        ] {
            assert_eq!(class(text), expected, "{text}");
        }
    }

    #[test]
    fn an_embedded_address_is_judged_by_what_it_reaches() {
        assert_eq!(class("::ffff:8.8.8.8"), None);
        assert_eq!(class("::ffff:127.0.0.1"), Some(AddressClass::EmbeddedV4));
        assert_eq!(class("::127.0.0.1"), Some(AddressClass::EmbeddedV4));
        assert_eq!(class("::ffff:0:8.8.8.8"), Some(AddressClass::EmbeddedV4));
        assert_eq!(class("64:ff9b::8.8.8.8"), None);
        assert_eq!(class("64:ff9b::10.0.0.1"), Some(AddressClass::Nat64));
        assert_eq!(class("64:ff9b:1::8.8.8.8"), Some(AddressClass::Nat64));
        assert_eq!(class("2002:808:808::1"), Some(AddressClass::SixToFour));
        assert_eq!(class("2001:0:4136:e378:8000:63bf:3fff:fdd2"), Some(AddressClass::Teredo));
        assert_eq!(class("2a00:1:2:3:0:5efe:10.0.0.1"), Some(AddressClass::EmbeddedV4));
    }
}
