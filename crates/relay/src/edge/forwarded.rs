//! What reverse proxies say about whom they speak for, read from right to left: each proxy appends whom it has seen, so
//! the first address from the right that is no proxy of ours is the client's, and whatever stands left of it anybody may
//! have written.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName};

use super::proxies::{ProxyHeaders, TrustedProxies};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED: HeaderName = HeaderName::from_static("forwarded");

/// Proxies in a row that are believed: more than anybody has, and a bound for what one request can make us read.
const MAX_PROXIES: usize = 16;

/// What a chain of trusted proxies says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Forwarded {
    /// Who sent the request to the outermost of them; none: they do not say.
    pub(super) address: Option<IpAddr>,
    /// Whether it came to them over TLS.
    pub(super) is_secure: Option<bool>,
    /// The host that was asked for.
    pub(super) host: Option<String>,
}

/// Reads what a trusted peer has sent along.
pub(super) fn read(headers: &HeaderMap, proxies: &TrustedProxies) -> Forwarded {
    match proxies.headers {
        ProxyHeaders::XForwarded => {
            let address = outermost(from_the_right(headers, &X_FORWARDED_FOR).map(Some), proxies).0;
            let is_secure = from_the_right(headers, &X_FORWARDED_PROTO).next().and_then(is_https);
            Forwarded { address, is_secure, host: from_the_right(headers, &X_FORWARDED_HOST).next().map(str::to_owned) }
        }
        ProxyHeaders::Forwarded => {
            let elements: Vec<&str> = from_the_right(headers, &FORWARDED).take(MAX_PROXIES).collect();
            let (address, by) = outermost(elements.iter().map(|element| parameter(element, "for")), proxies);
            // The proxy that saw the client also saw how it came.
            let element = by.and_then(|index| elements.get(index)).copied().unwrap_or_default();
            let host = parameter(element, "host").map(str::to_owned);
            Forwarded { address, is_secure: parameter(element, "proto").and_then(is_https), host }
        }
    }
}

/// The first address that is no trusted proxy's, and where it stood. When all of them are, the last of them; when one
/// cannot be read, the one before it, since nobody knows who wrote what stands left of it.
fn outermost<'a>(addresses: impl Iterator<Item = Option<&'a str>>, proxies: &TrustedProxies) -> (Option<IpAddr>, Option<usize>) {
    let mut seen = (None, None);
    for (index, text) in addresses.take(MAX_PROXIES).enumerate() {
        let Some(address) = text.and_then(read_address) else { break };
        seen = (Some(address), Some(index));
        if !proxies.contains(address) {
            break;
        }
    }
    seen
}

/// `192.0.2.7`, `192.0.2.7:4711`, `2001:db8::7`, `[2001:db8::7]`, `[2001:db8::7]:4711`.
fn read_address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse::<IpAddr>().or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    address.ok().map(|address| address.to_canonical())
}

fn is_https(scheme: &str) -> Option<bool> {
    match scheme {
        _ if scheme.eq_ignore_ascii_case("https") => Some(true),
        _ if scheme.eq_ignore_ascii_case("http") => Some(false),
        _ => None,
    }
}

/// The elements of a list header, over all of its lines, the last one first.
fn from_the_right<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(name).iter().rev();
    lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(',')).map(str::trim)
}

