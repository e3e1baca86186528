//! Other queues on PostgreSQL, on the same server in the same run. They are libraries: what they do is compared with the
//! store's operations, not with HTTP. None of them keeps a result, a row, a nonce or a quota.

use std::process::Command;

use anyhow::{Context, bail};
use serde::Deserialize;
use serde_json::json;
use testkit::postgres::create_database;

use super::Arguments;
use super::rates::{Best, COMPARED_SUBMITTERS};

/// The peers' scripts.
const PEERS: &[&str] = &["pg-boss", "graphile-worker"];
/// Loops that fetch and complete at once, as graphile-worker's own benchmark has them.
const WORKERS: usize = 24;
/// Jobs a fetch; each peer is judged by its best.
const BATCHES: &[u32] = &[100, 500];
/// Jobs that each batch size works on, for a second.
const WORK_A_SECOND: u64 = 30_000;

/// What a peer's script prints.
#[derive(Deserialize)]
struct Outcome {
    version: String,
    /// Single inserts a second.
    inserted: f64,
    /// Jobs fetched and completed a second.
    worked: f64,
}

/// Measures those that are installed, beside ours of the same run.
pub(super) fn measure(arguments: &Arguments, server: &str, ours: Best) -> anyhow::Result<String> {
    let mut text = "\nbeside other queues, through their own clients\n".to_owned();
    text += &format!("{:<28}{:>26}{:>30}\n", "queue", "single inserts a second", "fetched and completed a second");
    text += &format!("{:<28}{:>26.0}{:>30.0}\n", "ours (operations)", ours.admitted, ours.worked);
    for peer in PEERS {
        if !arguments.peers.join("node_modules").join(peer).exists() {
            text += &format!("{peer}: not installed (`npm ci --prefix {}`)\n", arguments.peers.display());
            continue;
        }
        eprintln!("{peer}");
        let Outcome { version, inserted, worked } = run(arguments, server, peer)?;
        text += &format!(
            "{:<28}{:>26}{:>30}\n",
            format!("{peer} {version}"),
            format!("{inserted:.0} (ours: {:.1} times)", ours.admitted / inserted),
            format!("{worked:.0} (ours: {:.2} times)", ours.worked / worked)
        );
    }
    Ok(text)
}

fn run(arguments: &Arguments, server: &str, peer: &str) -> anyhow::Result<Outcome> {
    let task = json!({
        "url": create_database(server)?,
        "submitters": COMPARED_SUBMITTERS,
        "workers": WORKERS,
        "seconds": arguments.seconds,
        "jobs": arguments.seconds * WORK_A_SECOND,
        "batches": BATCHES,
        "payload": {"trackingUrl": "https://trk.example/click?offer=1&sub=0123456789abcdef", "source": "platform_api", "rowId": "offer-1"},
    });
    let script = arguments.peers.join(format!("{peer}.mjs"));
    let ran = Command::new("node").arg(&script).arg(task.to_string()).output().context("node cannot be run")?;
    if !ran.status.success() {
        bail!("{peer} ended with {}: {}", ran.status, String::from_utf8_lossy(&ran.stderr));
    }
    serde_json::from_slice(&ran.stdout).with_context(|| format!("{peer} printed something else"))
}
