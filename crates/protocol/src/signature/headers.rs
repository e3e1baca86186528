//! The four headers of a signed request, and their grammar. A dot in timestamp or nonce would make the dot-joined base
//! ambiguous (a captured body could be cut at a dot and replayed under a new nonce): the grammar is part of the security.

use crate::key::KeyId;

/// The API key's public id.
pub const KEY_HEADER: &str = "X-Link-Peeler-Key";
/// Unix seconds: 1 to 12 digits.
pub const TIMESTAMP_HEADER: &str = "X-Link-Peeler-Timestamp";
/// One-time value: 16 to 128 of `[A-Za-z0-9_-]`.
pub const NONCE_HEADER: &str = "X-Link-Peeler-Nonce";
/// HMAC-SHA256 in 64 hexadecimal digits.
pub const SIGNATURE_HEADER: &str = "X-Link-Peeler-Signature";

/// The headers of a signed request, all four on their grammar. Says nothing yet about who sent them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerHeaders<'a> {
    /// The public id of the key that claims to have signed.
    pub key_id: &'a str,
    /// The signing timestamp as written: its bytes are signed, so `007` and `7` differ.
    pub timestamp: &'a str,
    /// The nonce.
    pub nonce: &'a str,
    /// The signature's bytes.
    pub signature: [u8; 32],
}

/// Which header is wrong, and how. Answered with 401.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{header}: {kind}")]
pub struct HeaderFault {
    /// The header's name.
    pub header: &'static str,
    /// What is wrong with it.
    pub kind: HeaderFaultKind,
}

/// What is wrong with a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderFaultKind {
    /// It is not there.
    #[error("the header is missing")]
    Missing,
    /// It is there more than once.
    #[error("the header is given more than once")]
    Repeated,
    /// Its value is off the grammar, which the text names.
    #[error("expected {0}")]
    OffGrammar(&'static str),
}

impl<'a> CallerHeaders<'a> {
    /// Reads the four headers through `values_of`, which gives every value of the named header.
    ///
    /// # Errors
    /// The first header that is absent, repeated or off its grammar, in the order key, timestamp, nonce, signature.
    pub fn read<I>(mut values_of: impl FnMut(&'static str) -> I) -> Result<Self, HeaderFault>
    where
        I: IntoIterator<Item = &'a [u8]>,
    {
        let mut one = |header: &'static str, grammar: &'static str, fits: fn(&str) -> bool| {
            let fault = |kind| HeaderFault { header, kind };
            let mut values = values_of(header).into_iter();
            let value = values.next().ok_or(fault(HeaderFaultKind::Missing))?;
            if values.next().is_some() {
                return Err(fault(HeaderFaultKind::Repeated));
            }
            let text = std::str::from_utf8(value).ok().filter(|text| fits(text));
            text.ok_or(fault(HeaderFaultKind::OffGrammar(grammar)))
        };
        let key_id = one(KEY_HEADER, "`lp_live_` or `lp_test_`, then 16 to 64 letters and digits", KeyId::is_valid)?;
        let timestamp = one(TIMESTAMP_HEADER, "unix seconds: 1 to 12 digits and nothing else", is_timestamp)?;
        let nonce = one(NONCE_HEADER, "16 to 128 of A-Z, a-z, 0-9, `_` and `-`", is_nonce)?;
        let digits = one(SIGNATURE_HEADER, "64 hexadecimal digits and nothing else", is_signature)?;
        let mut signature = [0; 32];
        data_encoding::HEXLOWER_PERMISSIVE
            .decode_mut(digits.as_bytes(), &mut signature)
            .map_err(|_| HeaderFault { header: SIGNATURE_HEADER, kind: HeaderFaultKind::OffGrammar("64 hexadecimal digits") })?;
        Ok(Self { key_id, timestamp, nonce, signature })
    }

    /// The signing timestamp as a number of seconds. At most 12 digits, so it always fits.
    #[must_use]
    pub fn timestamp_seconds(&self) -> i64 {
        self.timestamp.bytes().fold(0, |seconds, digit| seconds * 10 + i64::from(digit - b'0'))
    }
}

fn is_timestamp(text: &str) -> bool {
    (1..=12).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_nonce(text: &str) -> bool {
    (16..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

fn is_signature(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())
}
