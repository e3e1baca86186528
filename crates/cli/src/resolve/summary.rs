//! What many links came to, in a line and an exit code.

use std::time::Duration;

use protocol::{Class, Conclusion};

use crate::exit::Exit;

/// Counts by class.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Summary {
    ok: usize,
    review: usize,
    inconclusive: usize,
    bad: usize,
    skipped: usize,
}

impl Summary {
    pub(crate) fn add(&mut self, conclusion: Conclusion) {
        *self.of(conclusion.class()) += 1;
    }

    fn of(&mut self, class: Class) -> &mut usize {
        match class {
            Class::Ok => &mut self.ok,
            Class::Review => &mut self.review,
            Class::Inconclusive => &mut self.inconclusive,
            Class::Bad => &mut self.bad,
            Class::Skipped => &mut self.skipped,
        }
    }

    pub(crate) fn total(&self) -> usize {
        self.ok + self.review + self.inconclusive + self.bad + self.skipped
    }

    /// Counts that are not zero.
    pub(crate) fn counts(&self) -> String {
        let counts = [
            (self.ok, "ok"),
            (self.review, "to review"),
            (self.inconclusive, "inconclusive"),
            (self.bad, "bad"),
            (self.skipped, "skipped"),
        ];
        let counts: Vec<_> = counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
        if counts.is_empty() { "none".to_owned() } else { counts.join(", ") }
    }

    pub(crate) fn line(&self, took: Duration) -> String {
        let links = if self.total() == 1 { "1 link".to_owned() } else { format!("{} links", self.total()) };
        format!("{links} in {:.1} s: {}", took.as_secs_f64(), self.counts())
    }

    pub(crate) fn exit(&self) -> Exit {
        let counts = [
            (self.bad, Class::Bad),
            (self.inconclusive, Class::Inconclusive),
            (self.review, Class::Review),
            (self.ok, Class::Ok),
            (self.skipped, Class::Skipped),
        ];
        counts.iter().filter(|(count, _)| *count > 0).map(|(_, class)| Exit::of_class(*class)).fold(Exit::Ok, Exit::worse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_counts_and_the_exit_code_is_that_of_the_worst() {
        let mut summary = Summary::default();
        assert_eq!((summary.line(Duration::ZERO).as_str(), summary.exit()), ("0 links in 0.0 s: none", Exit::Ok));
        for conclusion in [Conclusion::Valid, Conclusion::Valid, Conclusion::TimedOut, Conclusion::AppHandoff] {
            summary.add(conclusion);
        }
        assert_eq!(summary.line(Duration::from_millis(1_240)), "4 links in 1.2 s: 2 ok, 1 to review, 1 inconclusive");
        assert_eq!(summary.exit(), Exit::Inconclusive);
        summary.add(Conclusion::HttpGone);
        assert_eq!(summary.exit(), Exit::No);
    }
}
