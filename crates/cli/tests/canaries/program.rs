//! Programs of ours whose every word is kept: standard output and standard error in files, at the most talkative level.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use crate::process::until;

/// The binary, without variables of ours that this test was started with.
fn command(arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_link-peeler"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LINK_PEELER_")) {
        command.env_remove(name);
    }
    command.args(["--log", "trace"]).args(arguments).envs(environment.iter().copied()).stdin(Stdio::null());
    command
}

/// Runs a command to its end. What it says on standard error is kept among the logs.
pub(crate) fn run(logs: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let Output { status, stdout, stderr } = command(arguments, environment).output().unwrap();
    let number = std::fs::read_dir(logs).unwrap().count();
    std::fs::write(logs.join(format!("command-{number}.stderr")), &stderr).unwrap();
    assert!(status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

/// A program that runs; killed when it is dropped.
pub(crate) struct Program {
    child: Child,
    stdout: PathBuf,
}

impl Program {
    pub(crate) fn start(logs: &Path, name: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let stdout = logs.join(format!("{name}.stdout"));
        let mut command = command(arguments, environment);
        command.stdout(File::create(&stdout).unwrap()).stderr(File::create(logs.join(format!("{name}.stderr"))).unwrap());
        Self { child: command.spawn().unwrap(), stdout }
    }

    /// Waits until it says something that has this member, and returns it.
    pub(crate) async fn says(&self, member: &str) -> Value {
        let what = format!("{} says {member}", self.stdout.display());
        let said = until(&what, async || {
            let text = std::fs::read_to_string(&self.stdout).unwrap_or_default();
            let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            lines.map(|line| line[member].clone()).find(|value| !value.is_null())
        });
        said.await
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// SIGTERM, and waits for its end in order.
    pub(crate) fn stop(mut self) {
        assert!(Command::new("kill").arg(self.id().to_string()).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A process and all that it has started, with what it started.
pub(crate) fn family(first: u32) -> Vec<u32> {
    let mut family = vec![first];
    let mut at = 0;
    while at < family.len() {
        let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", family[at])).unwrap_or_default();
        // A thread that is not the first may have started some.
        let of_threads = std::fs::read_dir(format!("/proc/{}/task", family[at])).into_iter().flatten().flatten();
        let of_threads = of_threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
        for child in of_threads.chain([children]).flat_map(|text| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>()) {
            let child = child.parse().unwrap();
            if !family.contains(&child) {
                family.push(child);
            }
        }
        at += 1;
    }
    family
}
