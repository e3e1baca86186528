//! Ports that are never dialled: those that the Fetch standard blocks for every browser, and those of services that
//! speak no HTTP to strangers but can be made to listen to it.

/// Why a port is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortClass {
    /// On the Fetch standard's list of bad ports: no exception lifts it.
    Bad,
    /// A database, cache, debugger or control port: our own policy, lifted by an exception.
    Service,
}

/// <https://fetch.spec.whatwg.org/#port-blocking>, as of 2026.
const BAD: &[u16] = &[
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109, 110, 111, 113, 115,
    117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601,
    636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697,
    10080,
];

/// Services known from attacks by way of a server that fetches what it is told to.
const SERVICE: &[u16] = &[
    445, 1433, 1521, 2375, 2376, 2379, 2380, 3306, 3389, 5432, 5900, 5901, 5984, 5985, 5986, 6379, 9200, 9222, 9229, 9300, 10250, 10255,
    11211, 27017, 27018, 27019,
];

/// The class that forbids `port`; `None` for a port that a website may have.
#[must_use]
pub fn port_class(port: u16) -> Option<PortClass> {
    if BAD.binary_search(&port).is_ok() {
        Some(PortClass::Bad)
    } else if SERVICE.binary_search(&port).is_ok() {
        Some(PortClass::Service)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn web_ports_pass_and_others_are_named() {
        assert!(BAD.is_sorted() && SERVICE.is_sorted(), "binary search needs order");
        for port in [80, 443, 3000, 8000, 8080, 8443, 9000] {
            assert_eq!(port_class(port), None, "{port}");
        }
        assert_eq!(port_class(25), Some(PortClass::Bad));
        assert_eq!(port_class(6379), Some(PortClass::Service));
    }
}
