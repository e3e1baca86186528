//! A range of source addresses in CIDR notation (RFC 4632, RFC 4291 section 2.3), in its one canonical form.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Addresses that share their first bits. A single address is a range of its whole length.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressRange {
    first: IpAddr,
    prefix: u8,
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for AddressRange {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "AddressRange".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string", "maxLength": 43, "description": "An address, or a range of them: `192.0.2.0/24`, `2001:db8::/32`."
        })
    }
}

/// A text that is no range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAddressRange {
    /// Neither an address nor an address with a prefix length.
    #[error("expected an address (192.0.2.7, 2001:db8::7) or a range of them (192.0.2.0/24, 2001:db8::/32)")]
    OffGrammar,
    /// Bits behind the prefix are set: whoever wrote it meant another range than it says.
    #[error("bits behind the prefix length are set: did you mean {0}?")]
    HostBits(AddressRange),
}

impl AddressRange {
    /// Whether the address lies in the range. An IPv4 address that comes as an IPv6 one (`::ffff:192.0.2.7`, as on sockets
    /// that serve both) is taken for what it is.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.first, address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(address)) => mask4(address, self.prefix) == first,
            (IpAddr::V6(first), IpAddr::V6(address)) => mask6(address, self.prefix) == first,
            _ => false,
        }
    }
}

impl From<IpAddr> for AddressRange {
    /// The range of this one address.
    fn from(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Self { first: address, prefix: if address.is_ipv4() { 32 } else { 128 } }
    }
}

fn mask4(address: Ipv4Addr, prefix: u8) -> Ipv4Addr {
    // A shift by all 32 bits is none in Rust.
    let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
    Ipv4Addr::from_bits(address.to_bits() & mask)
}

fn mask6(address: Ipv6Addr, prefix: u8) -> Ipv6Addr {
    let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
    Ipv6Addr::from_bits(address.to_bits() & mask)
}

impl FromStr for AddressRange {
    type Err = InvalidAddressRange;

    fn from_str(text: &str) -> Result<Self, InvalidAddressRange> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().map_err(|_| InvalidAddressRange::OffGrammar)?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => longest,
            // One written form: no sign, no leading zero.
            Some(digits)
                if digits.len() <= 3 && digits.bytes().all(|b| b.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0')) =>
            {
                digits.parse().ok().filter(|prefix| *prefix <= longest).ok_or(InvalidAddressRange::OffGrammar)?
            }
            Some(_) => return Err(InvalidAddressRange::OffGrammar),
        };
        let first = match address {
            IpAddr::V4(address) => IpAddr::V4(mask4(address, prefix)),
            IpAddr::V6(address) => IpAddr::V6(mask6(address, prefix)),
        };
        let range = Self { first, prefix };
        if first == address { Ok(range) } else { Err(InvalidAddressRange::HostBits(range)) }
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_single = self.prefix == if self.first.is_ipv4() { 32 } else { 128 };
        if is_single { self.first.fmt(f) } else { write!(f, "{}/{}", self.first, self.prefix) }
    }
}

impl fmt::Debug for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for AddressRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AddressRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> AddressRange {
        text.parse().unwrap()
    }

    #[test]
    fn a_range_has_the_addresses_that_share_its_prefix() {
        for (text, inside, outside) in [
            ("192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("192.0.2.7", "::ffff:192.0.2.7", "::ffff:192.0.2.8"),
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("0.0.0.0/0", "203.0.113.9", "2001:db8::1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"),
            ("::/0", "2001:db8::1", "192.0.2.1"),
            ("2001:db8::7/128", "2001:db8::7", "2001:db8::6"),
        ] {
            assert!(range(text).contains(inside.parse().unwrap()), "{text} has {inside}");
            assert!(!range(text).contains(outside.parse().unwrap()), "{text} has not {outside}");
        }
    }

    #[test]
    fn a_range_has_one_written_form() {
        for text in ["192.0.2.0/24", "192.0.2.7", "2001:db8::/32", "::1", "0.0.0.0/0", "::/0"] {
            assert_eq!(range(text).to_string(), text);
        }
        assert_eq!(range("192.0.2.7/32").to_string(), "192.0.2.7");
        for text in
            ["", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.0/+8", "10/8", "::/129", "10.0.0.0/-1", "host", "10.0.0.0/8/8"]
        {
            assert_eq!(text.parse::<AddressRange>(), Err(InvalidAddressRange::OffGrammar), "{text}");
        }
    }

    #[test]
    fn a_slip_in_the_prefix_is_named() {
        let slip = "192.0.2.7/24".parse::<AddressRange>().unwrap_err();
        assert_eq!(slip, InvalidAddressRange::HostBits(range("192.0.2.0/24")));
        assert!(slip.to_string().contains("192.0.2.0/24"), "{slip}");
    }
}
