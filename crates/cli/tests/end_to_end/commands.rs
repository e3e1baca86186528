//! Commands of the binary that come to an end, one way or another.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The binary, with nothing of this machine's environment in it.
fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_link-peeler"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LINK_PEELER_")) {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Runs a command to its end, which must be a good one; what it printed, a value a line.
pub(crate) fn run(arguments: &[&str]) -> Vec<Value> {
    run_in(&[], arguments).unwrap_or_else(|why| panic!("{why}"))
}

/// As [`run`], with these variables in its environment. `Err`: what it said when it did not end well.
pub(crate) fn run_in(environment: &[(&str, &str)], arguments: &[&str]) -> Result<Vec<Value>, String> {
    let output = command(arguments).envs(environment.iter().copied()).output().unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr).into_owned());
    if !output.status.success() {
        return Err(format!("{arguments:?}: {} {out}{err}", output.status));
    }
    // One value over several lines, or several with one each.
    Ok(serde_json::Deserializer::from_str(&out).into_iter::<Value>().map(Result::unwrap).collect())
}

/// A command that is on its way; killed when it is dropped.
pub(crate) struct Started(Child);

impl Started {
    pub(crate) fn new(arguments: &[&str]) -> Self {
        Self(command(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    /// SIGKILL after so long; whether it was still at work.
    pub(crate) fn kill_after(mut self, moment: Duration) -> bool {
        let began = Instant::now();
        while began.elapsed() < moment {
            std::hint::spin_loop();
        }
        let was_at_work = self.0.try_wait().unwrap().is_none();
        let _ = self.0.kill();
        self.0.wait().unwrap();
        was_at_work
    }

    /// Waits until it has written to a file of this folder whose name begins so, or has ended.
    pub(crate) fn until_it_writes(mut self, folder: &Path, file: &str) -> Self {
        let newest = || {
            let files = std::fs::read_dir(folder).unwrap().flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(file));
            files.filter_map(|entry| entry.metadata().ok()?.modified().ok()).max()
        };
        let before = newest();
        while newest() == before && self.0.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        self
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
