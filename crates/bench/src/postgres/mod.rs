//! PostgreSQL: our rates beside those of other queues on it, under millions of waiting jobs beside an empty queue, beside a
//! busy neighbour, and what the hot tables weigh after millions have passed through. Each part prints when it is done.

mod backlog;
mod claims;
mod neighbour;
mod operations;
mod peers;
mod plans;
mod rates;
mod table;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::ValueEnum;
use protocol::AccountId;
use store::DatabaseUrl;
use testkit::postgres::{Server, sql};

use crate::desktops;
use crate::device::Device;
use crate::machine::Machine;
use crate::postgres::backlog::Sizes;
use crate::postgres::claims::Claims;
use crate::postgres::plans::Plans;
use crate::postgres::rates::Rates;
use crate::rig::Rig;

/// A server as one would run it on a small machine: every commit durable, checkpoints not in the way of a run, and the files of
/// its log used again, as on a server that has run for a day: a new one writes each of them twice, with zeros first.
const SERVER: &[&str] = &["shared_buffers=1GB", "min_wal_size=4GB", "max_wal_size=4GB", "checkpoint_timeout=15min", "wal_compression=on"];
/// Jobs that pass through the hot tables between two looks at their size.
const PORTION: u64 = 100_000;
/// Jobs a pull and a report of devices that drain.
const DRAINING_BATCH: u32 = 100;

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// What to measure; all of it unless named.
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = [Part::Rates, Part::Neighbour, Part::Sizes, Part::Backlog])]
    parts: Vec<Part>,
    /// Jobs that wait beneath, for `backlog`.
    #[arg(long, default_value_t = 10_000_000)]
    jobs: u64,
    /// Accounts that they belong to.
    #[arg(long, default_value_t = 1_000)]
    accounts: u64,
    /// Keeps what was loaded for `backlog` in a database of this name on `--server`, or uses it as it is when it is there.
    #[arg(long, requires = "server")]
    kept: Option<String>,
    /// Jobs of the neighbour whose backlog must not be felt.
    #[arg(long, default_value_t = 1_000_000)]
    neighbour: u64,
    /// Jobs that pass through while the hot tables are weighed. Autovacuum comes about once a minute: fewer than it takes some
    /// ten minutes to pass say nothing about where they stop growing.
    #[arg(long, default_value_t = 10_000_000)]
    pass: u64,
    /// Seconds for each round of a figure.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Rounds of each figure, of databases that are compared in turns; the median counts: checkpoints and vacuum come when
    /// they like.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..))]
    rounds: u8,
    /// How many callers admit at once.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 32, 256])]
    connections: Vec<usize>,
    /// Devices that pull and report at once.
    #[arg(long, default_value_t = 4)]
    devices: usize,
    /// Jobs a pull and a report.
    #[arg(long, value_delimiter = ',', default_values_t = [16, 100])]
    batches: Vec<u32>,
    /// Where `npm ci` has put the peers; they need node.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/peers"))]
    peers: PathBuf,
    /// A running server (`postgres://user@host:port`, without a database) instead of one of its own. New databases are made
    /// on it and stay.
    #[arg(long)]
    server: Option<String>,
    /// Where keys lie, and whose disk is named.
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    folder: PathBuf,
}

/// A part of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Admissions, pulls and reports over an empty queue, beside the peers where they are installed.
    Rates,
    /// A lone desktop beside a neighbour with a million jobs.
    Neighbour,
    /// What the hot tables weigh while millions pass through.
    Sizes,
    /// The same rates with millions waiting, each beside the same over an empty queue, and the plans of the statements.
    Backlog,
}

