//! Tests that wait for a length of time instead of for a condition: too short on a busy machine, too long on any other.

use super::Finding;
use super::doors::{is_test_file, names};
use crate::repository::Repository;

/// The comment that lets one through, with its reason after it: a peer that is slow on purpose, say.
const EXCUSE: &str = "// sleeps:";

pub(super) fn check(repository: &Repository) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in repository.with_extension("rs").filter(|file| file.path.starts_with("crates/")) {
        let lines: Vec<&str> = file.text().lines().collect();
        let tests_begin = if is_test_file(file) { Some(0) } else { lines.iter().position(|line| line.trim() == "#[cfg(test)]") };
        for at in tests_begin.map_or(0..0, |begin| begin..lines.len()) {
            if is_sleep(lines[at]) && !is_excused(&lines, at) && !is_between_two_looks(&lines, at) {
                let message = format!(
                    "a test sleeps: wait for the condition itself (a channel, or a bounded loop that looks again), or pass a clock in; \
                     where slowness is what is tested, say so with `{EXCUSE} …`"
                );
                findings.push(Finding::error(format!("{}:{}", file.path, at + 1), message));
            }
        }
    }
    findings
}

fn is_sleep(line: &str) -> bool {
    let code = line.trim_start();
    let calls = ["sleep(", "sleep_until("].iter().any(|call| names(code, call));
    calls && !code.starts_with("//") && !code.contains("fn ")
}

fn is_excused(lines: &[&str], at: usize) -> bool {
    lines[at].contains(EXCUSE) || at.checked_sub(1).is_some_and(|above| lines[above].contains(EXCUSE))
}

/// Whether a loop encloses the line: then it is the pause of a wait that looks for its condition again and again.
fn is_between_two_looks(lines: &[&str], at: usize) -> bool {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut depth = indent(lines[at]);
    for line in lines[..at].iter().rev().filter(|line| !line.trim().is_empty() && indent(line) < indent(lines[at])) {
        if indent(line) < depth {
            depth = indent(line);
            let code = line.trim_start();
            if ["loop {", "while ", "for "].iter().any(|keyword| code.starts_with(keyword)) {
                return true;
            }
            if code.contains("fn ") {
                return false;
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(text: &str) -> usize {
        check(&Repository::of(&[("crates/a/tests/it.rs", text)])).len()
    }

    #[test]
    fn a_blind_wait_is_found() {
        assert_eq!(complaints("fn a() {\n    sleep(MS).await;\n}"), 1);
    }

    #[test]
    fn a_pause_between_two_looks_is_no_blind_wait() {
        assert_eq!(complaints("fn a() {\n    while !ready() {\n        sleep(MS).await;\n    }\n}"), 0);
        assert_eq!(complaints("fn a() {\n    // sleeps: the peer is slow, that is the case\n    sleep(MS).await;\n}"), 0);
    }

    #[test]
    fn a_database_that_sleeps_is_no_test_that_does() {
        assert_eq!(complaints("fn a() {\n    sql(\"SELECT pg_sleep(8)\");\n}"), 0);
    }

    #[test]
    fn code_outside_tests_may_wait() {
        assert!(check(&Repository::of(&[("crates/a/src/backoff.rs", "fn a() { sleep(MS).await; }")])).is_empty());
    }
}
