//! Links out of the house. Whatever comes from outside is text; only http and https URLs may be followed, and whoever is
//! followed learns nothing of where from.

use maud::{Markup, html};

/// What links that leave carry.
pub const REL: &str = "noopener noreferrer nofollow";

/// A URL as a link when it is http or https, else as text. Never shortened: whoever compares URLs needs every character;
/// it wraps where it must.
#[must_use]
pub fn outside(url: &str) -> Markup {
    html! {
        @if is_web(url) { a.url href=(url) rel=(REL) target="_blank" { (url) } }
        @else { span.url { (url) } }
    }
}

/// Characters at the end of a URL that stay when it is cut: links of one network differ there, and not at the host.
const TAIL_CHARS: usize = 12;

/// A URL in one line of a table: cut before its end by the stylesheet, whole on hover.
#[must_use]
pub fn outside_cut(url: &str) -> Markup {
    let tail = url.char_indices().rev().nth(TAIL_CHARS - 1).map_or(0, |(at, _)| at);
    let (head, tail) = url.split_at(tail);
    let parts = html! { @if !head.is_empty() { span.cut-head { (head) } } span.cut-tail { (tail) } };
    html! {
        @if is_web(url) { a.url.cut href=(url) rel=(REL) target="_blank" title=(url) { (parts) } }
        @else { span.url.cut title=(url) { (parts) } }
    }
}

/// Whether a person may follow it: http or https, by its first bytes, with nothing that a browser would strip before it
/// looks at the scheme.
#[must_use]
pub fn is_web(url: &str) -> bool {
    let scheme = |name: &str| url.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
    (scheme("http://") || scheme("https://")) && !url.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_addresses_are_links() {
        assert!(
            outside("https://a.example/?x=\"><script>")
                .into_string()
                .starts_with("<a class=\"url\" href=\"https://a.example/?x=&quot;&gt;&lt;script&gt;\"")
        );
        for never in [
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            "data:text/html,x",
            " https://a.example",
            "java\tscript:x",
            "https://a\n",
            "//a.example",
            "vbscript:x",
            "http:/x",
            "",
        ] {
            assert!(!outside(never).into_string().contains("href"), "{never:?}");
            assert!(!outside_cut(never).into_string().contains("href"), "{never:?}");
        }
    }
}