/// Measures, and prints what was measured.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let machine = Machine::look(&arguments.folder)?;
    let own = arguments.server.is_none().then(|| Server::start(SERVER)).transpose()?;
    let server = arguments.server.clone().or(own.as_ref().map(Server::url)).context("no server")?;
    let new = tempfile::Builder::new().prefix("link-peeler-bench-").tempdir_in(&arguments.folder)?;
    // A database that is kept can be opened with the sealing key that it was made with, and no other.
    let kept = arguments.kept.as_ref().map(|name| arguments.folder.join(format!("link-peeler-bench-of-{name}")));
    let installation = kept.as_deref().unwrap_or(new.path());
    std::fs::create_dir_all(installation)?;
    let bench = Bench::on(arguments, testkit::postgres::create_database(&server)?, installation)?;
    println!("{}, PostgreSQL {}", machine.describe(), sql(&bench.url, "SHOW server_version")?);
    for part in &arguments.parts {
        match part {
            Part::Rates => {
                let ours = Rates::measure(&[("ours", &bench)])?;
                print!("{}", ours.to_text());
                print!("{}", peers::measure(arguments, &server, ours.best())?);
            }
            Part::Neighbour => print!("{}", neighbour::measure(&bench)?),
            Part::Sizes => {
                let (sizes, mut claims) = (bench.pass()?, Claims::default());
                sizes.claim(&mut claims);
                print!("{}{}", sizes.to_text(), claims.to_text());
            }
            Part::Backlog => backlog_part(arguments, &bench, &server, installation)?,
        }
    }
    bench.rig.stop();
    Ok(())
}

fn backlog_part(arguments: &Arguments, empty: &Bench<'_>, server: &str, installation: &Path) -> anyhow::Result<()> {
    let url = backlog::database(server, arguments.kept.as_deref())?;
    // Makes the tables, and is gone again: nobody may wait for an index while they are loaded without any.
    Rig::on(DatabaseUrl::Postgres(url.clone()), installation)?.stop();
    if backlog::waiting(&url)? < arguments.jobs {
        eprintln!("loading {} jobs of {} accounts", arguments.jobs, arguments.accounts);
        let started = std::time::Instant::now();
        backlog::spread(&url, arguments.jobs, arguments.accounts)?;
        println!("\n{} jobs were loaded in {:.0} s", arguments.jobs, started.elapsed().as_secs_f64());
    }
    let full = Bench::on(arguments, url.clone(), installation)?;
    let label = format!("{} waiting", backlog::waiting(&url)?);
    let rates = Rates::measure(&[("empty", empty), (&label, &full)])?;
    let mut claims = Claims::default();
    rates.claim("empty", &label, &mut claims);
    print!("{}", rates.to_text());
    full.rig.stop();
    let plans = Plans::watch(&url, installation)?;
    plans.claim(&mut claims);
    print!("{}{}", plans.to_text(), claims.to_text());
    Ok(())
}

/// A relay over a database.
struct Bench<'a> {
    arguments: &'a Arguments,
    rig: Rig,
    url: String,
}

impl<'a> Bench<'a> {
    fn on(arguments: &'a Arguments, url: String, installation: &Path) -> anyhow::Result<Self> {
        Ok(Self { arguments, rig: Rig::on(DatabaseUrl::Postgres(url.clone()), installation)?, url })
    }

    fn time(&self) -> Duration {
        Duration::from_secs(self.arguments.seconds)
    }

    fn devices(&self, account: AccountId, name: &str) -> anyhow::Result<Vec<Device>> {
        (0..self.arguments.devices).map(|number| self.rig.device_of(account, &format!("{name}-{number}"))).collect()
    }

    /// Lets millions pass through, and weighs the hot tables before, at the largest, and after.
    fn pass(&self) -> anyhow::Result<Sizes> {
        eprintln!("letting {} jobs pass through", self.arguments.pass);
        let devices = self.devices(self.rig.account(), "pass")?;
        let mut sizes = Sizes::begin(&self.url)?;
        while sizes.passed < self.arguments.pass {
            backlog::add(&self.url, self.rig.account(), PORTION)?;
            // Ends when nothing is left.
            let cycles = desktops::measure(&devices, DRAINING_BATCH, Duration::from_secs(600))?;
            sizes.weigh(&self.url, cycles.jobs as u64, self.arguments.pass)?;
        }
        Ok(sizes)
    }
}
