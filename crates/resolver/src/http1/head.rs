//! Reads the head of an answer.

use std::ops::Range;

use crate::answer::{Fields, Head, Version};

/// Bytes of noise before `HTTP/` that Chromium skips.
const SLOP: usize = 4;

/// Why bytes are no head of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoHead {
    #[error("it does not begin with an HTTP status line")]
    NotHttp,
    #[error("its status is no number from 100 to 999")]
    BadStatus,
    #[error("its head has a NUL byte")]
    Nul,
}

/// Length of the head at the start of `bytes`, its empty line included; `None` while it has not ended. Looks only at
/// what lies behind `scanned`, which the caller has looked at before.
pub(crate) fn head_length(bytes: &[u8], scanned: usize) -> Option<usize> {
    // Line breaks before the status line are left over from a sloppy answer before.
    let start = leading_breaks(bytes);
    let from = scanned.saturating_sub(3).max(start);
    let mut at = from;
    while let Some(found) = bytes[at..].iter().position(|&byte| byte == b'\n') {
        let after = at + found + 1;
        match bytes.get(after..) {
            Some([b'\n', ..]) => return Some(after + 1),
            Some([b'\r', b'\n', ..]) => return Some(after + 2),
            _ => at = after,
        }
    }
    None
}

fn leading_breaks(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count()
}

/// Reads a head that [`head_length`] has measured.
pub(crate) fn read_head(bytes: &[u8]) -> Result<Head, NoHead> {
    let bytes = &bytes[leading_breaks(bytes)..];
    if bytes.contains(&0) {
        return Err(NoHead::Nul);
    }
    let line_end = bytes.iter().position(|&byte| byte == b'\n').unwrap_or(bytes.len());
    let (version, status) = read_status_line(&bytes[..line_end])?;
    let fields = read_fields(bytes.get(line_end + 1..).unwrap_or_default());
    Ok(Head { version, status, fields })
}

fn read_status_line(line: &[u8]) -> Result<(Version, u16), NoHead> {
    let begins = |offset: usize| line.get(offset..offset + 4).is_some_and(|word| word.eq_ignore_ascii_case(b"http"));
    let start = (0..=SLOP).find(|&offset| begins(offset)).ok_or(NoHead::NotHttp)?;
    let rest = &line[start + 4..];
    let word_end = rest.iter().position(|byte| byte.is_ascii_whitespace()).unwrap_or(rest.len());
    let version = match rest[..word_end].strip_prefix(b"/") {
        Some([major, b'.', minor, ..]) if (*major, *minor) >= (b'1', b'1') => Version::Http11,
        _ => Version::Http10,
    };
    let rest = rest[word_end..].trim_ascii_start();
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    match (digits, std::str::from_utf8(&rest[..digits]).ok().and_then(|digits| digits.parse().ok())) {
        // Chromium reads a status line without a number as 200.
        (0, _) => Ok((version, 200)),
        (_, Some(status @ 100..=999)) => Ok((version, status)),
        _ => Err(NoHead::BadStatus),
    }
}

/// One owned buffer for all fields: names become lower case in place. Lines end at a line feed or a carriage return, as
/// in Chromium.
fn read_fields(bytes: &[u8]) -> Fields {
    let mut buffer = unfolded(bytes);
    let mut spans: Vec<(Range<u32>, Range<u32>)> = Vec::with_capacity(24);
    let mut at = 0;
    while at < buffer.len() {
        let end = line_end(&buffer, at);
        if let Some(colon) = buffer[at..end].iter().position(|&byte| byte == b':') {
            let name = trimmed(&buffer, at..at + colon);
            let value = trimmed(&buffer, at + colon + 1..end);
            // What is no name is no field; Chromium drops the line.
            if !name.is_empty() && buffer[name.clone()].iter().copied().all(is_token) {
                buffer[name.clone()].make_ascii_lowercase();
                spans.push((span(&name), span(&value)));
            }
        }
        at = end + 1;
    }
    Fields::over(buffer, spans)
}

