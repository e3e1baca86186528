//! Hosts that have said within this chain that they want https only (RFC 6797). Nothing is remembered beyond it: a link
//! is judged as a first visit.

use std::collections::HashMap;

use url::{Host, Url};

/// What the chain has learnt.
#[derive(Debug, Default)]
pub(crate) struct Hsts {
    /// By host: whether its subdomains are meant too.
    hosts: HashMap<String, bool>,
}

impl Hsts {
    /// Takes the first `Strict-Transport-Security` field of an answer. Ignored over http and for addresses.
    pub(crate) fn learn(&mut self, url: &Url, field: Option<&[u8]>) {
        let (Some(Host::Domain(host)), Some(field), "https") = (url.host(), field, url.scheme()) else { return };
        let Ok(field) = std::str::from_utf8(field) else { return };
        let (mut max_age, mut with_subdomains) = (None, false);
        for directive in field.split(';') {
            let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                "max-age" => max_age = value.trim().trim_matches('"').parse::<u64>().ok(),
                "includesubdomains" => with_subdomains = true,
                _ => (),
            }
        }
        match max_age {
            None => (),
            Some(0) => drop(self.hosts.remove(host)),
            Some(_) => drop(self.hosts.insert(host.to_owned(), with_subdomains)),
        }
    }

    /// The https URL that a browser asks for instead of an http one.
    pub(crate) fn upgraded(&self, url: &Url) -> Option<Url> {
        let (Some(Host::Domain(host)), "http") = (url.host(), url.scheme()) else { return None };
        let mut domain = host;
        let mut is_own = true;
        loop {
            if self.hosts.get(domain).is_some_and(|with_subdomains| is_own || *with_subdomains) {
                break;
            }
            domain = domain.split_once('.')?.1;
            is_own = false;
        }
        let mut upgraded = url.clone();
        upgraded.set_scheme("https").ok()?;
        // Port 80 becomes the default; others stay (RFC 6797, section 8.3).
        Some(upgraded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(learnt: &[(&str, &str)], url: &str) -> Option<String> {
        let mut hsts = Hsts::default();
        for (url, field) in learnt {
            hsts.learn(&Url::parse(url).unwrap(), Some(field.as_bytes()));
        }
        hsts.upgraded(&Url::parse(url).unwrap()).map(String::from)
    }

    #[test]
    fn what_was_said_over_https_counts() {
        let plain = [("https://a.test/", "max-age=600")];
        assert_eq!(after(&plain, "http://a.test/x").as_deref(), Some("https://a.test/x"));
        assert_eq!(after(&plain, "http://a.test:8080/").as_deref(), Some("https://a.test:8080/"));
        assert_eq!(after(&plain, "http://www.a.test/"), None);
        assert_eq!(
            after(&[("https://a.test/", "max-age=\"600\" ; includeSubDomains")], "http://b.www.a.test/").as_deref(),
            Some("https://b.www.a.test/")
        );
        assert_eq!(after(&[("http://a.test/", "max-age=600")], "http://a.test/"), None);
        assert_eq!(after(&[("https://a.test/", "includeSubDomains")], "http://a.test/"), None);
        assert_eq!(after(&[("https://a.test/", "max-age=600"), ("https://a.test/", "max-age=0")], "http://a.test/"), None);
        assert_eq!(after(&[("https://127.0.0.1/", "max-age=600")], "http://127.0.0.1/"), None);
    }
}
