//! What an answer's bytes are: by its Content-Type, and by a look at them where a browser would take one (MIME Sniffing).

use crate::answer::{Fields, text};

/// What a browser makes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Html,
    /// XHTML, SVG and other XML: parsed as such.
    Xml,
    /// Text that is shown as it is.
    Text,
    /// Shown by a viewer, and read by people: PDF.
    Viewer,
    /// Shown, and no document: images, JSON, scripts, styles, sound.
    Other,
    /// Saved instead of shown.
    Download,
}

/// A media type with what follows from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MediaType {
    /// Without parameters, in lower case; empty when there is none.
    pub(crate) essence: String,
    pub(crate) charset: Option<String>,
}

/// Bytes that are looked at.
const SNIFFED_BYTES: usize = 512;

impl MediaType {
    /// Of the last `Content-Type` field that is one.
    pub(crate) fn of(fields: &Fields) -> Self {
        let mut found = Self { essence: String::new(), charset: None };
        for value in fields.all("content-type") {
            let value = text(value);
            for part in split_outside_quotes(&value, ',') {
                let mut pieces = split_outside_quotes(part, ';').into_iter();
                let essence = pieces.next().unwrap_or_default().trim().to_ascii_lowercase();
                if !essence.contains('/') {
                    continue;
                }
                let charset = pieces.find_map(charset_of);
                // The same type again keeps the charset that was said before.
                let charset = charset.or_else(|| found.charset.take().filter(|_| found.essence == essence));
                found = Self { essence, charset };
            }
        }
        found
    }

    /// What a browser makes of an answer of this type; `body` may be its first bytes only.
    pub(crate) fn kind(&self, fields: &Fields, body: &[u8]) -> Kind {
        if is_attachment(fields) {
            return Kind::Download;
        }
        match self.essence.as_str() {
            "" | "unknown/unknown" | "application/unknown" | "*/*" => {
                let nosniff =
                    fields.first("x-content-type-options").is_some_and(|value| text(value).trim().eq_ignore_ascii_case("nosniff"));
                if nosniff { Kind::Text } else { sniffed(body) }
            }
            "text/html" => Kind::Html,
            "application/xhtml+xml" | "text/xml" | "application/xml" | "image/svg+xml" => Kind::Xml,
            "application/pdf" | "text/pdf" => Kind::Viewer,
            "text/plain" | "text/markdown" => Kind::Text,
            "multipart/x-mixed-replace" => Kind::Other,
            essence if essence.ends_with("+xml") => Kind::Xml,
            essence if is_shown(essence) => Kind::Other,
            _ => Kind::Download,
        }
    }
}

/// Types that Chromium shows although they are no document.
fn is_shown(essence: &str) -> bool {
    const APPLICATIONS: &[&str] = &["application/json", "application/javascript", "application/ecmascript", "application/x-javascript"];
    // Calendars and tables are saved although they are text.
    const SAVED_TEXT: &[&str] =
        &["text/calendar", "text/x-calendar", "text/csv", "text/vcard", "text/x-vcard", "text/rtf", "text/tab-separated-values"];
    essence.starts_with("image/") && essence != "image/tiff"
        || essence.starts_with("audio/")
        || essence.starts_with("video/")
        || essence.starts_with("text/") && !SAVED_TEXT.contains(&essence)
        || essence.ends_with("+json")
        || APPLICATIONS.contains(&essence)
}

fn is_attachment(fields: &Fields) -> bool {
    let Some(value) = fields.first("content-disposition") else { return false };
    let value = text(value);
    let kind = value.split(';').next().unwrap_or_default().trim();
    // Chromium takes every word but "inline" for an attachment, and a parameter in its place for inline.
    !kind.is_empty() && !kind.eq_ignore_ascii_case("inline") && !kind.contains('=')
}

fn charset_of(parameter: &str) -> Option<String> {
    let (name, value) = parameter.split_once('=')?;
    let value = value.trim().trim_matches(['"', '\'']);
    (name.trim().eq_ignore_ascii_case("charset") && !value.is_empty()).then(|| value.to_owned())
}

fn split_outside_quotes(text: &str, separator: char) -> Vec<&str> {
    let mut is_quoted = false;
    let mut is_escaped = false;
    text.split(move |character| {
        let was_escaped = std::mem::take(&mut is_escaped);
        match character {
            '"' if !was_escaped => is_quoted = !is_quoted,
            '\\' if is_quoted && !was_escaped => is_escaped = true,
            _ => (),
        }
        character == separator && !is_quoted
    })
    .collect()
}

