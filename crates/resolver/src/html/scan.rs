//! A look at a page's bytes before any parsing: whether there can be anything to find, and the title and text of pages
//! where there is not.

use super::dom::push_collapsed;

/// Whether a page may refresh, run scripts or otherwise do more than be read. Names of tags and attributes have no other
/// spelling than their letters (only values may have entities), so what is not in the bytes is not on the page.
pub(super) fn may_act(markup: &str) -> bool {
    let bytes = markup.as_bytes();
    let mut at = 0;
    while let Some(found) = bytes[at..].iter().position(|byte| matches!(byte, b'<' | b'o' | b'O' | b'h' | b'H')) {
        at += found;
        let rest = &bytes[at..];
        let begins = |word: &[u8]| rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
        let is_handler = || {
            // An attribute's name follows white space, a slash or a quote.
            let after = at.checked_sub(1).and_then(|before| bytes.get(before));
            matches!(after, Some(b' ' | b'\t' | b'\n' | b'\r' | 0x0c | b'/' | b'"' | b'\''))
                && begins(b"on")
                && has_handler_name(&rest[2..])
        };
        if begins(b"<script")
            || begins(b"http-equiv")
            || begins(b"<iframe")
            || begins(b"<frame")
            || begins(b"<object")
            || begins(b"<embed")
            || is_handler()
        {
            return true;
        }
        at += 1;
    }
    false
}

fn has_handler_name(rest: &[u8]) -> bool {
    let letters = rest.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    letters > 0 && rest[letters..].trim_ascii_start().first() == Some(&b'=')
}

/// Title and text of a page that does nothing; `None` when only a parser could tell the title or the text.
pub(super) fn read(markup: &str, limit: usize) -> Option<(Option<String>, String)> {
    // Entities, raw text and foreign content are a parser's business.
    const PARSER_WORDS: &[&str] =
        &["<textarea", "<xmp", "<plaintext", "<noembed", "<noframes", "<noscript", "<svg", "<math", "<template", "<style", "<![cdata["];
    if markup.contains('&') || has_tag(markup, PARSER_WORDS) {
        return None;
    }
    let mut title: Option<String> = None;
    let mut text = String::with_capacity(markup.len().min(limit));
    let mut rest = markup;
    while let Some(open) = rest.find('<') {
        push_collapsed(&mut text, &rest[..open], limit);
        if title.is_some() && text.len() >= limit {
            // Nothing that follows would be kept.
            break;
        }
        rest = &rest[open..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
            continue;
        }
        let is_tag = rest[1..].starts_with(|first: char| first.is_ascii_alphabetic() || matches!(first, '/' | '!' | '?'));
        if !is_tag {
            push_collapsed(&mut text, "<", limit);
            rest = &rest[1..];
            continue;
        }
        let end = tag_end(rest)?;
        let tag = &rest[..end];
        rest = &rest[end..];
        if tag.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("<title")) {
            let close = find_ignoring_case(rest, "</title")?;
            let mut inner = String::new();
            push_collapsed(&mut inner, &rest[..close], limit);
            title = title.or_else(|| Some(inner.trim_end().to_owned()));
            rest = &rest[close..];
        } else {
            push_collapsed(&mut text, " ", limit);
        }
    }
    push_collapsed(&mut text, rest, limit);
    text.truncate(text.trim_end().len());
    Some((title.filter(|title| !title.is_empty()), text))
}

/// Behind the `>` that ends a tag; quotes around values hide others.
fn tag_end(tag: &str) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in tag.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Some(at + 1),
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => (),
        }
    }
    None
}

/// Whether one of the words, which begin with `<`, is anywhere in the text.
fn has_tag(text: &str, words: &[&str]) -> bool {
    text.match_indices('<').any(|(at, _)| {
        let rest = &text.as_bytes()[at..];
        words.iter().any(|word| rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes())))
    })
}

fn find_ignoring_case(text: &str, word: &str) -> Option<usize> {
    let first = word.as_bytes()[0];
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(found) = bytes[at..].iter().position(|&byte| byte == first) {
        at += found;
        if bytes.get(at..at + word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes())) {
            return Some(at);
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_act_is_noticed_in_any_case() {
        for markup in ["<SCRIPT>", "<meta HTTP-EQUIV=x>", "<body\nonload = 'x'>", "<svg/onload=x>", "<img src='x'onerror=y>", "<IFRAME>"] {
            assert!(may_act(markup), "{markup}");
        }
        for markup in ["<p>on Monday = good", "<p>once upon", "<a href=/landing>on</a>", "<meta name=refresh content=0>", ""] {
            assert!(!may_act(markup), "{markup}");
        }
    }

    #[test]
    fn title_and_text_of_plain_pages_are_read() {
        let (title, text) =
            read("<!doctype html><!-- <title>no</title> --><title> A\n b </title><p>one</p><p title='a>b'>two 1 < 2", 100).unwrap();
        assert_eq!((title.as_deref(), text.as_str()), (Some("A b"), "one two 1 < 2"));
        assert_eq!(read("<title>a &amp; b</title>", 100), None);
        assert_eq!(read("<title>never closed", 100), None);
        assert_eq!(read("<p>abcdef", 3).unwrap().1, "abc");
    }
}
