//! What a request must be before anything looks at it. Any web page, and any link that is resolved here, can have a browser
//! send requests to loopback; what it cannot do is name our own host as the target, be of our own origin, or hold the
//! session's cookie. Each is asked for by itself, so that one hole is none.

use std::net::SocketAddr;

use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, ORIGIN};
use http::{HeaderMap, Method, StatusCode, Uri, Version};

use super::route::Audience;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
/// The one media type of our forms. The others that a foreign form can send are refused by themselves.
const FORM: &str = "application/x-www-form-urlencoded";
/// Where a browser puts a page that is part of another.
const FRAMES: &[&str] = &["iframe", "frame", "embed", "object", "fencedframe", "portal"];

/// The names under which the pages may be asked for.
#[derive(Debug)]
pub(super) struct Names {
    hosts: [String; 2],
    origins: [String; 2],
}

impl Names {
    /// The names of a listener: its address, and `localhost` with its port.
    pub(super) fn of(address: SocketAddr) -> Self {
        let hosts = [address.to_string(), format!("localhost:{}", address.port())];
        let origins = hosts.each_ref().map(|host| format!("http://{host}"));
        Self { hosts, origins }
    }
}

/// A request as far as the defence looks at it.
pub(super) struct Asked<'a> {
    pub(super) method: &'a Method,
    pub(super) uri: &'a Uri,
    pub(super) version: Version,
    pub(super) headers: &'a HeaderMap,
}

/// Why a request is turned away, for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TurnedAway {
    pub(super) status: StatusCode,
    pub(super) why: &'static str,
}

const fn turned_away(status: StatusCode, why: &'static str) -> Result<(), TurnedAway> {
    Err(TurnedAway { status, why })
}

/// Looks at a request for a route of this audience. Whether there is a session is not its business.
pub(super) fn check(names: &Names, audience: Audience, asked: &Asked<'_>) -> Result<(), TurnedAway> {
    check_host(names, asked)?;
    let header = |name: &HeaderName| asked.headers.get(name).map(|value| value.to_str().unwrap_or_default());
    if asked.headers.get_all(&ORIGIN).iter().count() > 1 {
        return turned_away(StatusCode::BAD_REQUEST, "more than one Origin");
    }
    if audience == Audience::Program {
        // Programs send none of these, and a browser sends at least one with everything that could do something.
        let is_browser =
            [&ORIGIN, &SEC_FETCH_SITE, &SEC_FETCH_MODE, &SEC_FETCH_DEST].into_iter().any(|name| asked.headers.contains_key(name));
        return if is_browser { turned_away(StatusCode::FORBIDDEN, "this is for programs, and a browser asks") } else { Ok(()) };
    }
    if header(&SEC_FETCH_DEST).is_some_and(|dest| FRAMES.contains(&dest)) {
        return turned_away(StatusCode::FORBIDDEN, "the desktop's pages are shown in no frame");
    }
    let site = header(&SEC_FETCH_SITE);
    let is_ours = site.is_none_or(|site| matches!(site, "same-origin" | "none"));
    // A one-time URL may be clicked in a page: a terminal can be one. Its secret is what counts.
    let is_entry = audience == Audience::Door && header(&SEC_FETCH_MODE) == Some("navigate");
    if !is_ours && !is_entry {
        return turned_away(StatusCode::FORBIDDEN, "another site has led here; type the address, or run `link-peeler desktop open`");
    }
    let origin = header(&ORIGIN);
    if origin.is_some_and(|origin| !names.origins.iter().any(|own| own == origin)) {
        return turned_away(StatusCode::FORBIDDEN, "another site asks");
    }
    if matches!(*asked.method, Method::GET | Method::HEAD) {
        return Ok(());
    }
    if origin.is_none() && site != Some("same-origin") {
        return turned_away(StatusCode::FORBIDDEN, "nothing says that one of the desktop's own pages asks");
    }
    let media_type = header(&CONTENT_TYPE).unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case(FORM) {
        return turned_away(StatusCode::UNSUPPORTED_MEDIA_TYPE, "only a form can ask for that");
    }
    Ok(())
}

/// Exactly one Host, and exactly one of ours: a name that somebody has made to point here (rebinding) is another.
fn check_host(names: &Names, asked: &Asked<'_>) -> Result<(), TurnedAway> {
    let mut hosts = asked.headers.get_all(HOST).iter();
    let (host, more) = (hosts.next().and_then(|host| host.to_str().ok()), hosts.next());
    let ours = |host: &str| names.hosts.iter().any(|own| own.eq_ignore_ascii_case(host));
    let is_ours = asked.version >= Version::HTTP_11 && more.is_none() && host.is_some_and(ours);
    // A request line with a whole URL is for proxies; where it names a host, it must be ours as well.
    if is_ours && asked.uri.authority().is_none_or(|authority| ours(authority.as_str())) {
        Ok(())
    } else {
        turned_away(StatusCode::MISDIRECTED_REQUEST, "the desktop's pages have no such name")
    }
}