/// A line that begins with white space goes on with the one before, behind a single space (obsolete folding).
fn unfolded(bytes: &[u8]) -> Vec<u8> {
    let is_fold = |pair: &[u8]| matches!(pair, [b'\r' | b'\n', b' ' | b'\t']);
    if !bytes.windows(2).any(is_fold) {
        return bytes.to_vec();
    }
    let mut joined: Vec<u8> = Vec::with_capacity(bytes.len());
    for line in bytes.split(|byte| matches!(byte, b'\r' | b'\n')).filter(|line| !line.is_empty()) {
        let goes_on = !joined.is_empty() && matches!(line[0], b' ' | b'\t');
        if !joined.is_empty() {
            joined.push(if goes_on { b' ' } else { b'\n' });
        }
        joined.extend_from_slice(if goes_on { line.trim_ascii_start() } else { line });
    }
    joined
}

/// A character of a field's name (RFC 9110, section 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn line_end(buffer: &[u8], from: usize) -> usize {
    buffer[from..].iter().position(|byte| matches!(byte, b'\r' | b'\n')).map_or(buffer.len(), |found| from + found)
}

fn trimmed(buffer: &[u8], range: Range<usize>) -> Range<usize> {
    let slice = &buffer[range.clone()];
    let start = range.start + (slice.len() - slice.trim_ascii_start().len());
    start..(start + slice.trim_ascii().len())
}

// Heads are bounded far below 4 GiB.
fn span(range: &Range<usize>) -> Range<u32> {
    let short = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    short(range.start)..short(range.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Head {
        assert_eq!(head_length(text.as_bytes(), 0), Some(text.len()));
        read_head(text.as_bytes()).unwrap()
    }

    fn status(line: &str) -> Result<u16, NoHead> {
        read_head(format!("{line}\r\n\r\n").as_bytes()).map(|head| head.status)
    }

    #[test]
    fn odd_status_lines_are_read() {
        for line in [
            "HTTP/1.1 302 Found",
            "HTTP/1.1 302",
            "http/1.1  302 x",
            "HTTP/1.0 302 \u{fc}",
            "xHTTP/1.1 302 ",
            "HTTP 302 OK",
            "HTTP/2.0 302",
        ] {
            assert_eq!(status(line), Ok(302), "{line}");
        }
        assert_eq!(status("\r\nHTTP/1.1 200 OK"), Ok(200));
        assert_eq!(status("HTTP/1.1"), Ok(200));
        assert_eq!(status("HTTP/1.1 OK"), Ok(200));
        assert_eq!(status("HTTP/1.1 2x"), Err(NoHead::BadStatus));
        assert_eq!(status("HTTP/1.1 99"), Err(NoHead::BadStatus));
        assert_eq!(status("SSH-2.0-OpenSSH"), Err(NoHead::NotHttp));
        assert_eq!(status("HTTP/1.1 200 \0"), Err(NoHead::Nul));
    }

    #[test]
    fn fields_that_browsers_forgive_are_read() {
        let head = head(
            "HTTP/1.1 302 Found\r\nLocation : /a\r\nX-Fold: one \r\n\t two\r\n  three\r\nno colon\r\nbad name: x\r\nb\u{e4}d: x\r\nA: b\rC: d\r\nlast:\r\n\r\n",
        );
        assert_eq!(head.fields.first("location"), Some(&b"/a"[..]));
        assert_eq!(head.fields.first("x-fold"), Some(&b"one  two three"[..]));
        assert_eq!(head.fields.first("c"), Some(&b"d"[..]));
        assert_eq!(head.fields.first("last"), Some(&b""[..]));
        assert_eq!(head.fields.iter().count(), 5);
    }

    #[test]
    fn a_head_ends_at_its_empty_line_wherever_the_bytes_were_cut() {
        let text = b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody";
        for cut in 0..text.len() {
            let expected = (cut >= 25).then_some(25);
            assert_eq!(head_length(&text[..cut], 0), expected, "{cut}");
            for scanned in 0..cut.min(24) {
                assert_eq!(head_length(&text[..cut], scanned), expected, "{cut} after {scanned}");
            }
        }
        assert_eq!(head_length(b"HTTP/1.1 200 OK\nA: b\n\nbody", 0), Some(22));
    }

    #[test]
    fn a_hundred_and_twenty_fields_are_no_trouble() {
        let fields: String = (0..120).map(|n| format!("X-H{n}: v\r\n")).collect();
        assert_eq!(head(&format!("HTTP/1.1 302 Found\r\n{fields}Location: /x\r\n\r\n")).fields.first("location"), Some(&b"/x"[..]));
    }
}
