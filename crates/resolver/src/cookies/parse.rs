//! Reads a `Set-Cookie` field (RFC 6265bis, section 5.6).

use super::date;
use crate::answer::text;

/// Bytes of name and value together, and of an attribute's value.
const MAX_PAIR_BYTES: usize = 4_096;
const MAX_ATTRIBUTE_BYTES: usize = 1_024;
/// Chromium keeps no cookie longer than this.
const MAX_AGE_SECONDS: i64 = 400 * 86_400;

/// When a cookie goes along with requests that another site's page asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum SameSite {
    Strict,
    Lax,
    None,
    /// Not said: `Lax`, in Chromium.
    #[default]
    Unsaid,
}

/// What a `Set-Cookie` field asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SetCookie {
    pub(super) name: String,
    pub(super) value: String,
    /// In lower case, without a leading dot.
    pub(super) domain: Option<String>,
    pub(super) path: Option<String>,
    pub(super) is_secure: bool,
    pub(super) same_site: SameSite,
    /// Seconds since the epoch.
    pub(super) expires_at: Option<i64>,
}

impl SetCookie {
    pub(super) fn parse(field: &[u8], now: i64) -> Option<Self> {
        if field.iter().any(|byte| matches!(byte, 0..=8 | 10..=31 | 127)) {
            return None;
        }
        let field = text(field);
        let mut parts = field.split(';');
        let pair = parts.next()?;
        let (name, value) = pair.split_once('=').unwrap_or(("", pair));
        let (name, value) = (name.trim_matches(is_blank), value.trim_matches(is_blank));
        if name.is_empty() && value.is_empty() || name.len() + value.len() > MAX_PAIR_BYTES {
            return None;
        }
        let mut cookie = Self { name: name.to_owned(), value: value.to_owned(), ..Self::default() };
        let mut max_age = None;
        for attribute in parts {
            let (key, value) = attribute.split_once('=').unwrap_or((attribute, ""));
            let (key, value) = (key.trim_matches(is_blank), value.trim_matches(is_blank));
            if value.len() <= MAX_ATTRIBUTE_BYTES {
                cookie.take(&key.to_ascii_lowercase(), value, now, &mut max_age);
            }
        }
        // Max-Age counts before Expires, wherever it stands.
        cookie.expires_at = max_age.or(cookie.expires_at).map(|at| at.min(now.saturating_add(MAX_AGE_SECONDS)));
        Some(cookie)
    }

    fn take(&mut self, key: &str, value: &str, now: i64, max_age: &mut Option<i64>) {
        match key {
            "expires" => self.expires_at = date::seconds(value).or(self.expires_at),
            "max-age" => *max_age = age(value).map(|age| if age <= 0 { i64::MIN } else { now.saturating_add(age) }).or(*max_age),
            "domain" => self.domain = Some(value.strip_prefix('.').unwrap_or(value).to_ascii_lowercase()),
            "path" => self.path = value.starts_with('/').then(|| value.to_owned()),
            "secure" => self.is_secure = true,
            "samesite" => {
                self.same_site = match value.to_ascii_lowercase().as_str() {
                    "strict" => SameSite::Strict,
                    "lax" => SameSite::Lax,
                    "none" => SameSite::None,
                    _ => SameSite::Unsaid,
                }
            }
            _ => (),
        }
    }
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t')
}

fn age(value: &str) -> Option<i64> {
    let digits = value.strip_prefix('-').unwrap_or(value);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // More digits than fit are for ever, or long past.
    Some(value.parse().unwrap_or(if value.starts_with('-') { i64::MIN } else { i64::MAX }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_loosely_as_browsers_do() {
        let cookie =
            SetCookie::parse(b" a = b=c ; SECURE; domain=.A.Test; Path=x; SameSite=bogus; Max-Age=60; expires=garbage", 100).unwrap();
        assert_eq!((cookie.name.as_str(), cookie.value.as_str()), ("a", "b=c"));
        assert_eq!((cookie.is_secure, cookie.domain.as_deref(), cookie.path), (true, Some("a.test"), None));
        assert_eq!((cookie.same_site, cookie.expires_at), (SameSite::Unsaid, Some(160)));
        assert_eq!(SetCookie::parse(b"", 0), None);
        assert_eq!(SetCookie::parse(b"=", 0), None);
        assert_eq!(SetCookie::parse(b"a=\x01", 0), None);
        assert_eq!(SetCookie::parse(b"k=1; Max-Age=99999999999999999999", 0).unwrap().expires_at, Some(MAX_AGE_SECONDS));
    }
}
