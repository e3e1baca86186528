//! `link-peeler desktop` in a folder that it keeps over its deaths.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::process::Process;
use crate::relay::Relay;

pub(crate) struct Desktop {
    pub(crate) process: Process,
    arguments: Vec<String>,
    /// What its earlier lives have said of results that were settled.
    settled_before: Vec<Value>,
    _folder: PathBuf,
}

impl Desktop {
    /// A desktop of its own folder that may resolve links of these sites, linked.
    pub(crate) async fn start(relay: &Relay, folder: &Path, sites: &[SocketAddr]) -> Self {
        let mut arguments: Vec<String> =
            ["desktop", "--json", "--no-browser", "--pace", "0", "--concurrency", "8", "--relay"].map(str::to_owned).into();
        arguments.extend([relay.url(), "--data-dir".to_owned(), folder.to_str().unwrap().to_owned()]);
        arguments.extend(sites.iter().flat_map(|site| ["--allow".to_owned(), site.to_string()]));
        let process = spawn(&arguments);
        let code = process.says("a desktop shows its code", |said| said["event"] == "code").await;
        relay.approve(code["userCode"].as_str().unwrap()).await;
        process.says("a desktop is linked", |said| said["event"] == "started").await;
        Self { process, arguments, settled_before: Vec::new(), _folder: folder.to_owned() }
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// The same desktop again: it knows its link, and what waits in its outbox.
    pub(crate) async fn start_again(&mut self) {
        self.settled_before = self.settled();
        self.process = spawn(&self.arguments);
        self.process.says("a desktop has started", |said| said["event"] == "started").await;
    }

    /// What it and its earlier lives have said of results that were settled.
    pub(crate) fn settled(&self) -> Vec<Value> {
        let now = self.process.said(|said| said["event"] == "settled");
        self.settled_before.iter().cloned().chain(now).collect()
    }
}

fn spawn(arguments: &[String]) -> Process {
    Process::start(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}
