//! PostgreSQL under millions of waiting jobs: every figure beside the same one over an empty queue, from the same run.

mod backlog;
mod plans;
mod report;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use protocol::AccountId;
use store::DatabaseUrl;
use testkit::postgres::{Server, sql};

use crate::desktops::{self, Cycles};
use crate::device::Device;
use crate::load::{self, Measured, Until};
use crate::machine::Machine;
use crate::postgres::backlog::Sizes;
use crate::postgres::plans::Plans;
use crate::postgres::report::Report;
use crate::rig::Rig;

/// A server as one would run it on a small machine: every commit durable, checkpoints not in the way of a run.
const SERVER: &[&str] = &["shared_buffers=1GB", "max_wal_size=8GB", "checkpoint_timeout=15min", "wal_compression=on"];
/// Jobs that pass through the hot tables between two looks at their size.
const PORTION: u64 = 100_000;
/// Jobs a pull and a report of devices that drain.
const DRAINING_BATCH: u32 = 100;

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Jobs that wait beneath.
    #[arg(long, default_value_t = 10_000_000)]
    jobs: u64,
    /// Accounts that they belong to.
    #[arg(long, default_value_t = 1_000)]
    accounts: u64,
    /// Jobs of the neighbour whose backlog must not be felt.
    #[arg(long, default_value_t = 1_000_000)]
    neighbour: u64,
    /// Jobs that pass through before the hot tables are weighed again.
    #[arg(long, default_value_t = 2_000_000)]
    pass: u64,
    /// Seconds for each figure.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// How many keep-alive connections admit at once.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 32, 256])]
    connections: Vec<usize>,
    /// Devices that pull and report at once.
    #[arg(long, default_value_t = 4)]
    devices: usize,
    /// Jobs a pull and a report.
    #[arg(long, value_delimiter = ',', default_values_t = [16, 100])]
    batches: Vec<u32>,
    /// A running server (`postgres://user@host:port`, without a database) instead of one of its own. A new database is
    /// made on it and stays.
    #[arg(long)]
    server: Option<String>,
    /// Where keys lie, and whose disk is named.
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    folder: PathBuf,
}

/// What is measured once over an empty queue and once over a full one.
struct Round {
    waiting: u64,
    admissions: Vec<Measured>,
    cycles: Vec<Cycles>,
}

/// Measures, and prints what was measured.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let machine = Machine::look(&arguments.folder)?;
    let own = arguments.server.is_none().then(|| Server::start(SERVER)).transpose()?;
    let server = arguments.server.clone().or(own.as_ref().map(Server::url)).context("no server")?;
    let url = testkit::postgres::create_database(&server)?;
    let installation = tempfile::Builder::new().prefix("link-peeler-bench-").tempdir_in(&arguments.folder)?;
    let bench = Bench { arguments, rig: Rig::on(DatabaseUrl::Postgres(url.clone()), installation.path())?, url };

    let version = sql(&bench.url, "SHOW server_version")?;
    let empty = bench.round("empty")?;
    let fairness = bench.fairness()?;
    let sizes = bench.pass()?;
    let loading = bench.load()?;
    let full = bench.round("full")?;
    let Bench { rig, url, .. } = bench;
    rig.stop();
    let plans = Plans::watch(&url, installation.path())?;
    print!("{}", Report { machine, version, empty, full, loading, fairness, sizes, plans }.to_text());
    Ok(())
}

struct Bench<'a> {
    arguments: &'a Arguments,
    rig: Rig,
    url: String,
}

/// A lone desktop's pulls: alone, beside a backlog, beside that backlog's desktops.
struct Fairness {
    neighbour: u64,
    alone: Cycles,
    beside_its_backlog: Cycles,
    beside_its_desktops: Cycles,
}

impl Bench<'_> {
    fn time(&self) -> Duration {
        Duration::from_secs(self.arguments.seconds)
    }

    fn devices(&self, account: AccountId, name: &str) -> anyhow::Result<Vec<Device>> {
        (0..self.arguments.devices).map(|number| self.rig.device_of(account, &format!("{name}-{number}"))).collect()
    }

    fn round(&self, name: &str) -> anyhow::Result<Round> {
        let waiting = backlog::waiting(&self.url)?;
        let devices = self.devices(self.rig.account(), name)?;
        let mut admissions = Vec::new();
        for &connections in &self.arguments.connections {
            eprintln!("{name}: admission over {connections} connections");
            let mut caller = self.rig.caller(format!("{name}-{connections}"));
            let time = Until::Elapsed(self.time());
            admissions.push(load::drive(self.rig.address(), connections, time, 202, move || caller.next_request())?);
        }
        let mut cycles = Vec::new();
        for &batch in &self.arguments.batches {
            eprintln!("{name}: pulls and reports of {batch}");
            // More than can be done in the time; what is left over is taken away, so that the next figure begins as this one.
            backlog::add(&self.url, self.rig.account(), self.arguments.seconds * 20_000)?;
            cycles.push(desktops::measure(&devices, batch, self.time())?);
        }
        backlog::clear(&self.url, self.rig.account())?;
        Ok(Round { waiting, admissions, cycles })
    }

    fn load(&self) -> anyhow::Result<Duration> {
        eprintln!("loading {} jobs of {} accounts", self.arguments.jobs, self.arguments.accounts);
        let started = std::time::Instant::now();
        backlog::spread(&self.url, self.arguments.jobs, self.arguments.accounts)?;
        Ok(started.elapsed())
    }

    fn fairness(&self) -> anyhow::Result<Fairness> {
        let neighbour = backlog::account(&self.url, "neighbour")?;
        let lone = self.rig.device("lone")?;
        let lone = std::slice::from_ref(&lone);
        let own = self.arguments.seconds * 2_000;
        let measure = |what: &str| {
            eprintln!("one desktop, one job at a time, {what}");
            backlog::add(&self.url, self.rig.account(), own)?;
            let cycles = desktops::measure(lone, 1, self.time())?;
            backlog::clear(&self.url, self.rig.account())?;
            anyhow::Ok(cycles)
        };
        let alone = measure("alone")?;
        eprintln!("loading {} jobs of a neighbour", self.arguments.neighbour);
        backlog::add(&self.url, neighbour, self.arguments.neighbour)?;
        let beside_its_backlog = measure("beside a neighbour's backlog")?;
        let busy = self.devices(neighbour, "neighbour")?;
        let time = self.time() + Duration::from_secs(5);
        let working = std::thread::spawn(move || desktops::measure(&busy, DRAINING_BATCH, time));
        let beside_its_desktops = measure("beside a neighbour's desktops at work")?;
        working.join().map_err(|_| anyhow::anyhow!("the neighbour's desktops failed"))??;
        backlog::clear(&self.url, neighbour)?;
        Ok(Fairness { neighbour: self.arguments.neighbour, alone, beside_its_backlog, beside_its_desktops })
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
            sizes.weigh(&self.url, cycles.jobs as u64)?;
        }
        Ok(sizes)
    }
}
