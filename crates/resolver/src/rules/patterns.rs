//! Many patterns in one text, in one pass. Pages are large and rules are many: one search a pattern took longer than
//! parsing the page.

use std::borrow::Cow;

use aho_corasick::{AhoCorasick, BuildError};

/// Patterns that are looked for together, regardless of case.
#[derive(Clone, Debug)]
pub(super) struct Patterns {
    automaton: AhoCorasick,
    count: usize,
}

/// A pattern's place among its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PatternId(usize);

/// Which patterns a text has.
#[derive(Clone, Debug)]
pub(super) struct Matches(Vec<bool>);

/// Collects patterns until all are known.
#[derive(Debug, Default)]
pub(super) struct Collector(Vec<String>);

impl Collector {
    /// Adds the patterns of one condition.
    pub(super) fn add(&mut self, patterns: &[String]) -> Vec<PatternId> {
        let start = self.0.len();
        self.0.extend(patterns.iter().map(|pattern| pattern.to_lowercase()));
        (start..self.0.len()).map(PatternId).collect()
    }

    /// Makes them ready to be looked for.
    pub(super) fn finish(self) -> Result<Patterns, BuildError> {
        let automaton = AhoCorasick::builder().ascii_case_insensitive(true).build(&self.0)?;
        Ok(Patterns { automaton, count: self.0.len() })
    }
}

impl Patterns {
    /// Which patterns `text` has.
    pub(super) fn in_text(&self, text: &str) -> Matches {
        let mut matches = Matches(vec![false; self.count]);
        for found in self.automaton.find_overlapping_iter(plain(text).as_bytes()) {
            matches.0[found.pattern().as_usize()] = true;
        }
        matches
    }
}

impl Matches {
    /// Whether one of a condition's patterns is there; a condition without patterns holds.
    pub(super) fn satisfy(&self, condition: &[PatternId]) -> bool {
        condition.is_empty() || condition.iter().any(|pattern| self.0[pattern.0])
    }
}

/// In lower case where that is more than ASCII, and with plain apostrophes: pages write "isn’t" as often as "isn't".
fn plain(text: &str) -> Cow<'_, str> {
    if text.is_ascii() { Cow::Borrowed(text) } else { Cow::Owned(text.to_lowercase().replace(['\u{2018}', '\u{2019}'], "'")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_is_found_in_any_case_even_within_others() {
        let mut collector = Collector::default();
        let first = collector.add(&["offer".into(), "Übersicht".into()]);
        let second = collector.add(&["off".into()]);
        let third = collector.add(&["isn't".into()]);
        let patterns = collector.finish().unwrap();
        let matches = patterns.in_text("An OFFER ISN’T");
        assert!(matches.satisfy(&first) && matches.satisfy(&second) && matches.satisfy(&third));
        assert!(patterns.in_text("ÜBERSICHT").satisfy(&first));
        assert!(!patterns.in_text("none").satisfy(&first));
        assert!(patterns.in_text("none").satisfy(&[]));
    }
}
