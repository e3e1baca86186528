//! The resolver beside the programs that people use for the same: links a second over HTTP beside curl and lychee, pages
//! a second in a browser beside playwright, and how many links of a mixed list need a browser at all.

mod browser;
mod claims;
pub(crate) mod engine;
mod memory;
mod mixed;
mod nginx;
mod playwright;
mod process;
mod report;
mod rival;
mod site;
mod small_server;
mod speed;

use std::path::PathBuf;

use anyhow::Context;

use crate::machine::Machine;
use crate::resolver::playwright::Until;
use crate::resolver::report::Report;
use crate::resolver::site::Site;

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// What of it to measure.
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["http", "browser", "mixed"])]
    parts: Vec<Part>,
    /// Links of each HTTP round.
    #[arg(long, default_value_t = 1_000)]
    links: usize,
    /// HTTP rounds; in each, every program resolves every link once.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Chains that the HTTP engine walks at once when its speed is measured: what `resolve` does by itself. Its rivals have
    /// what they are fastest with.
    #[arg(long, default_value_t = 32)]
    chains: usize,
    /// Chains that it walks at once when its memory is measured.
    #[arg(long, default_value_t = 256)]
    memory_chains: usize,
    /// Size of the page where every link ends, in KiB.
    #[arg(long, default_value_t = 1)]
    page_kib: usize,
    /// Sizes of the pages with which memory is measured, in KiB.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 512])]
    memory_page_kib: Vec<usize>,
    /// Links of each browser round.
    #[arg(long, default_value_t = 40)]
    pages: usize,
    /// Browser rounds.
    #[arg(long, default_value_t = 3)]
    browser_rounds: usize,
    /// How many pages browsers have open at once, as a list: `1,2,4`. The browser engine takes four; more wait for a place.
    /// A round takes some 20 s for each number of the list, half of it for `quiet`.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 4], value_parser = at_least_one)]
    at_once: Vec<usize>,
    /// Until when playwright waits, as a list.
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["load", "quiet"])]
    until: Vec<Until>,
    /// The browser, for both the browser engine and playwright; without it the first one on the search path.
    #[arg(long)]
    browser: Option<PathBuf>,
    /// Folder whose `node_modules` has playwright-core; `NODE_PATH` is looked at as well.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/peers"))]
    playwright: PathBuf,
    /// Prints JSON instead of tables.
    #[arg(long)]
    json: bool,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| "a list of whole numbers from 1 on, as in `1,2,4`".to_owned())
}

/// A part of the benchmark.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// The HTTP engine beside curl and lychee.
    Http,
    /// The browser engine beside playwright.
    Browser,
    /// A mixed list through both engines.
    Mixed,
}

/// Measures, and prints what was measured.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let site = Site::start(arguments.page_kib)?;
    let wants = |part| arguments.parts.contains(&part);
    let browser = process::browser(arguments.browser.as_deref());
    let load_before = process::load_average();
    let machine = Machine::look(&std::env::temp_dir())?;
    let http = wants(Part::Http).then(|| speed::measure(&site, arguments)).transpose().context("the HTTP engine")?;
    let sizes = arguments.memory_page_kib.iter().filter(|_| wants(Part::Http));
    let memory = sizes.map(|kib| memory::measure(*kib, arguments)).collect::<anyhow::Result<Vec<_>>>().context("memory")?;
    let pages = match &browser {
        Some(executable) if wants(Part::Browser) => Some(browser::measure(&site, executable, arguments).context("the browser engine")?),
        Some(_) | None => None,
    };
    let mixed = wants(Part::Mixed).then(|| mixed::measure(browser.as_deref())).transpose().context("the mixed list")?;
    let report = Report {
        machine,
        load_before,
        load_after: process::load_average(),
        served_by: site.served_by(),
        page_kib: arguments.page_kib,
        chains: arguments.chains,
        browser,
        http,
        memory,
        pages,
        mixed,
    };
    if arguments.json {
        println!("{:#}", report.to_json())
    } else {
        print!("{}", report.to_text())
    }
    Ok(())
}