/// The bearer's secret of a program's request.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const GET: &str = "GET";
    const POST: &str = "POST";
    const OWN: &[(&str, &str)] = &[("host", "127.0.0.1:7338")];
    const OWN_FORM: &[(&str, &str)] = &[
        ("host", "127.0.0.1:7338"),
        ("origin", "http://127.0.0.1:7338"),
        ("sec-fetch-site", "same-origin"),
        ("content-type", "application/x-www-form-urlencoded"),
    ];

    fn asked(audience: Audience, method: &str, uri: &str, headers: &[(&str, &str)]) -> u16 {
        let names = Names::of("127.0.0.1:7338".parse().unwrap());
        let headers = headers.iter().map(|(name, value)| (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap()));
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, value);
        }
        let (method, uri) = (method.parse().unwrap(), uri.parse().unwrap());
        let asked = Asked { method: &method, uri: &uri, version: Version::HTTP_11, headers: &map };
        check(&names, audience, &asked).map_or_else(|turned_away| turned_away.status.as_u16(), |()| 200)
    }

    /// `headers`, with some set anew; an empty value takes one away.
    fn with<'a>(headers: &[(&'a str, &'a str)], changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let kept = headers.iter().filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        kept.chain(changes.iter().filter(|(_, value)| !value.is_empty())).copied().collect()
    }

    #[test]
    fn our_own_pages_are_let_through() {
        assert_eq!(asked(Audience::Owner, GET, "/jobs", OWN), 200);
        assert_eq!(asked(Audience::Owner, GET, "/jobs", &[("host", "LocalHost:7338"), ("sec-fetch-site", "none")]), 200);
        assert_eq!(asked(Audience::Owner, GET, "http://127.0.0.1:7338/jobs", OWN), 200);
        assert_eq!(asked(Audience::Owner, POST, "/pause", OWN_FORM), 200);
        assert_eq!(asked(Audience::Owner, POST, "/pause", &with(OWN_FORM, &[("origin", "")])), 200);
        assert_eq!(asked(Audience::Owner, POST, "/pause", &with(OWN_FORM, &[("sec-fetch-site", "")])), 200);
    }

    #[test]
    fn another_host_is_turned_away() {
        for host in
            ["127.0.0.1", "127.0.0.1:80", "rebind.example:7338", "127.0.0.1.rebind.example:7338", "[::1]:7338", "localhost.:7338", ""]
        {
            assert_eq!(asked(Audience::Owner, GET, "/", &[("host", host)]), 421, "{host}");
        }
        assert_eq!(asked(Audience::Owner, GET, "/", &[]), 421);
        assert_eq!(asked(Audience::Owner, GET, "/", &[OWN[0], ("host", "evil.example")]), 421);
        assert_eq!(asked(Audience::Owner, GET, "http://evil.example/", OWN), 421);
    }

    #[test]
    fn what_another_site_can_have_a_browser_send_is_turned_away() {
        for changes in [
            &[("origin", "https://evil.example")][..],
            &[("origin", "null")],
            &[("origin", "http://127.0.0.1:7339")],
            &[("origin", "https://127.0.0.1:7338")],
            &[("origin", "http://localhost:7339"), ("sec-fetch-site", "same-site")],
            &[("origin", ""), ("sec-fetch-site", "cross-site")],
            &[("origin", ""), ("sec-fetch-site", "")],
            &[("origin", ""), ("sec-fetch-site", "none")],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-dest", "iframe")],
        ] {
            assert_eq!(asked(Audience::Owner, POST, "/pause", &with(OWN_FORM, changes)), 403, "{changes:?}");
        }
        for media_type in ["text/plain", "multipart/form-data; boundary=x", "application/json", ""] {
            assert_eq!(asked(Audience::Owner, POST, "/pause", &with(OWN_FORM, &[("content-type", media_type)])), 415, "{media_type}");
        }
        for changes in [&[("sec-fetch-site", "cross-site")][..], &[("sec-fetch-site", "same-site")], &[("origin", "https://evil.example")]]
        {
            assert_eq!(asked(Audience::Owner, GET, "/", &with(OWN, changes)), 403, "{changes:?}");
        }
    }

    #[test]
    fn a_one_time_url_may_be_clicked_anywhere_and_fetched_nowhere() {
        let clicked = with(OWN, &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")]);
        assert_eq!(asked(Audience::Door, GET, "/open/x", &clicked), 200);
        assert_eq!(asked(Audience::Door, GET, "/open/x", &with(&clicked, &[("sec-fetch-mode", "no-cors")])), 403);
        assert_eq!(asked(Audience::Door, GET, "/open/x", &with(&clicked, &[("sec-fetch-dest", "iframe")])), 403);
    }

    #[test]
    fn what_is_for_programs_is_for_no_browser() {
        assert_eq!(asked(Audience::Program, POST, "/control/pause", OWN), 200);
        for mark in ["origin", "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest"] {
            assert_eq!(asked(Audience::Program, POST, "/control/pause", &with(OWN, &[(mark, "same-origin")])), 403, "{mark}");
        }
    }
}