/// The value of one parameter of an element of `Forwarded`, without its quotes.
fn parameter<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = element.split(';').filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(known, _)| known.trim().eq_ignore_ascii_case(name))?;
    let value = value.trim();
    Some(value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn proxies(headers: ProxyHeaders) -> TrustedProxies {
        TrustedProxies { networks: vec!["10.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()], headers }
    }

    fn said(headers: ProxyHeaders, lines: &[(&'static str, &'static str)]) -> Forwarded {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(*name, HeaderValue::from_static(value));
        }
        read(&map, &proxies(headers))
    }

    fn address_of(headers: ProxyHeaders, lines: &[(&'static str, &'static str)]) -> Option<String> {
        said(headers, lines).address.map(|address| address.to_string())
    }

    #[test]
    fn the_first_address_from_the_right_that_is_no_proxy_of_ours_is_the_client() {
        use ProxyHeaders::XForwarded;
        for (lines, expected) in [
            (vec![("x-forwarded-for", "192.0.2.7")], Some("192.0.2.7")),
            (vec![("x-forwarded-for", "198.51.100.1, 192.0.2.7")], Some("192.0.2.7")),
            (vec![("x-forwarded-for", "198.51.100.1, 192.0.2.7, 10.1.1.1,10.2.2.2")], Some("192.0.2.7")),
            (vec![("x-forwarded-for", "198.51.100.1"), ("x-forwarded-for", "192.0.2.7")], Some("192.0.2.7")),
            (vec![("x-forwarded-for", "10.3.3.3, 10.1.1.1")], Some("10.3.3.3")),
            (vec![("x-forwarded-for", "192.0.2.7:4711")], Some("192.0.2.7")),
            (vec![("x-forwarded-for", "[2001:db8::7]:4711")], Some("2001:db8::7")),
            (vec![("x-forwarded-for", "2001:db8::7")], Some("2001:db8::7")),
            (vec![("x-forwarded-for", "::ffff:192.0.2.7")], Some("192.0.2.7")),
            (vec![("x-forwarded-for", "192.0.2.7, unknown")], None),
            (vec![("x-forwarded-for", "192.0.2.7, unknown, 10.1.1.1")], Some("10.1.1.1")),
            (vec![("x-forwarded-for", "")], None),
            (vec![("x-forwarded-for", "192.0.2.7,")], None),
            (vec![("forwarded", "for=192.0.2.7")], None),
            (vec![], None),
        ] {
            assert_eq!(address_of(XForwarded, &lines).as_deref(), expected, "{lines:?}");
        }
    }

    #[test]
    fn the_standard_header_is_read_the_same_way() {
        use ProxyHeaders::Forwarded;
        for (value, expected) in [
            ("for=192.0.2.7", Some("192.0.2.7")),
            ("For=\"192.0.2.7:4711\"; proto=https", Some("192.0.2.7")),
            ("for=198.51.100.1, for=\"[2001:db8::7]:4711\";by=10.0.0.1, for=10.1.1.1", Some("2001:db8::7")),
            ("for=_hidden", None),
            ("proto=https", None),
            ("for=\"192.0.2.7", None),
        ] {
            assert_eq!(address_of(Forwarded, &[("forwarded", value)]).as_deref(), expected, "{value}");
        }
        assert_eq!(address_of(Forwarded, &[("x-forwarded-for", "192.0.2.7")]), None);
    }

    #[test]
    fn how_the_client_came_is_what_the_proxy_says_that_saw_it() {
        let x = said(ProxyHeaders::XForwarded, &[("x-forwarded-for", "192.0.2.7"), ("x-forwarded-proto", "http, https")]);
        assert_eq!((x.is_secure, x.host), (Some(true), None));
        let x = said(ProxyHeaders::XForwarded, &[("x-forwarded-host", "evil.example, relay.example"), ("x-forwarded-proto", "gopher")]);
        assert_eq!((x.is_secure, x.host.as_deref()), (None, Some("relay.example")));
        let standard = said(
            ProxyHeaders::Forwarded,
            &[(
                "forwarded",
                "for=1.1.1.1;host=evil.example;proto=http, for=192.0.2.7;host=relay.example;proto=https, for=10.1.1.1;proto=http",
            )],
        );
        assert_eq!((standard.is_secure, standard.host.as_deref()), (Some(true), Some("relay.example")));
    }

    #[test]
    fn a_row_of_proxies_without_end_is_read_to_a_bound() {
        let mut map = HeaderMap::new();
        map.append("x-forwarded-for", HeaderValue::from_str(&format!("192.0.2.7{}", ", 10.0.0.1".repeat(5_000))).unwrap());
        assert_eq!(read(&map, &proxies(ProxyHeaders::XForwarded)).address, Some(IpAddr::from([10, 0, 0, 1])));
    }
}
