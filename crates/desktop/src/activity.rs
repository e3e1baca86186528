//! What the desktop did lately, for people: a bounded ring of short entries in memory. Nothing that is secret is ever
//! noted; tracing has the rest.

use std::collections::VecDeque;
use std::sync::Mutex;

use protocol::UnixMillis;

use crate::lock;

/// Entries that are kept: the last hours of a busy desktop, and some 100 KiB.
const MAX_ENTRIES: usize = 500;
/// Characters of one entry: what came from outside (a reason, a URL) is cut.
const MAX_CHARS: usize = 300;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) at: UnixMillis,
    pub(crate) weight: Weight,
    pub(crate) text: String,
}

/// How much a person should mind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    /// As it should be.
    Usual,
    /// Mends itself, or needs a look.
    Warning,
    /// Somebody should do something.
    Error,
}

#[derive(Debug, Default)]
pub(crate) struct Activity {
    entries: Mutex<VecDeque<Entry>>,
}

impl Activity {
    pub(crate) fn note(&self, at: UnixMillis, weight: Weight, text: impl Into<String>) {
        let text: String = text.into();
        let text = match text.char_indices().nth(MAX_CHARS) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        };
        let mut entries = lock(&self.entries);
        if entries.len() == MAX_ENTRIES {
            entries.pop_front();
        }
        entries.push_back(Entry { at, weight, text });
    }

    /// Newest first.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        lock(&self.entries).iter().rev().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_entries_are_kept_and_long_ones_are_cut() {
        let activity = Activity::default();
        for n in 0..=MAX_ENTRIES {
            activity.note(UnixMillis(n as i64), Weight::Usual, format!("entry {n}"));
        }
        activity.note(UnixMillis(0), Weight::Error, "ü".repeat(1_000));
        let entries = activity.entries();
        assert_eq!(entries.len(), MAX_ENTRIES);
        assert_eq!(entries[0].text.chars().count(), MAX_CHARS + 1);
        assert_eq!(entries.last().unwrap().text, "entry 2");
    }
}
