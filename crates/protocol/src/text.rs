//! Which texts of strangers may be kept and shown: in a page, a log line, a cell or a terminal they must stay what they look
//! like. Escaping for each of these is theirs; this is about characters that no escaping makes harmless.

/// Whether a character is neither a control character nor one that changes how its neighbours are laid out: separators of
/// lines and paragraphs, and the embeddings, overrides and isolates of Unicode's bidirectional algorithm (UAX #9, 2.1 to
/// 2.5), behind which a text reads as another one. Marks of direction (LRM, RLM, ALM) stay: names and titles need them.
#[must_use]
pub const fn is_plain_character(character: char) -> bool {
    !matches!(character, '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether a text has plain characters only ([`is_plain_character`]).
#[must_use]
pub fn is_plain_text(text: &str) -> bool {
    text.chars().all(is_plain_character)
}

/// The text with whatever is not plain in it replaced, for a line or a terminal ([`is_plain_character`]).
#[must_use]
pub fn in_plain_characters(text: &str) -> String {
    text.chars().map(|character| if is_plain_character(character) { character } else { char::REPLACEMENT_CHARACTER }).collect()
}

/// Whether a text has no control characters: what callers were promised for `POST /api/links/fetch`, where more than that
/// cannot be refused any more.
#[must_use]
pub(crate) fn is_clean_text(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_turns_a_text_around_is_not_plain() {
        for text in ["a\u{202e}b", "a\u{2066}b", "a\u{2069}", "a\u{2028}b", "a\u{0}", "a\u{1b}[31m", "a\u{85}", "a\nb"] {
            assert!(!is_plain_text(text), "{text:?}");
            assert!(is_plain_text(&in_plain_characters(text)), "{text:?}");
        }
        assert_eq!(in_plain_characters("a\u{1b}[31m\u{fc}"), "a\u{fffd}[31m\u{fc}");
        for text in ["", "Schuhe für 5 €", "\u{5e9}\u{5dc}\u{5d5}\u{5dd}\u{200f}!", "👟\u{200d}", "=1+1"] {
            assert!(is_plain_text(text), "{text:?}");
        }
    }

    #[test]
    fn every_control_character_is_known() {
        for character in (0..=0x10ffff).filter_map(char::from_u32).filter(|character| character.is_control()) {
            assert!(!is_plain_character(character), "{character:?}");
        }
    }
}
