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

/// A URL in one line of a table, without the scheme that nearly all have: cut before its end by the stylesheet, whole on hover.
#[must_use]
pub fn outside_cut(url: &str) -> Markup {
    let shown = url.strip_prefix("https://").unwrap_or(url);
    let tail = shown.char_indices().rev().nth(TAIL_CHARS - 1).map_or(0, |(at, _)| at);
    let (head, tail) = shown.split_at(tail);
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
    fn what_is_cut_keeps_its_end_and_is_whole_on_hover() {
        let cut = outside_cut("https://trk.example/click?offer=ü-1").into_string();
        assert!(cut.contains("title=\"https://trk.example/click?offer=ü-1\""), "{cut}");
        assert!(cut.contains(">trk.example/cli</span><span class=\"cut-tail\">ck?offer=ü-1<"), "{cut}");
        assert!(outside_cut("http://a.b/").into_string().contains("<span class=\"cut-tail\">http://a.b/<"), "what is no https says so");
    }

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