/// A look at the bytes (MIME Sniffing, section 7.1).
fn sniffed(body: &[u8]) -> Kind {
    const TAGS: &[&str] = &[
        "<!doctype html",
        "<html",
        "<head",
        "<script",
        "<iframe",
        "<h1",
        "<div",
        "<font",
        "<table",
        "<a",
        "<style",
        "<title",
        "<b",
        "<body",
        "<br",
        "<p",
        "<!--",
    ];
    let head = &body[..body.len().min(SNIFFED_BYTES)];
    let unmarked = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let trimmed = unmarked.trim_ascii_start();
    let begins = |tag: &&&str| {
        let (start, after) = (trimmed.get(..tag.len()), trimmed.get(tag.len()));
        start.is_some_and(|start| start.eq_ignore_ascii_case(tag.as_bytes())) && (**tag == "<!--" || matches!(after, Some(b' ' | b'>')))
    };
    if TAGS.iter().find(begins).is_some() {
        return Kind::Html;
    }
    if trimmed.starts_with(b"<?xml") {
        return Kind::Xml;
    }
    if head.starts_with(b"%PDF-") {
        return Kind::Viewer;
    }
    const IMAGES: &[&[u8]] = &[b"\x89PNG\r\n\x1a\n", b"GIF8", b"\xff\xd8\xff", b"BM", b"\0\0\x01\0"];
    if IMAGES.iter().any(|magic| head.starts_with(magic)) || head.get(8..12) == Some(b"WEBP") {
        return Kind::Other;
    }
    let is_marked = [&b"\xfe\xff"[..], b"\xff\xfe", b"\xef\xbb\xbf"].iter().any(|mark| head.starts_with(mark));
    let is_binary = head.iter().any(|byte| matches!(byte, 0..=8 | 0x0b | 0x0e..=0x1a | 0x1c..=0x1f));
    if is_marked || !is_binary { Kind::Text } else { Kind::Download }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(fields: &[(&str, &str)], body: &str) -> Kind {
        let mut all = Fields::default();
        fields.iter().for_each(|(name, value)| all.push(name, value.as_bytes()));
        MediaType::of(&all).kind(&all, body.as_bytes())
    }

    #[test]
    fn types_are_what_a_browser_makes_of_them() {
        let of = |media_type: &str| kind(&[("content-type", media_type)], "<html>");
        assert_eq!(of("TEXT/HTML;charset=x"), Kind::Html);
        assert_eq!(of("application/xhtml+xml"), Kind::Xml);
        assert_eq!(of("image/svg+xml"), Kind::Xml);
        assert_eq!(of("text/plain"), Kind::Text);
        assert_eq!(of("application/pdf"), Kind::Viewer);
        assert_eq!(of("image/png"), Kind::Other);
        assert_eq!(of("application/ld+json"), Kind::Other);
        assert_eq!(of("application/octet-stream"), Kind::Download);
        assert_eq!(of("text/csv"), Kind::Download);
        assert_eq!(kind(&[("content-type", "text/plain"), ("content-type", "text/html")], ""), Kind::Html);
        assert_eq!(kind(&[("content-type", "text/html"), ("content-disposition", "Attachment; filename=x")], ""), Kind::Download);
        assert_eq!(kind(&[("content-type", "text/html"), ("content-disposition", "filename=x")], ""), Kind::Html);
    }

    #[test]
    fn untyped_bytes_are_looked_at_unless_that_is_forbidden() {
        assert_eq!(kind(&[], " <!DOCTYPE html><html>"), Kind::Html);
        assert_eq!(kind(&[("content-type", "*/*")], "<p>x"), Kind::Html);
        assert_eq!(kind(&[("x-content-type-options", "nosniff")], "<html>"), Kind::Text);
        assert_eq!(kind(&[], "hello"), Kind::Text);
        assert_eq!(kind(&[], "a\0b"), Kind::Download);
        assert_eq!(kind(&[], "<page>"), Kind::Text);
    }

    #[test]
    fn the_charset_is_found() {
        let mut fields = Fields::default();
        fields.push("content-type", b"text/html; x=\"a;charset=b\"; Charset=\"Shift_JIS\"");
        assert_eq!(MediaType::of(&fields).charset.as_deref(), Some("Shift_JIS"));
    }
}
