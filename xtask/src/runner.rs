//! Runs a program, shows what it prints as it prints it, and counts the tests that it reports.

use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use anyhow::Context;

use crate::repository;

/// Tests that a run reported. Skipped ones are not counted: nextest calls every test so that a filter leaves out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// The cargo that runs us, from the repository's root.
pub(crate) fn cargo() -> CargoCommand {
    CargoCommand(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Names cargo; becomes a `Command` of its own each time.
pub(crate) struct CargoCommand(std::ffi::OsString);

impl From<CargoCommand> for Command {
    fn from(cargo: CargoCommand) -> Self {
        let mut command = Self::new(cargo.0);
        command.current_dir(repository::root());
        // `cargo run` describes *this* package to its child. Passed on, the description would look like a changed
        // environment to build scripts, and build what is already built.
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
                command.env_remove(name);
            }
        }
        command
    }
}

/// Runs `command` to its end. True when it succeeded.
pub(crate) fn run(mut command: Command) -> anyhow::Result<(bool, Tally)> {
    let tally = Mutex::new(Tally::default());
    if std::io::stderr().is_terminal() {
        command.env("CARGO_TERM_COLOR", "always"); // our pipe would else turn colours off
    }
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().with_context(|| format!("could not start {program}"))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    std::thread::scope(|scope| {
        if let Some(stdout) = stdout {
            scope.spawn(|| pass_on(stdout, std::io::stdout(), &tally));
        }
        if let Some(stderr) = stderr {
            scope.spawn(|| pass_on(stderr, std::io::stderr(), &tally));
        }
    });
    let succeeded = child.wait().with_context(|| format!("lost {program}"))?.success();
    Ok((succeeded, tally.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)))
}

fn pass_on(from: impl Read, mut to: impl Write, tally: &Mutex<Tally>) {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    // A reader that fails ends like one that is through: what is lost is only display.
    while from.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
        let _ = to.write_all(&line);
        if let Some(found) = read_summary(&without_colours(&String::from_utf8_lossy(&line))) {
            *tally.lock().unwrap_or_else(std::sync::PoisonError::into_inner) += found;
        }
        line.clear();
    }
}

/// The tally in one line of output, if it is a summary of nextest, libtest or node's test runner. nextest indents its
/// own summary by five places or more, and by four what a failing test printed: a summary in there has been counted.
fn read_summary(line: &str) -> Option<Tally> {
    let line = line.trim_end();
    let line = if line.trim_start().starts_with("Summary [") { line.trim_start() } else { line };
    let counts = if let Some(rest) = line.strip_prefix("test result: ") {
        rest.split_once(". ")?.1 // ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s
    } else if line.starts_with("Summary [") {
        line.split_once(" run: ")?.1 // Summary [   0.123s] 45 tests run: 44 passed (1 slow), 1 failed, 3 skipped
    } else {
        // `# pass 5` and `# fail 0`, each on a line of its own; with a terminal `ℹ pass 5`
        let (word, count) = line.strip_prefix("# ").or_else(|| line.strip_prefix("ℹ "))?.split_once(' ')?;
        let count = count.parse().ok()?;
        return match word {
            "pass" => Some(Tally { passed: count, ..Tally::default() }),
            "fail" => Some(Tally { failed: count, ..Tally::default() }),
            _ => None,
        };
    };
    let mut tally = Tally::default();
    for part in counts.split([',', ';']) {
        let mut words = part.split_whitespace();
        let (Some(Ok(count)), Some(word)) = (words.next().map(str::parse::<u64>), words.next()) else { continue };
        match word {
            "passed" => tally.passed += count,
            // nextest: a test that ran past its time, or that could not be started, is not among the failed ones
            "failed" | "timed" | "exec" => tally.failed += count,
            _ => {}
        }
    }
    Some(tally)
}

/// The line without ANSI escape sequences.
fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, escape)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        rest = escape.find(|c: char| c.is_ascii_alphabetic()).map_or("", |end| &escape[end + 1..]);
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(line: &str) -> Option<(u64, u64)> {
        read_summary(&without_colours(line)).map(|tally| (tally.passed, tally.failed))
    }

    #[test]
    fn summaries_of_three_runners_are_counted() {
        assert_eq!(tally("test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 9 filtered out; finished in 0.01s"), Some((5, 0)));
        assert_eq!(tally("test result: FAILED. 5 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out"), Some((5, 2)));
        assert_eq!(tally("     Summary [   0.123s] 45 tests run: 42 passed (1 slow), 2 failed, 1 timed out, 3 skipped"), Some((42, 3)));
        assert_eq!(tally("\u{1b}[32;1m     Summary\u{1b}[0m [   1.0s] \u{1b}[1m1\u{1b}[0m test run: 1 passed, 0 skipped"), Some((1, 0)));
        assert_eq!(tally("# pass 12"), Some((12, 0)));
        assert_eq!(tally("ℹ fail 1"), Some((0, 1)));
    }

    #[test]
    fn other_lines_are_no_summaries() {
        for line in [
            "    test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 7 filtered out",
            "running 5 tests",
            "# tests 12",
            "test a::b ... ok",
            "        PASS [   0.005s] x tests::y",
            "# pass over this",
        ] {
            assert_eq!(tally(line), None, "{line}");
        }
    }
}
