//! `cargo xtask test`: everything that must hold before a change goes in, from quick to slow. Every stage runs even
//! when an earlier one failed, so that one run shows all there is to mend.

use std::process::{Command, Stdio};
use std::time::Instant;

use testkit::postgres::{SERVER_VARIABLE, Server};

use crate::runner::{Tally, cargo};
use crate::{metadata, needs, runner, schemathesis, tidy};

/// The room whose integration tests start the binary and look at it from outside: they run last.
const END_TO_END_ROOM: &str = "cli";

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
    schemathesis::ensure()?;
    // One server for all tests: each would else start its own, and most of the time of a quick test would be that.
    let server = Server::start(&["fsync=off", "max_connections=400"])?;
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
    stages.push(stage("tests", || runner::run(with_server(tests.quick(with_nextest), &server)))?);
    // Always the whole workspace: a selection of packages would unify features differently and compile them again.
    stages.push(stage("doc tests", || runner::run(cargo_with(&["test", "--workspace", "--doc", "--quiet", "--no-fail-fast"])))?);
    if !tests.end_to_end.is_empty() {
        stages.push(stage("end to end", || runner::run(with_server(tests.end_to_end(with_nextest), &server)))?);
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

fn with_server(mut command: Command, server: &Server) -> Command {
    command.env(SERVER_VARIABLE, server.url());
    command
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

/// The integration tests of the workspace, by name. A name alone tells which they are: no two rooms may share one.
struct TestTargets {
    quick: Vec<String>,
    end_to_end: Vec<String>,
}

impl TestTargets {
    fn of(packages: &[metadata::Package]) -> Self {
        let tests_of = |package: &metadata::Package| {
            let tests = package.targets.iter().filter(|target| target.kind == "test");
            tests.map(|target| target.name.clone()).collect::<Vec<_>>()
        };
        let (end_to_end, quick): (Vec<_>, Vec<_>) = packages.iter().partition(|package| package.room == END_TO_END_ROOM);
        Self { quick: quick.into_iter().flat_map(tests_of).collect(), end_to_end: end_to_end.into_iter().flat_map(tests_of).collect() }
    }

    fn quick(&self, with_nextest: bool) -> Command {
        if with_nextest {
            return nextest(&format!("not ({})", self.end_to_end_filter()));
        }
        let mut command = cargo_with(&["test", "--workspace", "--no-fail-fast", "--quiet", "--lib", "--bins"]);
        command.args(named(&self.quick));
        command
    }

    fn end_to_end(&self, with_nextest: bool) -> Command {
        if with_nextest {
            return nextest(&self.end_to_end_filter());
        }
        let mut command = cargo_with(&["test", "--workspace", "--no-fail-fast", "--quiet"]);
        command.args(named(&self.end_to_end));
        command
    }

    fn end_to_end_filter(&self) -> String {
        let binaries: Vec<_> = self.end_to_end.iter().map(|name| format!("binary(={name})")).collect();
        if binaries.is_empty() { "none()".to_owned() } else { binaries.join(" or ") }
    }
}

/// All tests of the workspace are built, whatever the filter: what the next stage runs is then there already.
fn nextest(filter: &str) -> Command {
    cargo_with(&["nextest", "run", "--workspace", "--no-fail-fast", "--filterset", filter])
}

fn named(tests: &[String]) -> impl Iterator<Item = &str> {
    tests.iter().flat_map(|name| ["--test", name.as_str()])
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
    fn the_tests_of_the_binary_are_apart_from_the_others() {
        let target = |name: &str, kind: &str| metadata::Target { name: name.to_owned(), kind: kind.to_owned(), path: String::new() };
        let package =
            |room: &str, targets| metadata::Package { room: room.to_owned(), folder: String::new(), dependencies: vec![], targets };
        let tests = TestTargets::of(&[
            package("store", vec![target("store", "lib"), target("conformance", "test")]),
            package("cli", vec![target("link-peeler", "bin"), target("shell", "test"), target("killed_relays", "test")]),
        ]);
        assert_eq!((tests.quick.join(" "), tests.end_to_end.join(" ")), ("conformance".to_owned(), "shell killed_relays".to_owned()));
        assert_eq!(tests.end_to_end_filter(), "binary(=shell) or binary(=killed_relays)");
    }

    #[test]
    fn one_failed_stage_fails_the_run() {
        let passed = || ended(true, Tally { passed: 1, failed: 0 });
        assert!(summarise(&[passed(), passed()]));
        assert!(!summarise(&[passed(), ended(false, Tally::default())]));
    }
}
