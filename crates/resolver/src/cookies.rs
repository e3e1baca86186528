//! The cookies of one chain, by the rules of browsers (RFC 6265bis as Chromium has it): public suffixes, `Secure`,
//! SameSite, prefixes, nameless cookies. Gone when the chain ends.

mod date;
mod parse;

use std::borrow::Cow;

use url::{Host, Url};

use parse::{SameSite, SetCookie};

/// Cookies of one chain; Chromium keeps 180 a site, and 40 hops visit few sites.
const MAX_COOKIES: usize = 1_000;

/// The jar.
#[derive(Debug, Default)]
pub(crate) struct Jar {
    cookies: Vec<Cookie>,
    /// Counts up, so that older cookies are sent first.
    created: u64,
}

#[derive(Clone, Debug)]
struct Cookie {
    name: String,
    value: String,
    /// The host that set it, or the domain that it asked for.
    domain: String,
    is_host_only: bool,
    path: String,
    is_secure: bool,
    same_site: SameSite,
    expires_at: Option<i64>,
    created: u64,
}

/// A site (HTML standard): scheme and registrable domain. Another scheme is another site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Site {
    scheme: String,
    domain: String,
}

impl Site {
    pub(crate) fn of(url: &Url) -> Self {
        let domain = match url.host() {
            Some(Host::Domain(name)) => registrable(name).into_owned(),
            Some(host @ (Host::Ipv4(_) | Host::Ipv6(_))) => host.to_string(),
            None => String::new(),
        };
        Self { scheme: url.scheme().to_owned(), domain }
    }
}

fn registrable(name: &str) -> Cow<'_, str> {
    psl::domain_str(name).map_or(Cow::Borrowed(name), Cow::Borrowed)
}

fn is_public_suffix(name: &str) -> bool {
    psl::suffix_str(name) == Some(name)
}

impl Jar {
    /// Takes one `Set-Cookie` field of an answer from `url` at `now`, in seconds since the epoch. Gives the cookie's name
    /// when a browser would have taken it too.
    pub(crate) fn set(&mut self, field: &[u8], url: &Url, now: i64) -> Option<String> {
        let asked = SetCookie::parse(field, now)?;
        let is_secure_origin = url.scheme() == "https";
        let host = url.host_str()?.to_ascii_lowercase();
        let (domain, is_host_only) = scope(url, &host, asked.domain.as_deref())?;
        let is_host_wide = is_host_only && asked.path.as_deref() == Some("/");
        let path = asked.path.unwrap_or_else(|| default_path(url).to_owned());
        if asked.is_secure && !is_secure_origin {
            return None;
        }
        if asked.same_site == SameSite::None && !asked.is_secure {
            return None;
        }
        if !prefix_holds(&asked.name, &asked.value, asked.is_secure && is_secure_origin, is_host_wide) {
            return None;
        }
        let name = asked.name;
        let is_same = |own: &Cookie| own.name == name && own.domain == domain && own.path == path && own.is_host_only == is_host_only;
        // "Leave secure cookies alone": an insecure page overwrites no secure cookie of its site.
        let is_overlaid = |own: &Cookie| {
            own.is_secure && own.name == name && (domain_matches(&own.domain, &domain) || domain_matches(&domain, &own.domain))
        };
        if !is_secure_origin && self.cookies.iter().any(is_overlaid) {
            return None;
        }
        let before = self.cookies.iter().position(is_same).map(|index| self.cookies.remove(index).created);
        if asked.expires_at.is_some_and(|expires_at| expires_at <= now) {
            return Some(name);
        }
        self.created += 1;
        let created = before.unwrap_or(self.created);
        let (value, is_secure, same_site, expires_at) = (asked.value, asked.is_secure, asked.same_site, asked.expires_at);
        if self.cookies.len() < MAX_COOKIES {
            self.cookies.push(Cookie { name: name.clone(), value, domain, is_host_only, path, is_secure, same_site, expires_at, created });
        }
        Some(name)
    }

