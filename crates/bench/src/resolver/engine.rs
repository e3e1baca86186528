//! Our side of every comparison: a process that makes a resolver, resolves a list and ends, so that start, memory and
//! processor time are counted as those of the programs beside it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use protocol::{Conclusion, Context, EngineChoice, JobResult};
use resolver::guard::Exceptions;
use resolver::{BrowserChoice, Budgets, ResolveRequest, Resolver, Settings};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::process;
use super::site::{HOPS, PAGE};

/// What to resolve, and how.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// File with a link a line.
    #[arg(long)]
    list: PathBuf,
    /// Links at once.
    #[arg(long)]
    at_once: usize,
    /// Resolves with this browser instead of the HTTP engine.
    #[arg(long)]
    browser: Option<PathBuf>,
}

/// What came of a list.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Outcome {
    /// Links that ended at their page, with evidence of every hop.
    pub(super) reached: usize,
    /// From the first link to the last, without what it took to start.
    pub(super) elapsed: Duration,
    /// Time of each link, in order.
    pub(super) times: Vec<Duration>,
    /// The most memory that the process had.
    pub(super) peak_mib: f64,
    /// Of the first link that went elsewhere: where.
    pub(super) first_failure: Option<String>,
}

/// The command that runs this side on a list.
pub(super) fn command(list: &Path, at_once: usize, browser: Option<&Path>) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("this program's own file")?);
    command.args(["resolve-list", "--at-once", &at_once.to_string(), "--list"]).arg(list);
    if let Some(browser) = browser {
        command.arg("--browser").arg(browser);
    }
    Ok(command)
}

/// Resolves the list, and prints the outcome as JSON.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let outcome = tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(resolve(arguments))?;
    println!("{}", serde_json::to_string(&outcome)?);
    Ok(())
}

async fn resolve(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let Arguments { list, at_once, browser } = arguments;
    let list = fs::read_to_string(list)?;
    let mut exceptions = Exceptions::default();
    for link in list.lines() {
        let address: SocketAddr = link.split('/').nth(2).unwrap_or_default().parse().with_context(|| format!("no address in `{link}`"))?;
        if !exceptions.allows(address) {
            exceptions.allow(address);
        }
    }
    let engine = if browser.is_some() { EngineChoice::Browser } else { EngineChoice::Http };
    let settings = Settings {
        exceptions,
        budgets: Budgets { chains_at_once: *at_once, ..Budgets::default() },
        browser: browser.clone().map_or(BrowserChoice::Off, BrowserChoice::Executable),
        ..Settings::default()
    };
    let resolver = Resolver::new(settings)?;
    if let (Some(_), Some(first)) = (browser, list.lines().next()) {
        // The browser starts with the first link that needs it, and playwright's is started before its clock as well.
        resolve_link(&resolver, first, engine).await;
    }
    let started = Instant::now();
    let links: Arc<[String]> = list.lines().map(str::to_owned).collect();
    let next = Arc::new(AtomicUsize::new(0));
    let mut walkers = JoinSet::new();
    for _ in 0..(*at_once).min(links.len()) {
        let (resolver, links, next) = (resolver.clone(), Arc::clone(&links), Arc::clone(&next));
        walkers.spawn(async move {
            let mut results = Vec::new();
            while let Some(link) = links.get(next.fetch_add(1, Ordering::Relaxed)) {
                results.push(resolve_link(&resolver, link, engine).await);
            }
            results
        });
    }
    let mut outcome = Outcome::default();
    while let Some(results) = walkers.join_next().await {
        for (result, time) in results? {
            outcome.times.push(time);
            match failure(&result) {
                None => outcome.reached += 1,
                Some(failure) => outcome.first_failure = outcome.first_failure.or(Some(failure)),
            }
        }
    }
    outcome.elapsed = started.elapsed();
    outcome.peak_mib = process::own_peak_mib();
    Ok(outcome)
}

async fn resolve_link(resolver: &Resolver, link: &str, engine: EngineChoice) -> (JobResult, Duration) {
    let context = Context { engine: Some(engine), ..Context::default() };
    let request = ResolveRequest { tracking_url: link.to_owned(), context, ..ResolveRequest::default() };
    let started = Instant::now();
    (resolver.resolve(&request).await, started.elapsed())
}

fn failure(result: &JobResult) -> Option<String> {
    let at_its_page = result.final_url.as_ref().is_some_and(|url| url.contains(PAGE));
    let is_whole = result.conclusion == Conclusion::Valid && result.hops.len() == HOPS && at_its_page;
    (!is_whole).then(|| format!("{}, {} hops: {}", result.conclusion, result.hops.len(), result.detail))
}
