//! The addresses of this machine's own interfaces. A machine with a public address of its own has services there that
//! the rest of the world may not reach.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::sync::LazyLock;

/// Systems that let sockets bind addresses they do not have (`ip_nonlocal_bind`) would make every address look own.
/// 192.0.2.1 is for documentation: nobody has it.
static BIND_TELLS: LazyLock<bool> = LazyLock::new(|| UdpSocket::bind((Ipv4Addr::new(192, 0, 2, 1), 0)).is_err());

/// Whether `address` is this machine's. Asked of the kernel at each call, since interfaces come and go: only an own
/// address can be bound. Two system calls, nothing is sent.
pub(super) fn is_own(address: IpAddr) -> bool {
    // Where sockets of IPv6 are for IPv6 alone (`bindv6only`, Windows), a mapped address cannot be bound, and is dialled
    // as IPv4 all the same.
    *BIND_TELLS && UdpSocket::bind((address.to_canonical(), 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_own_and_a_public_resolver_is_not() {
        assert!(is_own(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        assert!(is_own(IpAddr::V6(Ipv4Addr::LOCALHOST.to_ipv6_mapped())), "however it is written");
        assert!(!is_own(IpAddr::V4(Ipv4Addr::new(8, 8, 8, 8))));
    }
}
