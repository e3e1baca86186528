//! Where a redirect points: from the bytes of a `Location` field to a URL as Chromium would show it.

use std::borrow::Cow;

use url::Url;

/// What the `Location` fields of one answer say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Location<'a> {
    /// None, or an empty one: the answer is a page.
    None,
    /// One target; several equal fields are one.
    Target(&'a [u8]),
    /// Fields that contradict each other, an empty one beside another included (`ERR_RESPONSE_HEADERS_MULTIPLE_LOCATION`).
    Contradictory,
}

/// Reads the `Location` fields of one answer.
pub(crate) fn read<'a>(mut fields: impl Iterator<Item = &'a [u8]>) -> Location<'a> {
    let Some(first) = fields.next() else { return Location::None };
    if fields.any(|other| other != first) {
        return Location::Contradictory;
    }
    if first.is_empty() { Location::None } else { Location::Target(first) }
}

/// Whether a status redirects when it has a `Location` (Fetch standard, "redirect status").
pub(crate) const fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// Resolves the target of a redirect against the URL that answered; the fragment is inherited unless the target brings
/// one, a bare `#` included (RFC 9110, section 10.2.2).
///
/// # Errors
/// When the target cannot be parsed.
pub(crate) fn resolve(base: &Url, target: &[u8]) -> Result<Url, url::ParseError> {
    let mut url = parse(base, &as_text(target))?;
    if url.fragment().is_none() && matches!(url.scheme(), "http" | "https") {
        url.set_fragment(base.fragment());
    }
    Ok(url)
}

/// Resolves `text` as Chromium does where it differs from the URL standard as the `url` crate reads it.
///
/// # Errors
/// When the text cannot be parsed.
pub(crate) fn parse(base: &Url, text: &str) -> Result<Url, url::ParseError> {
    Ok(escape_path(base.join(&two_slashes(base, text))?))
}

/// `////host` is `//host` against an http(s) base (URL standard, "special authority ignore slashes state"), which the
/// crate takes for an empty host.
pub(crate) fn two_slashes<'a>(base: &Url, text: &'a str) -> Cow<'a, str> {
    let trimmed = text.trim_start_matches(|character: char| character <= ' ');
    let rest = trimmed.trim_start_matches(['/', '\\', '\t', '\n', '\r']);
    let slashes = trimmed[..trimmed.len() - rest.len()].chars().filter(|character| matches!(character, '/' | '\\')).count();
    if slashes > 2 && matches!(base.scheme(), "http" | "https") { Cow::Owned(format!("//{rest}")) } else { Cow::Borrowed(text) }
}

/// Chromium escapes `|` in paths of http(s) URLs, and `^`, where the crate leaves them. Queries keep both.
pub(crate) fn escape_path(mut url: Url) -> Url {
    if matches!(url.scheme(), "http" | "https") && url.path().contains(['|', '^']) {
        let escaped = url.path().replace('|', "%7C").replace('^', "%5E");
        url.set_path(&escaped);
    }
    url
}

/// The bytes as text: UTF-8 when they are, and else every byte above ASCII percent-encoded on its own, which is what
/// Chromium makes of Latin-1. Encoding in the host would be a host of its own, so there only UTF-8 names pass.
pub(crate) fn as_text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => {
            let mut text = String::with_capacity(bytes.len() * 2);
            for &byte in bytes {
                if byte.is_ascii() {
                    text.push(char::from(byte));
                } else {
                    text.push_str(percent_encoding::percent_encode_byte(byte));
                }
            }
            Cow::Owned(text)
        }
    }
}

/// What to do about a scheme that is not http(s).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OtherScheme {
    /// An app, a store, a mail program takes over.
    App,
    /// Browsers go nowhere.
    Refused,
}

/// Schemes that Chromium neither follows from a page nor hands to the system.
const REFUSED_SCHEMES: &[&str] = &[
    "about",
    "blob",
    "chrome",
    "chrome-extension",
    "chrome-untrusted",
    "data",
    "devtools",
    "file",
    "filesystem",
    "ftp",
    "isolated-app",
    "javascript",
    "view-source",
    "ws",
    "wss",
];

/// What to do about the scheme of a target; `None` for http(s).
pub(crate) fn other_scheme(url: &Url) -> Option<OtherScheme> {
    match url.scheme() {
        "http" | "https" => None,
        scheme if REFUSED_SCHEMES.binary_search(&scheme).is_ok() => Some(OtherScheme::Refused),
        _ => Some(OtherScheme::App),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(base: &str, target: &[u8]) -> String {
        resolve(&Url::parse(base).unwrap(), target).map_or_else(|error| error.to_string(), |url| url.to_string())
    }

    #[test]
    fn targets_are_read_as_chromium_reads_them() {
        let base = "http://a.test/d/s?q#f";
        for (target, expected) in [
            (&b"next"[..], "http://a.test/d/next#f"),
            (b"\\\\b.test\\x", "http://b.test/x#f"),
            (b"/\\b.test/x", "http://b.test/x#f"),
            (b" ////b.test/x", "http://b.test/x#f"),
            (b"/\\/b.test/x", "http://b.test/x#f"),
            (b"http:x", "http://a.test/d/x#f"),
            (b"http:/x", "http://a.test/x#f"),
            (b"h\tttp://b.test/la\tnd", "http://b.test/land#f"),
            (b"http://b.test/%zz", "http://b.test/%zz#f"),
            (b"http://b.test/a|b^c?a|b^c", "http://b.test/a%7Cb%5Ec?a|b^c#f"),
            (b"http://b.test/\xe4\xb8\xad", "http://b.test/%E4%B8%AD#f"),
            (b"http://b.test/?k=\xe4\xf6\xfc", "http://b.test/?k=%E4%F6%FC#f"),
            (b"#", "http://a.test/d/s?q#"),
            (b"//u:p@b.test/", "http://u:p@b.test/#f"),
        ] {
            assert_eq!(to(base, target), expected, "{}", String::from_utf8_lossy(target));
        }
    }

    #[test]
    fn equal_fields_are_one_and_others_contradict() {
        let of = |fields: &[&'static str]| read(fields.iter().map(|field| field.as_bytes()));
        assert_eq!(of(&[]), Location::None);
        assert_eq!(of(&[""]), Location::None);
        assert_eq!(of(&["/a", "/a"]), Location::Target(b"/a"));
        assert_eq!(of(&["/a", "/b"]), Location::Contradictory);
        assert_eq!(of(&["", "/b"]), Location::Contradictory);
    }

    #[test]
    fn schemes_are_apps_unless_browsers_refuse_them() {
        assert!(REFUSED_SCHEMES.is_sorted());
        let of = |text: &str| other_scheme(&Url::parse(text).unwrap());
        assert_eq!(of("https://x.test/"), None);
        assert_eq!(of("intent://scan/#Intent;end"), Some(OtherScheme::App));
        assert_eq!(of("itms-apps://itunes.apple.com/app/id1"), Some(OtherScheme::App));
        assert_eq!(of("data:text/html,x"), Some(OtherScheme::Refused));
        assert_eq!(of("javascript:1"), Some(OtherScheme::Refused));
    }
}
