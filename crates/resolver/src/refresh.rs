//! Reads the value of a Refresh, from a header or a meta: the HTML standard's algorithm with Chromium's digit rule.

/// When to leave and where to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refresh<'a> {
    /// Seconds.
    pub(crate) delay: f64,
    /// The target as written; `None` when the page reloads itself.
    pub(crate) target: Option<&'a str>,
}

/// Reads a value; `None` when it asks for nothing.
pub(crate) fn parse(value: &str) -> Option<Refresh<'_>> {
    let is_space = |character: char| matches!(character, '\t' | '\n' | '\u{c}' | '\r' | ' ');
    let value = value.trim_start_matches(is_space);
    let time_end = value.find(|character| matches!(character, ',' | ';') || is_space(character)).unwrap_or(value.len());
    let (time, rest) = value.split_at(time_end);
    let delay = seconds(time)?;
    let rest = rest.trim_start_matches(is_space);
    let rest = rest.strip_prefix([',', ';']).unwrap_or(rest).trim_start_matches(is_space);
    let target = unquoted(without_url_sign(rest, is_space)).trim_matches(is_space);
    Some(Refresh { delay, target: (!target.is_empty()).then_some(target) })
}

/// `1`, `1.9`, `.5`, `1.9..5.`: digits and stops alone, and a digit before the second stop.
fn seconds(text: &str) -> Option<f64> {
    if !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    let second_stop = text.match_indices('.').nth(1).map_or(text.len(), |(at, _)| at);
    let number = &text[..second_stop];
    if !number.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    number.parse().ok()
}

/// What follows `url=`; all of it when there is no such sign (`0; page.html`).
fn without_url_sign(text: &str, is_space: impl Fn(char) -> bool + Copy) -> &str {
    let after_sign = || {
        let (sign, rest) = text.split_at_checked(3)?;
        let rest = sign.eq_ignore_ascii_case("url").then(|| rest.trim_start_matches(is_space))?;
        Some(rest.strip_prefix('=')?.trim_start_matches(is_space))
    };
    after_sign().unwrap_or(text)
}

/// Without quotes around it: to the last such quote, or to the end when there is none.
fn unquoted(text: &str) -> &str {
    let Some(quote) = text.chars().next().filter(|first| matches!(first, '"' | '\'')) else { return text };
    let inner = &text[1..];
    inner.rfind(quote).map_or(inner, |end| &inner[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Option<(f64, Option<&str>)> {
        parse(value).map(|refresh| (refresh.delay, refresh.target))
    }

    #[test]
    fn values_are_read_as_chromium_reads_them() {
        for (value, expected) in [
            ("1", Some((1.0, None))),
            ("  1  url  =  foo", Some((1.0, Some("foo")))),
            ("1 url=foo", Some((1.0, Some("foo")))),
            ("1,\nurl=foo", Some((1.0, Some("foo")))),
            ("1 x;url=foo", Some((1.0, Some("x;url=foo")))),
            ("1;;url=foo", Some((1.0, Some(";url=foo")))),
            ("1; url=\"foo'bar", Some((1.0, Some("foo'bar")))),
            ("1; 'foo'bar", Some((1.0, Some("foo")))),
            ("1; url foo", Some((1.0, Some("url foo")))),
            ("1; urfoo", Some((1.0, Some("urfoo")))),
            ("0;url==foo", Some((0.0, Some("=foo")))),
            ("0;url=''", Some((0.0, None))),
            ("1.9..5.; url=foo", Some((1.9, Some("foo")))),
            (".9; url=foo", Some((0.9, Some("foo")))),
            ("0;é", Some((0.0, Some("é")))),
            ("", None),
            (".", None),
            ("-1; url=foo", None),
            ("+0", None),
            ("1x;url=foo", None),
            ("0\u{a0};url=foo", None),
            ("; foo", None),
            ("10e-1; url=foo", None),
        ] {
            assert_eq!(read(value), expected, "{value:?}");
        }
    }
}