    /// The `Cookie` field for a GET navigation of the top page to `url`. `is_cross_site` when another site's page asked
    /// for it: cookies that are `Strict` then stay behind.
    pub(crate) fn field(&self, url: &Url, is_cross_site: bool, now: i64) -> Option<String> {
        let host = url.host_str()?.to_ascii_lowercase();
        let is_secure = url.scheme() == "https";
        let path = url.path();
        let mut sent: Vec<&Cookie> = self
            .cookies
            .iter()
            .filter(|cookie| if cookie.is_host_only { cookie.domain == host } else { domain_matches(&host, &cookie.domain) })
            .filter(|cookie| path_matches(path, &cookie.path))
            .filter(|cookie| is_secure || !cookie.is_secure)
            .filter(|cookie| !is_cross_site || cookie.same_site != SameSite::Strict)
            .filter(|cookie| cookie.expires_at.is_none_or(|expires_at| expires_at > now))
            .collect();
        // Longer paths first, then older cookies (RFC 6265, section 5.4).
        sent.sort_by_key(|cookie| (usize::MAX - cookie.path.len(), cookie.created));
        let mut field = String::new();
        for cookie in sent {
            if !field.is_empty() {
                field.push_str("; ");
            }
            if !cookie.name.is_empty() {
                field.push_str(&cookie.name);
                field.push('=');
            }
            field.push_str(&cookie.value);
        }
        (!field.is_empty()).then_some(field)
    }
}

/// Which hosts a cookie is for; `None` when the domain that it asks for is not its to ask.
fn scope(url: &Url, host: &str, domain: Option<&str>) -> Option<(String, bool)> {
    let Some(domain) = domain.filter(|domain| !domain.is_empty()) else { return Some((host.to_owned(), true)) };
    match url.host() {
        Some(Host::Domain(_)) if is_public_suffix(domain) => (domain == host).then(|| (host.to_owned(), true)),
        Some(Host::Domain(_)) => domain_matches(host, domain).then(|| (domain.to_owned(), false)),
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => (domain == host).then(|| (host.to_owned(), true)),
        None => None,
    }
}

/// Cookie name prefixes, in any case; a nameless cookie must not smuggle one in by its value.
fn prefix_holds(name: &str, value: &str, is_secure: bool, is_host_wide: bool) -> bool {
    let begins = |text: &str, prefix: &str| text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    if name.is_empty() {
        return !begins(value, "__secure-") && !begins(value, "__host-");
    }
    (!begins(name, "__secure-") || is_secure) && (!begins(name, "__host-") || is_secure && is_host_wide)
}

