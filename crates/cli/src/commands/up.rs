//! `link-peeler up`: all of it on this machine, nothing to install or configure.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context as _;
use clap::Args;
use desktop::caller_examples::{self, Example};
use desktop::{DEFAULT_CONCURRENCY, PagesListen};
use futures_util::StreamExt as _;
use owo_colors::OwoColorize as _;
use protocol::{Clock as _, SystemClock};
use serde_json::json;

use crate::caller::Caller;
use crate::commands::keys;
use crate::exit::{Ended, Exit, Failure};
use crate::listen::{self, DESKTOP_PORT, LAB_PORT, METRICS_PORT, RELAY_PORT};
use crate::resolver_flags::ResolverFlags;
use crate::up::lab_run::{self, End, Tried};
use crate::up::stack::{Addresses, Plan, Stack};
use crate::{data_dir, output, signals};

#[derive(Args, Debug)]
#[command(after_help = "\
Starts a relay on a SQLite file, a desktop linked to it and the lab; makes an API key; then sends every link of the lab \
through all of it and prints what comes back. A later `up` on the same folder has the same account, desktop and key.

--json prints exactly one line when all is ready: endpoint, keyId, secret, consoleUrl, desktopUrl, labUrl, metricsUrl, dataDir. \
--check exits with 0 when every link ends as it should, with 1 otherwise.

Examples:
  link-peeler up
  link-peeler up --json
  link-peeler up --check")]
pub(crate) struct Arguments {
    /// Data folder; by default this user's own
    #[arg(long, value_name = "FOLDER", conflicts_with = "check")]
    data_dir: Option<PathBuf>,
    /// Where the relay listens; by default 127.0.0.1:7335, or any port when that is taken
    #[arg(long, value_name = "ADDR:PORT", conflicts_with = "check")]
    listen: Option<SocketAddr>,
    /// Where the lab listens; by default 127.0.0.1:7336, or any port when that is taken
    #[arg(long, value_name = "ADDR:PORT", conflicts_with = "check")]
    lab_listen: Option<SocketAddr>,
    /// Where metrics are served; by default 127.0.0.1:7337, or any port when that is taken
    #[arg(long, value_name = "ADDR:PORT", conflicts_with = "check")]
    metrics_listen: Option<SocketAddr>,
    /// Where the desktop's pages listen; by default 127.0.0.1:7338, or any port when that is taken
    #[arg(long, value_name = "ADDR:PORT", conflicts_with = "check")]
    pages_listen: Option<SocketAddr>,
    /// Print one line of JSON when all is ready, and send nothing
    #[arg(long)]
    json: bool,
    /// Send the lab's links in a temporary folder on free ports, say what differs, and end
    #[arg(long)]
    check: bool,
    /// Jobs at once
    #[arg(short, long, value_name = "N", default_value_t = DEFAULT_CONCURRENCY as u16, value_parser = clap::value_parser!(u16).range(1..=512))]
    concurrency: u16,
    #[command(flatten)]
    resolver: ResolverFlags,
}

pub(crate) async fn run(arguments: Arguments) -> Ended {
    if arguments.check {
        return check(&arguments).await;
    }
    let plan = Plan {
        data_dir: data_dir::root(arguments.data_dir.clone())?,
        relay_listen: listen::choose(arguments.listen, RELAY_PORT),
        lab_listen: listen::choose(arguments.lab_listen, LAB_PORT),
        metrics_listen: listen::choose(arguments.metrics_listen, METRICS_PORT),
        pages: arguments.pages_listen.map_or(PagesListen::Usually(listen::loopback(DESKTOP_PORT)), PagesListen::On),
        concurrency: usize::from(arguments.concurrency),
        settings: arguments.settings()?,
    };
    let stack = Stack::start(plan).await?;
    let ended = tokio::select! {
        stopped = signals::stop_requested() => stopped.map_err(Failure::from),
        ended = show(&stack, arguments.json) => ended,
    };
    stack.shutdown().await;
    ended.map(|()| Exit::Ok)
}

impl Arguments {
    fn settings(&self) -> Result<resolver::Settings, Failure> {
        self.resolver.settings(usize::from(self.concurrency), None)
    }
}

/// Prints, and then waits for the end that comes from outside.
async fn show(stack: &Stack, as_json: bool) -> Result<(), Failure> {
    let addresses = stack.addresses();
    if as_json {
        output::json(&addresses)?;
        note_shown(stack).await?;
        return std::future::pending().await;
    }
    introduce(stack, &addresses)?;
    note_shown(stack).await?;
    let began = Instant::now();
    let (total, different) =
        try_lab(stack, &addresses, |tried, difference| output::line(&tried_line(tried, difference)).map_err(Failure::from)).await?;
    let verdict = match different.len() {
        0 => format!("{total} links in {:.1} s, every one as it should be.", began.elapsed().as_secs_f64()),
        count => format!("{total} links in {:.1} s; {count} did not end as they should.", began.elapsed().as_secs_f64()),
    };
    output::line(&format!("\n{}\nUp until Ctrl-C.", verdict.bold()))?;
    std::future::pending().await
}

/// The secret has been printed: `keys list` should not say that nobody has seen it.
async fn note_shown(stack: &Stack) -> Result<(), Failure> {
    let keys = stack.desktop.keys().map_err(keys::failure)?;
    keys.note_shown(&stack.key.key_id).await.map_err(keys::failure)
}

