//! A page's encoding: byte order mark, Content-Type, a meta within the first kilobyte, windows-1252.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// Bytes in which a meta may name the encoding (HTML standard, "prescan").
const PRESCAN_BYTES: usize = 1_024;

/// The encoding of a page, and how many bytes its mark has.
pub(super) fn encoding(body: &[u8], declared: Option<&str>, is_xml: bool) -> (&'static Encoding, usize) {
    if let Some((encoding, mark)) = Encoding::for_bom(body) {
        return (encoding, mark);
    }
    if let Some(encoding) = declared.and_then(|label| Encoding::for_label(label.as_bytes())) {
        return (encoding, 0);
    }
    let head = &body[..body.len().min(PRESCAN_BYTES)];
    let named = if is_xml { xml_declaration(head) } else { prescan(head) };
    (named.unwrap_or(if is_xml { UTF_8 } else { WINDOWS_1252 }), 0)
}

/// The first `charset` that a meta names.
fn prescan(head: &[u8]) -> Option<&'static Encoding> {
    let text = String::from_utf8_lossy(head).to_ascii_lowercase();
    let mut rest = text.as_str();
    while let Some(at) = rest.find('<') {
        rest = &rest[at..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = &comment[comment.find("-->")? + 3..];
            continue;
        }
        let end = rest.find('>').unwrap_or(rest.len());
        let (tag, after) = rest.split_at(end);
        let is_meta = tag.strip_prefix("<meta").is_some_and(|more| more.starts_with(|c: char| c.is_ascii_whitespace() || c == '/'));
        if is_meta && let Some(label) = label(tag) {
            let found = Encoding::for_label(label.as_bytes())?;
            // A page whose ASCII could be read cannot be UTF-16, whatever it says.
            return Some(if found == UTF_16BE || found == UTF_16LE { UTF_8 } else { found });
        }
        rest = after.strip_prefix('>')?;
    }
    None
}

/// What follows `charset=`, as an attribute or within `content`.
fn label(tag: &str) -> Option<&str> {
    let after = &tag[tag.find("charset")? + 7..];
    let after = after.trim_start().strip_prefix('=')?.trim_start();
    let after = after.trim_start_matches(['"', '\'']);
    let end = after.find(|c: char| c.is_ascii_whitespace() || matches!(c, '"' | '\'' | ';' | '/' | '>')).unwrap_or(after.len());
    (end > 0).then(|| &after[..end])
}

fn xml_declaration(head: &[u8]) -> Option<&'static Encoding> {
    let text = String::from_utf8_lossy(head);
    let declaration = text.strip_prefix("<?xml")?.split("?>").next()?;
    let after = declaration.split("encoding").nth(1)?.trim_start().strip_prefix('=')?.trim_start();
    let label = after.trim_start_matches(['"', '\'']).split(['"', '\'']).next()?;
    Encoding::for_label(label.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(body: &[u8], declared: Option<&str>) -> &'static str {
        encoding(body, declared, false).0.name()
    }

    #[test]
    fn marks_come_before_declarations_before_metas() {
        assert_eq!(name(b"\xef\xbb\xbfx", Some("shift_jis")), "UTF-8");
        assert_eq!(name(b"<meta charset=koi8-r>", Some("shift_jis")), "Shift_JIS");
        assert_eq!(
            name(b"<!-- <meta charset=koi8-u> --><META content='text/html; charset=koi8-r' http-equiv=content-type>", None),
            "KOI8-R"
        );
        assert_eq!(name(b"<meta charset=utf-16>", None), "UTF-8");
        assert_eq!(name(b"<p>charset=utf-8", None), "windows-1252");
        assert_eq!(encoding(b"<?xml version='1.0' encoding='ISO-8859-2'?>", None, true).0.name(), "ISO-8859-2");
        assert_eq!(encoding(b"<svg/>", None, true).0.name(), "UTF-8");
    }
}
