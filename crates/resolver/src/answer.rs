//! The head of an answer, whichever protocol brought it.

use std::ops::Range;

/// How an answer was brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    Http10,
    Http11,
    Http2,
}

impl Version {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        }
    }
}

/// Status and fields of an answer.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) version: Version,
    pub(crate) status: u16,
    pub(crate) fields: Fields,
}

/// Header fields over one buffer: names in lower case, values as bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields {
    bytes: Vec<u8>,
    spans: Vec<(Range<u32>, Range<u32>)>,
}

impl Fields {
    /// Over a buffer whose names are in lower case already.
    pub(crate) fn over(bytes: Vec<u8>, spans: Vec<(Range<u32>, Range<u32>)>) -> Self {
        Self { bytes, spans }
    }

    pub(crate) fn push(&mut self, name: &str, value: &[u8]) {
        let start = self.end();
        self.bytes.extend_from_slice(name.as_bytes());
        let middle = self.end();
        self.bytes.extend_from_slice(value);
        self.spans.push((start..middle, middle..self.end()));
    }

    // Heads are bounded far below 4 GiB.
    fn end(&self) -> u32 {
        u32::try_from(self.bytes.len()).unwrap_or(u32::MAX)
    }

    fn slice(&self, range: &Range<u32>) -> &[u8] {
        self.bytes.get(range.start as usize..range.end as usize).unwrap_or_default()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.spans.iter().map(|(name, value)| (self.slice(name), self.slice(value)))
    }

    /// Every value of a name, given in lower case.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.iter().filter(move |(own, _)| *own == name.as_bytes()).map(|(_, value)| value)
    }

    /// The first value of a name, given in lower case.
    pub(crate) fn first(&self, name: &str) -> Option<&[u8]> {
        self.spans.iter().find(|(own, _)| self.slice(own) == name.as_bytes()).map(|(_, value)| self.slice(value))
    }

    /// Every value of a name joined by commas, as text, one character a byte where it is not UTF-8.
    pub(crate) fn joined(&self, name: &str) -> Option<String> {
        let mut joined: Option<String> = None;
        for value in self.all(name) {
            let text = text(value);
            match &mut joined {
                Some(joined) => {
                    joined.push_str(", ");
                    joined.push_str(&text);
                }
                None => joined = Some(text.into_owned()),
            }
        }
        joined
    }
}

/// A field's bytes as text: UTF-8 when they are, else one character a byte.
pub(crate) fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect::<String>().into(),
    }
}