fn introduce(stack: &Stack, addresses: &Addresses) -> Result<(), Failure> {
    let shown = stack.lab.cases().iter().find(|case| case.name == "chain-302-3").unwrap_or(&stack.lab.cases()[0]);
    let tracking_url = stack.lab.tracking_url(shown);
    let example =
        Example { endpoint: &addresses.endpoint, key_id: &stack.key.key_id, secret: &stack.key.secret, tracking_url: &tracking_url };
    let label = |text: &str| format!("  {text:<9}").dimmed().to_string();
    output::line(&"Link Peeler is up.\n".bold().to_string())?;
    output::line(&format!("{}{}", label("endpoint"), addresses.endpoint))?;
    output::line(&format!("{}{}", label("key"), addresses.key_id))?;
    output::line(&format!("{}{}", label("secret"), addresses.secret))?;
    output::line(&format!("{}{}", label("console"), addresses.console_url))?;
    if let Some(desktop_url) = &addresses.desktop_url {
        output::line(&format!("{}{desktop_url}", label("desktop")))?;
    }
    output::line(&format!("{}{}/", label("lab"), addresses.lab_url))?;
    if let Some(metrics_url) = &addresses.metrics_url {
        output::line(&format!("{}{metrics_url}", label("metrics")))?;
    }
    output::line(&format!("{}{}", label("data"), addresses.data_dir.display()))?;
    output::line(&format!("\n{}\n\n{}", "Call it from Node:".bold(), caller_examples::node(&example)))?;
    output::line(&format!("\n{}\n\n{}", "or with curl:".bold(), caller_examples::curl(&example)))?;
    output::line(&format!("\n{}\n", format!("The lab's {} links, through all of it:", stack.lab.cases().len()).bold()))?;
    if !stack.has_browser {
        output::note("No Chrome, Chromium or Edge is used here: links that need one conclude as context_unavailable.");
    }
    if stack.desktop.status().paused {
        // It stays so over restarts: somebody paused it days ago, perhaps.
        let folder = stack.data_dir.display();
        output::note(&format!(
            "The desktop is paused, and the links wait until it takes jobs again: link-peeler desktop resume --data-dir '{folder}'"
        ));
    }
    Ok(())
}

/// Sends the lab's links; `each` sees every one as it ends. Returns how many there were and what differed.
async fn try_lab(
    stack: &Stack,
    addresses: &Addresses,
    mut each: impl FnMut(&Tried, Option<&str>) -> Result<(), Failure>,
) -> Result<(usize, Vec<(&'static str, String)>), Failure> {
    let caller = Caller::new(&addresses.endpoint, stack.key.key_id.clone(), stack.key.secret.clone())?;
    let run = SystemClock.now().0.to_string();
    let (mut total, mut different) = (0, Vec::new());
    let mut tried = std::pin::pin!(lab_run::all(&stack.lab, &stack.relay, &caller, &run));
    while let Some(one) = tried.next().await {
        let one = one?;
        let difference = one.difference(&addresses.lab_url, stack.has_browser);
        each(&one, difference.as_deref())?;
        total += 1;
        different.extend(difference.map(|difference| (one.case.name, difference)));
    }
    Ok((total, different))
}

fn tried_line(tried: &Tried, difference: Option<&str>) -> String {
    let mark = if difference.is_some() { "✗".red().to_string() } else { "✓".green().to_string() };
    let (end, facts) = match &tried.end {
        End::Concluded(result) => {
            let (hops, took) = (result.hops.len(), result.duration_ms);
            let hops = if hops == 1 { "1 hop".to_owned() } else { format!("{hops} hops") };
            let padded = format!("{:<20}", result.conclusion.code());
            (padded.replace(result.conclusion.code(), &output::conclusion(result.conclusion)), format!("{hops:>7} {took:>6} ms"))
        }
        End::Refused(code) => (format!("{code:<20}"), format!("{:>17}", "at the door")),
        End::Unfinished(state) => (format!("{state:<20}"), format!("{:>17}", "no end")),
    };
    let mut line = format!("{mark} {:<22} {end} {facts}  {}", tried.case.name, tried.case.description.dimmed());
    if let Some(difference) = difference {
        line.push_str(&format!("\n    {}", difference.red()));
    }
    line
}

async fn check(arguments: &Arguments) -> Ended {
    let folder = tempfile::tempdir().context("a temporary folder")?;
    let plan = Plan {
        data_dir: folder.path().to_owned(),
        relay_listen: listen::loopback(0),
        lab_listen: listen::loopback(0),
        metrics_listen: listen::loopback(0),
        pages: PagesListen::On(listen::loopback(0)),
        concurrency: usize::from(arguments.concurrency),
        settings: arguments.settings()?,
    };
    let began = Instant::now();
    let stack = Stack::start(plan).await?;
    let addresses = stack.addresses();
    let print = |tried: &Tried, difference: Option<&str>| match difference {
        Some(difference) if !arguments.json => Ok(output::line(&format!("{}: {difference}", tried.case.name.bold()))?),
        _ => Ok(()),
    };
    let tried = tokio::select! {
        stopped = signals::stop_requested() => { stopped?; None }
        tried = try_lab(&stack, &addresses, print) => Some(tried),
    };
    stack.shutdown().await;
    let Some(tried) = tried else { return Ok(Exit::Inconclusive) };
    let (total, different) = tried?;
    if arguments.json {
        let differences: Vec<_> = different.iter().map(|(name, difference)| json!({"case": name, "difference": difference})).collect();
        output::json(
            &json!({"ok": different.is_empty(), "links": total, "differences": differences, "seconds": began.elapsed().as_secs_f64()}),
        )?;
    } else {
        let seconds = began.elapsed().as_secs_f64();
        output::line(&format!("{} of {total} links ended as they should ({seconds:.1} s)", total - different.len()))?;
    }
    Ok(if different.is_empty() { Exit::Ok } else { Exit::No })
}
