//! What a page of the console costs among millions: every page that the router has, as a signed-in owner reads it, with the
//! filters and orders that people use and pages deep within. Server time, since client and relay share a machine.

mod browser;
mod history;
mod walk;

use std::path::PathBuf;

use anyhow::ensure;
use serde_json::{Value, json};
use store::DatabaseUrl;

use crate::latency::Percentiles;
use crate::machine::Machine;
use crate::rig::Rig;

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Rows of the account.
    #[arg(long, default_value_t = 1_000_000)]
    rows: u64,
    /// Checks of them, the newest a row's own.
    #[arg(long, default_value_t = 10_000_000)]
    jobs: u64,
    /// How often each page is asked for.
    #[arg(long, default_value_t = 40)]
    times: u32,
    /// The median that no page may pass, in milliseconds.
    #[arg(long, default_value_t = 50.0)]
    most: f64,
    /// Where the database lies, for as long as this runs.
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    folder: PathBuf,
    /// A folder whose database stays, and is measured again when it is filled already.
    #[arg(long)]
    kept: Option<PathBuf>,
    /// A PostgreSQL database to fill in place of SQLite; it stays. Needs `--kept` for the relay's own keys.
    #[arg(long, requires = "kept")]
    postgres: Option<String>,
    /// Only pages whose name has this.
    #[arg(long, default_value = "")]
    only: String,
    /// Prints JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// One page and what it cost.
struct Measured {
    name: String,
    percentiles: Percentiles,
    bytes: usize,
}

/// Fills, walks and measures; prints what was measured. An error: a page was slower than it may be.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let machine = Machine::look(&arguments.folder)?;
    let rig = match &arguments.kept {
        None => Rig::start(&arguments.folder)?,
        Some(folder) => {
            std::fs::create_dir_all(folder)?;
            let database = match &arguments.postgres {
                Some(url) => url.parse()?,
                None => DatabaseUrl::Sqlite(folder.join("relay.db")),
            };
            Rig::on(database, folder)?
        }
    };
    history::fill(&rig, arguments.rows, arguments.jobs)?;
    let measured = walk::all(&rig, &arguments.only, arguments.times)?;
    rig.stop();
    let slow: Vec<&str> = measured.iter().filter(|page| page.percentiles.p50_ms >= arguments.most).map(|page| page.name.as_str()).collect();
    if arguments.json {
        println!("{:#}", to_json(&machine, arguments, &measured));
    } else {
        print!("{}", to_text(&machine, arguments, &measured));
    }
    ensure!(slow.is_empty(), "slower than {} ms at the median: {}", arguments.most, slow.join(", "));
    Ok(())
}

fn to_text(machine: &Machine, arguments: &Arguments, measured: &[Measured]) -> String {
    let mut text = format!(
        "{}\n\npages of an account with {} rows and {} checks, each asked for {} times, packed as browsers ask\n",
        machine.describe(),
        arguments.rows,
        arguments.jobs,
        arguments.times
    );
    text += &format!("{:<64}{:>10}{:>10}{:>10}  {}\n", "page", "p50 ms", "p99 ms", "KiB", "");
    for Measured { name, percentiles: Percentiles { p50_ms, p99_ms, .. }, bytes } in measured {
        let verdict = if *p50_ms < arguments.most { "pass" } else { "FAIL" };
        let kib = bytes.div_ceil(1_024);
        text += &format!("{name:<64}{p50_ms:>10.1}{p99_ms:>10.1}{kib:>10}  {verdict}\n");
    }
    text
}

fn to_json(machine: &Machine, arguments: &Arguments, measured: &[Measured]) -> Value {
    let pages: Vec<Value> = (measured.iter())
        .map(|page| json!({"page": page.name, "p50Ms": page.percentiles.p50_ms, "p99Ms": page.percentiles.p99_ms, "bytes": page.bytes}))
        .collect();
    json!({"machine": machine.describe(), "rows": arguments.rows, "jobs": arguments.jobs, "mostMs": arguments.most, "pages": pages})
}
