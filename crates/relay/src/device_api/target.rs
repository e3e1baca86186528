//! Under which absolute URI a desktop has called, which is what it signs. With a public URL that is known. Without one the
//! Host header says it, and counts only when it names this relay: a signature made for another host must be worth nothing
//! here.

use std::net::IpAddr;

use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, header};

use crate::connection::Ends;
use crate::edge::CameFrom;
use crate::state::RelayState;

/// The port of an `http` URL that names none, and of an `https` one.
const HTTP: u16 = 80;
const HTTPS: u16 = 443;

/// The absolute URI of a request. Of one that was sent to a stranger's name, it is the URI that would have been right.
pub(crate) fn uri(state: &RelayState, parts: &Parts) -> String {
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    if !state.public_url_is_given
        && let (Some(came_from), Some(ends)) = (parts.extensions.get::<CameFrom>(), parts.extensions.get::<Ends>())
    {
        let scheme = if came_from.is_secure() { "https" } else { "http" };
        // What a trusted proxy was asked for is what desktops know the relay by.
        if let Some(host) = came_from.forwarded_host() {
            return format!("{scheme}://{host}{target}");
        }
        if let Some(host) = host(&parts.headers, parts.uri.authority())
            && names(&host, ends, &state.host_names)
        {
            return format!("{scheme}://{host}{target}");
        }
    }
    format!("{}{target}", state.public_url)
}

/// The Host header, given once, or what stands for it in HTTP/2.
pub(crate) fn host(headers: &HeaderMap, authority: Option<&Authority>) -> Option<Authority> {
    let mut given = headers.get_all(header::HOST).iter();
    match (given.next(), given.next()) {
        (Some(host), None) => Authority::try_from(host.as_bytes()).ok(),
        (None, _) => authority.cloned(),
        (Some(_), Some(_)) => None,
    }
}

/// Whether a host is this relay, which a connection reached at `local`: by that very address, as the machine itself does
/// over loopback, or by one of the machine's own names.
pub(crate) fn names(host: &Authority, Ends { local, is_secure, .. }: &Ends, own_names: &[String]) -> bool {
    let name = host.host();
    let usual_port = if *is_secure { HTTPS } else { HTTP };
    if host.as_str().contains('@') || host.port_u16().unwrap_or(usual_port) != local.port() {
        return false;
    }
    if let Ok(address) = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        return address.is_loopback() || address.to_canonical() == local.ip().to_canonical();
    }
    name.eq_ignore_ascii_case("localhost") || own_names.iter().any(|own| own.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_named(host: &str, local: &str) -> bool {
        let local = local.parse().unwrap();
        names(&host.parse().unwrap(), &Ends { peer: local, local, is_secure: local.port() == 443 }, &["desk.lan".to_owned()])
    }

    #[test]
    fn a_relay_is_named_by_the_address_that_was_dialled_loopback_and_its_own_names() {
        for (host, local) in [
            ("127.0.0.1:7335", "127.0.0.1:7335"),
            ("localhost:7335", "127.0.0.1:7335"),
            ("LocalHost:7335", "[::1]:7335"),
            ("[::1]:7335", "[::1]:7335"),
            ("192.0.2.7:7335", "192.0.2.7:7335"),
            ("192.0.2.7:7335", "[::ffff:192.0.2.7]:7335"),
            ("[2001:db8::7]:7335", "[2001:db8::7]:7335"),
            ("desk.lan:7335", "192.0.2.7:7335"),
            ("DESK.lan", "192.0.2.7:80"),
            ("192.0.2.7", "192.0.2.7:80"),
            ("desk.lan", "192.0.2.7:443"),
        ] {
            assert!(is_named(host, local), "{host} at {local}");
        }
    }

    #[test]
    fn strangers_other_ports_and_other_addresses_do_not_name_it() {
        for (host, local) in [
            ("relay.example:7335", "127.0.0.1:7335"),
            ("127.0.0.1:7336", "127.0.0.1:7335"),
            ("127.0.0.1", "127.0.0.1:7335"),
            ("192.0.2.8:7335", "192.0.2.7:7335"),
            ("me@127.0.0.1:7335", "127.0.0.1:7335"),
            ("desk.lan.example:7335", "127.0.0.1:7335"),
            ("localhost.example:7335", "127.0.0.1:7335"),
        ] {
            assert!(!is_named(host, local), "{host} at {local}");
        }
    }
}
