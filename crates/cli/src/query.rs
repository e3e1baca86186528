//! A path with a query, as it will stand on the request line: what is signed must be what is sent.

use std::fmt::Display;

pub(crate) struct Query {
    text: String,
    joint: char,
}

impl Query {
    pub(crate) fn new(path: &str) -> Self {
        Self { text: path.to_owned(), joint: '?' }
    }

    /// Adds a parameter, when it has a value.
    pub(crate) fn with(mut self, name: &str, value: Option<impl Display>) -> Self {
        if let Some(value) = value {
            self.text.push(self.joint);
            self.text.push_str(name);
            self.text.push('=');
            self.text.push_str(&segment(&value.to_string()));
            self.joint = '&';
        }
        self
    }

    pub(crate) fn finish(self) -> String {
        self.text
    }
}

/// A text as one segment of a path or one value of a query: everything but unreserved characters (RFC 3986, section 2.3)
/// is escaped, so that no library on the way rewrites it.
pub(crate) fn segment(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_and_absent_ones_left_out() {
        let text = Query::new("/api/rows").with("source", Some("a b&c")).with("cursor", None::<&str>).with("limit", Some(5)).finish();
        assert_eq!(text, "/api/rows?source=a%20b%26c&limit=5");
        assert_eq!(Query::new("/api/rows").finish(), "/api/rows");
        assert_eq!(segment("行/7"), "%E8%A1%8C%2F7");
    }
}
