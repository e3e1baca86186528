//! playwright-core, where node can find it: pages as its users load them, each link in a fresh context.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Deserialize;
use serde_json::json;

use super::process;
use super::site::PAGE;

/// What node runs.
const SCRIPT: &str = include_str!("playwright.js");

/// A playwright that can be run.
pub(super) struct Playwright {
    node: PathBuf,
    node_path: OsString,
    version: String,
}

/// When playwright takes a page for loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Until {
    /// Its load event: playwright's default. What scripts do after it is missed.
    Load,
    /// Nothing asked for during 500 ms: as long as the browser engine waits for what may still move the page.
    Quiet,
}

impl Until {
    /// As the benchmark names it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Quiet => "quiet",
        }
    }

    fn playwrights_word(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Quiet => "networkidle",
        }
    }
}

/// What came of a list.
#[derive(Debug, Deserialize)]
pub(super) struct Outcome {
    /// Links that ended at their page.
    pub(super) reached: usize,
    /// Milliseconds from the first link to the last.
    elapsed_ms: f64,
    /// Milliseconds of each link, in order.
    times_ms: Vec<f64>,
}

impl Playwright {
    /// Looks in a folder's `node_modules` and on `NODE_PATH`; `Err` is the reason why there is none, for a person.
    pub(super) fn find(folder: &Path) -> Result<Self, String> {
        let node = process::find("node", &[]).ok_or("node is not installed")?;
        let given = [folder.join("node_modules"), folder.to_owned()].into_iter();
        let inherited = std::env::var_os("NODE_PATH").unwrap_or_default();
        let node_path = std::env::join_paths(given.chain(std::env::split_paths(&inherited))).map_err(|error| error.to_string())?;
        let ask = "process.stdout.write(require('playwright-core/package.json').version)";
        let said = Command::new(&node).args(["-e", ask]).env("NODE_PATH", &node_path).output().map_err(|error| error.to_string())?;
        if !said.status.success() {
            return Err(format!("node finds no playwright-core: `npm ci --prefix {}`", folder.display()));
        }
        Ok(Self { node, node_path, version: String::from_utf8_lossy(&said.stdout).into_owned() })
    }

    /// Its version.
    pub(super) fn version(&self) -> &str {
        &self.version
    }

    /// Loads all links, so many at once.
    pub(super) fn run(&self, browser: &Path, links: &[String], at_once: usize, until: Until) -> anyhow::Result<Outcome> {
        let task = json!({"executable": browser, "links": links, "atOnce": at_once, "waitUntil": until.playwrights_word(), "page": PAGE});
        let mut command = Command::new(&self.node);
        command.args(["-e", SCRIPT, "--"]).arg(task.to_string()).env("NODE_PATH", &self.node_path);
        let ran = process::run(&mut command).context("node")?;
        if !ran.status.success() {
            bail!("playwright ended with {}: {}", ran.status, ran.complaints);
        }
        serde_json::from_str(&ran.output).context("playwright's outcome")
    }
}

impl Outcome {
    /// From the first link to the last, without what it took to start.
    pub(super) fn elapsed(&self) -> Duration {
        Duration::from_secs_f64(self.elapsed_ms / 1_000.0)
    }

    /// Time of each link.
    pub(super) fn times(&self) -> impl Iterator<Item = Duration> {
        self.times_ms.iter().map(|ms| Duration::from_secs_f64(ms / 1_000.0))
    }
}