fn domain_matches(host: &str, domain: &str) -> bool {
    host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

fn default_path(url: &Url) -> &str {
    match url.path().rfind('/') {
        None | Some(0) => "/",
        Some(end) => &url.path()[..end],
    }
}

fn path_matches(path: &str, cookie: &str) -> bool {
    path == cookie || path.strip_prefix(cookie).is_some_and(|rest| cookie.ends_with('/') || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_000_000;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    /// What `to` gets after `from` has set `cookies`.
    fn sent(from: &str, cookies: &[&str], to: &str) -> Option<String> {
        let mut jar = Jar::default();
        for cookie in cookies {
            jar.set(cookie.as_bytes(), &url(from), NOW);
        }
        jar.field(&url(to), false, NOW)
    }

    #[test]
    fn a_cookie_goes_where_it_belongs() {
        let www = "http://www.shop.co.uk/a/b";
        assert_eq!(sent(www, &["k=1"], "http://www.shop.co.uk/a/c").as_deref(), Some("k=1"));
        assert_eq!(sent(www, &["k=1"], "http://www.shop.co.uk/other"), None);
        assert_eq!(sent(www, &["k=1; Path=/"], "http://pay.shop.co.uk/"), None);
        assert_eq!(sent(www, &["k=1; Path=/; Domain=.shop.co.uk"], "http://pay.shop.co.uk/").as_deref(), Some("k=1"));
        assert_eq!(sent(www, &["k=1; Path=/; Domain=co.uk"], "http://www.shop.co.uk/"), None);
        assert_eq!(sent(www, &["k=1; Path=/; Domain=other.co.uk"], "http://other.co.uk/"), None);
        assert_eq!(sent(www, &["k=1; Path=/; Domain=test"], "http://www.shop.co.uk/"), None);
        assert_eq!(sent("http://127.0.0.1/", &["k=1; Domain=127.0.0.1"], "http://127.0.0.1/").as_deref(), Some("k=1"));
        assert_eq!(sent(www, &["k=1; Path=/a"], "http://www.shop.co.uk/ab"), None);
    }

    #[test]
    fn secure_prefixes_and_samesite_are_kept() {
        assert_eq!(sent("http://a.test/", &["k=1; Secure"], "https://a.test/"), None);
        assert_eq!(sent("https://a.test/", &["k=1; Secure"], "http://a.test/"), None);
        assert_eq!(sent("https://a.test/", &["k=1; SameSite=None"], "https://a.test/"), None);
        assert_eq!(sent("https://a.test/", &["__Host-k=1; Secure; Path=/"], "https://a.test/").as_deref(), Some("__Host-k=1"));
        assert_eq!(sent("https://a.test/", &["__Host-k=1; Secure"], "https://a.test/"), None);
        assert_eq!(sent("https://a.test/", &["__host-k=1; Secure; Path=/; Domain=a.test"], "https://a.test/"), None);
        assert_eq!(sent("https://a.test/", &["=__Secure-k=1; Secure"], "https://a.test/"), None);
        let mut jar = Jar::default();
        for cookie in ["s=1; SameSite=Strict", "l=1; SameSite=Lax", "d=1"] {
            jar.set(cookie.as_bytes(), &url("http://a.test/"), NOW);
        }
        assert_eq!(jar.field(&url("http://a.test/"), false, NOW).as_deref(), Some("s=1; l=1; d=1"));
        assert_eq!(jar.field(&url("http://a.test/"), true, NOW).as_deref(), Some("l=1; d=1"));
    }

    #[test]
    fn an_insecure_page_overwrites_no_secure_cookie() {
        let mut jar = Jar::default();
        jar.set(b"k=1; Secure; Path=/", &url("https://a.test/"), NOW);
        assert_eq!(jar.set(b"k=2; Path=/", &url("http://a.test/"), NOW), None);
        assert_eq!(jar.field(&url("https://a.test/"), false, NOW).as_deref(), Some("k=1"));
    }

    #[test]
    fn cookies_are_replaced_ordered_deleted_and_may_be_nameless() {
        assert_eq!(sent("http://a.test/", &["a=1", "b=2", "a=3"], "http://a.test/").as_deref(), Some("a=3; b=2"));
        assert_eq!(sent("http://a.test/x/", &["a=1; Path=/", "b=2; Path=/x"], "http://a.test/x").as_deref(), Some("b=2; a=1"));
        assert_eq!(sent("http://a.test/", &["k=1", "k=1; Max-Age=0"], "http://a.test/"), None);
        assert_eq!(sent("http://a.test/", &["k=1", "k=x; Expires=Thu, 01 Jan 1970 00:00:00 GMT"], "http://a.test/"), None);
        assert_eq!(
            sent("http://a.test/", &["k=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=60"], "http://a.test/").as_deref(),
            Some("k=1")
        );
        assert_eq!(sent("http://a.test/", &["only", "k=\"1 2\""], "http://a.test/").as_deref(), Some("only; k=\"1 2\""));
    }

    #[test]
    fn sites_are_registrable_domains_with_their_scheme() {
        assert_eq!(Site::of(&url("http://www.shop.co.uk/")), Site::of(&url("http://pay.shop.co.uk/")));
        assert_ne!(Site::of(&url("http://shop.co.uk/")), Site::of(&url("https://shop.co.uk/")));
        assert_ne!(Site::of(&url("http://a.test/")), Site::of(&url("http://b.test/")));
    }
}
