//! `cargo xtask test`: everything that must hold before a change goes in, from quick to slow. Every stage runs even
//! when an earlier one failed, so that one run shows all there is to mend.

use std::process::{Command, Stdio};
use std::time::Instant;

use crate::runner::{Tally, cargo};
use crate::{metadata, needs, runner, tidy};

/// The integration tests that start the binary and look at it from outside: they run last.
const END_TO_END: &str = "shell";

/// One stage of the run, over.
struct Stage {
    name: &'static str,
    passed: bool,
    seconds: f64,
    tally: Tally,
}

/// Runs all stages; true when everything passed.
pub(crate) fn run() -> anyhow::Result<bool> {
    needs::ensure()?;
    let with_nextest = cargo_has("nextest");
    let tests = TestTargets::of(&metadata::packages()?);
    let mut stages = vec![
        stage("format", || runner::run(cargo_with(&["fmt", "--all", "--check"])))?,
        stage("tidy", || Ok((tidy::run()?, Tally::default())))?,
        stage("clippy", || runner::run(cargo_with(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "--deny", "warnings"])))?,
    ];
    if cargo_has("deny") {
        // Without advisories: those change by the day, and an old commit must not turn red overnight.
        stages.push(stage("deny", || runner::run(cargo_with(&["deny", "check", "licenses", "bans", "sources"])))?);
    }
    stages.push(stage("tests", || runner::run(tests.quick(with_nextest)))?);
    // Always the whole workspace: a selection of packages would unify features differently and compile them again.
    stages.push(stage("doc tests", || runner::run(cargo_with(&["test", "--workspace", "--doc", "--quiet", "--no-fail-fast"])))?);
    if tests.has_end_to_end {
        stages.push(stage("end to end", || runner::run(tests.end_to_end(with_nextest)))?);
    }
    Ok(summarise(&stages))
}

fn stage(name: &'static str, run: impl FnOnce() -> anyhow::Result<(bool, Tally)>) -> anyhow::Result<Stage> {
    println!("── {name}");
    let started = Instant::now();
    let (passed, tally) = run()?;
    Ok(Stage { name, passed, seconds: started.elapsed().as_secs_f64(), tally })
}

/// Prints a line a stage and the line that counts; true when everything passed.
fn summarise(stages: &[Stage]) -> bool {
    println!();
    let mut total = Tally::default();
    for stage in stages {
        println!("{}", stage.line());
        total += stage.tally;
        // A stage that fails without a failed test (a lint, code that does not compile) is one failure: the last line
        // never says that nothing failed when something did.
        total.failed += u64::from(!stage.passed && stage.tally.failed == 0);
    }
    println!("{} passed, {} failed", total.passed, total.failed);
    stages.iter().all(|stage| stage.passed)
}

impl Stage {
    fn line(&self) -> String {
        let verdict = if self.passed { "ok" } else { "FAILED" };
        let Tally { passed, failed } = self.tally;
        let mut line = format!("{:<12}{verdict:<8}{:>7.1} s", self.name, self.seconds);
        if self.tally != Tally::default() {
            line += &format!("   {passed} passed, {failed} failed");
        }
        line
    }
}

fn cargo_with(arguments: &[&str]) -> Command {
    let mut command = Command::from(cargo());
    command.args(arguments);
    command
}

fn cargo_has(subcommand: &str) -> bool {
    let mut command = cargo_with(&[subcommand, "--version"]);
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// The integration tests of the workspace, by name.
struct TestTargets {
    quick: Vec<String>,
    has_end_to_end: bool,
}

impl TestTargets {
    fn of(packages: &[metadata::Package]) -> Self {
        let tests = packages.iter().flat_map(|package| &package.targets).filter(|target| target.kind == "test");
        let mut quick: Vec<_> = tests.map(|target| target.name.clone()).collect();
        quick.sort();
        quick.dedup();
        let all = quick.len();
        quick.retain(|name| name != END_TO_END);
        Self { has_end_to_end: quick.len() < all, quick }
    }

    fn quick(&self, with_nextest: bool) -> Command {
        if with_nextest {
            return cargo_with(&["nextest", "run", "--workspace", "--no-fail-fast", "-E", &format!("not binary({END_TO_END})")]);
        }
        let mut command = cargo_with(&["test", "--workspace", "--no-fail-fast", "--quiet", "--lib", "--bins"]);
        for name in &self.quick {
            command.args(["--test", name]);
        }
        command
    }

    fn end_to_end(&self, with_nextest: bool) -> Command {
        if with_nextest {
            return cargo_with(&["nextest", "run", "--workspace", "--no-fail-fast", "-E", &format!("binary({END_TO_END})")]);
        }
        cargo_with(&["test", "--workspace", "--no-fail-fast", "--quiet", "--test", END_TO_END])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(passed: bool, tally: Tally) -> Stage {
        Stage { name: "tests", passed, seconds: 1.25, tally }
    }

    #[test]
    fn a_stage_is_summed_up_in_a_line() {
        let tally = Tally { passed: 40, failed: 2 };
        assert_eq!(ended(false, tally).line(), "tests       FAILED      1.2 s   40 passed, 2 failed");
        assert_eq!(ended(true, Tally::default()).line(), "tests       ok          1.2 s");
    }

    #[test]
    fn one_failed_stage_fails_the_run() {
        let passed = || ended(true, Tally { passed: 1, failed: 0 });
        assert!(summarise(&[passed(), passed()]));
        assert!(!summarise(&[passed(), ended(false, Tally::default())]));
    }
}
