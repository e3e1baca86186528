//! The programs that links are resolved with elsewhere, each as its users would tune it for this.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use serde_json::Value;

use super::process::{self, Ran};
use super::site::HOPS;

/// Transfers of curl at once: its maximum.
const CURL_AT_ONCE: &str = "300";
/// Requests of lychee at once, and to one host.
const LYCHEE_AT_ONCE: &str = "256";

/// curl, which follows redirects and keeps no evidence.
pub(super) struct Curl {
    executable: PathBuf,
    config: PathBuf,
}

impl Curl {
    /// curl and its list; `None` when it is not installed.
    pub(super) fn prepare(folder: &Path, links: &[String]) -> anyhow::Result<Option<Self>> {
        let Some(executable) = process::find("curl", &[]) else { return Ok(None) };
        let mut text = String::from("silent\nshow-error\nlocation\nwrite-out = \"%{http_code} %{num_redirects}\\n\"\n");
        for link in links {
            let _ = writeln!(text, "url = \"{link}\"\noutput = \"/dev/null\"");
        }
        let config = folder.join("curl.conf");
        fs::write(&config, text)?;
        Ok(Some(Self { executable, config }))
    }

    /// All links once; how many ended at their page.
    pub(super) fn run(&self) -> anyhow::Result<(usize, Ran)> {
        let mut command = Command::new(&self.executable);
        command.args(["--disable", "--parallel", "--parallel-max", CURL_AT_ONCE, "--config"]).arg(&self.config);
        let ran = process::run(&mut command).context("curl")?;
        let whole = format!("200 {}", HOPS - 1);
        Ok((ran.output.lines().filter(|line| *line == whole).count(), ran))
    }
}

/// lychee, which checks links and says where they end.
pub(super) struct Lychee {
    executable: PathBuf,
    list: PathBuf,
    /// Its newer versions hold back for each host's sake unless told otherwise.
    paces_hosts: bool,
}

impl Lychee {
    /// lychee and its list; `None` when it is not installed.
    pub(super) fn prepare(list: &Path) -> anyhow::Result<Option<Self>> {
        let Some(executable) = process::find("lychee", &[]) else { return Ok(None) };
        let help = Command::new(&executable).arg("--help").output().context("lychee")?;
        let paces_hosts = String::from_utf8_lossy(&help.stdout).contains("--host-request-interval");
        Ok(Some(Self { executable, list: list.to_owned(), paces_hosts }))
    }

    /// All links once; how many it took for good.
    pub(super) fn run(&self) -> anyhow::Result<(usize, Ran)> {
        let mut command = Command::new(&self.executable);
        command.args(["--no-progress", "--format", "json", "--max-concurrency", LYCHEE_AT_ONCE, "--max-redirects", "10"]);
        if self.paces_hosts {
            command.args(["--host-concurrency", LYCHEE_AT_ONCE, "--host-request-interval", "0ms"]);
        }
        let ran = process::run(command.arg(&self.list)).context("lychee")?;
        let report: Value = serde_json::from_str(&ran.output).with_context(|| format!("lychee said: {}", ran.complaints))?;
        Ok((taken_for_good(&report), ran))
    }
}

/// Versions differ in whether a redirected link counts as successful, but not in what is none.
fn taken_for_good(report: &Value) -> usize {
    let count = |member: &str| report.get(member).and_then(Value::as_u64).and_then(|count| usize::try_from(count).ok()).unwrap_or(0);
    let bad = ["errors", "timeouts", "unknown", "unsupported", "excludes"].map(count).iter().sum();
    count("total").saturating_sub(bad)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn redirected_links_are_good_ones_in_every_version_of_lychee() {
        assert_eq!(taken_for_good(&json!({"total": 9, "successful": 8, "redirects": 8, "errors": 1})), 8);
        assert_eq!(taken_for_good(&json!({"total": 9, "successful": 0, "redirects": 7, "errors": 1, "timeouts": 1})), 7);
    }
}
