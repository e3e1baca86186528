//! The binary as a process that says what happens in lines of JSON.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long a condition may take to hold: generous, since a busy machine is no fault.
const PATIENCE: Duration = Duration::from_secs(60);

/// Looks again and again until something is there.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "waited {PATIENCE:?} until {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A running process of the binary; killed when it is dropped.
pub(crate) struct Process {
    child: Child,
    said: Arc<Mutex<Vec<Value>>>,
}

impl Process {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        // Never the keychain of whoever runs the tests.
        Self::start_in(&[("LINK_PEELER_SECRETS", "file")], arguments)
    }

    /// With another home than the one of whoever runs the tests.
    #[allow(dead_code, reason = "for the tests of pages, which share this")]
    pub(crate) fn start_at(home: &Path, arguments: &[&str]) -> Self {
        let home = home.to_str().expect("a temporary folder's name is text");
        Self::start_in(&[("LINK_PEELER_SECRETS", "file"), ("HOME", home), ("XDG_CONFIG_HOME", "")], arguments)
    }

    /// With these variables in its environment.
    pub(crate) fn start_in(environment: &[(&str, &str)], arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_link-peeler"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LINK_PEELER_")) {
            command.env_remove(name);
        }
        command.envs(environment.iter().copied());
        let mut child = command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let said = Arc::<Mutex<Vec<Value>>>::default();
        let (lines, heard) = (BufReader::new(child.stdout.take().unwrap()), Arc::clone(&said));
        std::thread::spawn(move || {
            // A process that is killed may leave half a line behind.
            for line in lines.lines().map_while(Result::ok) {
                heard.lock().unwrap().extend(serde_json::from_str::<Value>(&line));
            }
        });
        Self { child, said }
    }

    /// What it has said that fits, so far.
    pub(crate) fn said(&self, fits: impl Fn(&Value) -> bool) -> Vec<Value> {
        self.said.lock().unwrap().iter().filter(|said| fits(said)).cloned().collect()
    }

    /// Waits until it says something that fits.
    pub(crate) async fn says(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        until(what, async || self.said(&fits).into_iter().next()).await
    }

    /// Waits until it says that something has happened, to this job.
    pub(crate) async fn tells(&self, event: &str, job_id: &Value) -> Value {
        self.says(&format!("{event} of {job_id}"), |said| said["event"] == event && said["jobId"] == *job_id).await
    }

    /// SIGKILL: nothing is finished, nothing is said.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// SIGTERM, and waits for its end in order.
    pub(crate) fn stop(mut self) {
        self.signal("TERM");
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
