//! What a tracking URL must be before anything is spent on it. One rule for the relay, the desktop and the shell.

use url::Url;

/// Bytes that a tracking URL may have: beyond what trackers emit, below what servers and browsers choke on.
pub const MAX_BYTES: usize = 8_192;

/// Why a text is no tracking URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTrackingUrl {
    /// It is empty.
    #[error("must not be empty")]
    Empty,
    /// It is longer than [`MAX_BYTES`].
    #[error("must be at most {MAX_BYTES} bytes, has {0}")]
    TooLong(usize),
    /// It has a control character, a line break included.
    #[error("must not contain control characters")]
    ControlCharacter,
    /// It is relative, or cannot be parsed.
    #[error("must be an absolute http or https URL: {0}")]
    NotAbsolute(String),
    /// Its scheme is another.
    #[error("must be an http or https URL, not `{0}:`")]
    OtherScheme(String),
    /// It carries a user name or a password.
    #[error("must not carry a user name or password")]
    Userinfo,
    /// A macro that the sending platform should have replaced.
    #[error("contains the unreplaced macro {0}")]
    UnreplacedMacro(String),
}

/// Reads a tracking URL.
///
/// # Errors
/// The first rule of [`InvalidTrackingUrl`] that it breaks.
pub fn parse(text: &str) -> Result<Url, InvalidTrackingUrl> {
    if text.is_empty() {
        return Err(InvalidTrackingUrl::Empty);
    }
    if text.len() > MAX_BYTES {
        return Err(InvalidTrackingUrl::TooLong(text.len()));
    }
    if text.chars().any(char::is_control) {
        return Err(InvalidTrackingUrl::ControlCharacter);
    }
    // Before parsing: a macro in the host would else be reported as a strange host.
    if let Some(name) = unreplaced_macro(text) {
        return Err(InvalidTrackingUrl::UnreplacedMacro(name.to_owned()));
    }
    let url = Url::parse(text).map_err(|error| InvalidTrackingUrl::NotAbsolute(error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(InvalidTrackingUrl::OtherScheme(url.scheme().to_owned()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(InvalidTrackingUrl::Userinfo);
    }
    Ok(url)
}

/// The first `{name}` in the text. Braces around anything else (JSON in a query, say) are left alone.
fn unreplaced_macro(text: &str) -> Option<&str> {
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let after = &rest[open + 1..];
        let end = after.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':')));
        if let Some(end) = end.filter(|&end| end > 0 && after[end..].starts_with('}')) {
            return Some(&rest[open..open + end + 2]);
        }
        rest = after;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_http_urls_pass() {
        for text in [
            "https://trk.example/a1",
            "http://trk.example",
            "https://trk.example/ü?q=日本",
            "http://x.example/?j={\"a\":1}",
            "HTTP://X.example:8080/{}",
        ] {
            assert!(parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn everything_else_is_named() {
        let refusal = |text: &str| parse(text).unwrap_err().to_string();
        assert_eq!(refusal(""), "must not be empty");
        assert!(refusal("/a1").contains("absolute"));
        assert!(refusal("https://").contains("absolute"));
        assert_eq!(refusal("ftp://x.example/"), "must be an http or https URL, not `ftp:`");
        assert_eq!(refusal("javascript:alert(1)"), "must be an http or https URL, not `javascript:`");
        assert_eq!(refusal("https://u:p@x.example/"), "must not carry a user name or password");
        assert_eq!(refusal("https://x.example/?c={clickid}&d={{x}}"), "contains the unreplaced macro {clickid}");
        assert_eq!(refusal("https://{host}/"), "contains the unreplaced macro {host}");
        assert_eq!(refusal("https://x.example/{{a}}"), "contains the unreplaced macro {a}");
        assert_eq!(refusal("https://x.example/\n"), "must not contain control characters");
        assert!(refusal(&format!("https://x.example/{}", "a".repeat(8_192))).contains("8192"));
    }
}
