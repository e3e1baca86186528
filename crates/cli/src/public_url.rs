//! The URL under which the world knows a relay: an origin, and nothing else.

use std::fmt;
use std::str::FromStr;

use url::Url;

/// Scheme, host and port as browsers and desktops write them, whatever way they were given; desktops sign them. Routes,
/// cookies and signatures begin at the root, so that a path before them cannot work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublicUrl(String);

impl FromStr for PublicUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| format!("{error}: expected a URL such as https://relay.example"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("expected http:// or https://".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not have a user or a password".to_owned());
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err("must end with the host or its port: a relay serves no path below another".to_owned());
        }
        Ok(Self(url.origin().ascii_serialization()))
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_one() {
        for (text, origin) in [
            ("https://relay.example", "https://relay.example"),
            ("https://Relay.Example/", "https://relay.example"),
            ("http://127.0.0.1:7335", "http://127.0.0.1:7335"),
            ("https://[2001:db8::7]:8443", "https://[2001:db8::7]:8443"),
            ("https://relay.example:443", "https://relay.example"),
            ("https://b\u{fc}cher.example", "https://xn--bcher-kva.example"),
        ] {
            assert_eq!(text.parse::<PublicUrl>().unwrap().to_string(), origin, "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_what_is_wrong() {
        for (text, why) in [
            ("nonsense", "expected a URL"),
            ("", "expected a URL"),
            ("relay.example:443", "http"),
            ("ftp://relay.example", "http"),
            ("https://relay.example/?q", "must end"),
            ("https://relay.example/#f", "must end"),
            ("https://relay.example/relay", "must end"),
            ("https://ada:pw@relay.example", "user"),
        ] {
            let said = text.parse::<PublicUrl>().unwrap_err();
            assert!(said.contains(why), "{text}: {said}");
        }
    }
}
