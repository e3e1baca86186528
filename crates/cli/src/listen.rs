//! Where a service listens: an address that was named must be free; the usual one gives way to any free port.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

/// The relay's usual port: "PEEL" on a telephone's keys. The lab, the metrics and the desktop's pages follow it.
pub(crate) const RELAY_PORT: u16 = 7335;
pub(crate) const LAB_PORT: u16 = 7336;
pub(crate) const METRICS_PORT: u16 = 7337;
pub(crate) const DESKTOP_PORT: u16 = 7338;

/// The address that was named, else the usual port on loopback while it is free, else any.
pub(crate) fn choose(named: Option<SocketAddr>, usual: u16) -> SocketAddr {
    named.unwrap_or_else(|| {
        let usual = loopback(usual);
        // Bound and let go: somebody may still be quicker, and is then reported as what listens there.
        if std::net::TcpListener::bind(usual).is_ok() { usual } else { loopback(0) }
    })
}

/// A port on loopback; 0 for any.
pub(crate) fn loopback(port: u16) -> SocketAddr {
    SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_port_gives_way_and_a_named_one_does_not() {
        let taken = std::net::TcpListener::bind(loopback(0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        assert_eq!(choose(None, port), loopback(0));
        assert_eq!(choose(Some(loopback(port)), 1), loopback(port));
    }
}
