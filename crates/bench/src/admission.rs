//! The way of a job through the relay, in figures: admitted durably, handed over, pulled and reported over a backlog.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::desktops::{self, Cycles};
use crate::handover;
use crate::http1;
use crate::latency::Percentiles;
use crate::load::{self, Measured, Until};
use crate::machine::Machine;
use crate::processor::{Shares, Stopwatch};
use crate::rig::Rig;

/// Characters of the column that tells how many jobs lie beneath.
const BENEATH: usize = 12;
/// The path of the relay's route that does nothing.
const NOOP_PATH: &str = "/bench/noop";
/// Connections that fill a backlog: as many as a commit takes in well.
const FILLING_CONNECTIONS: usize = 256;

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Seconds for each figure.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// How many keep-alive connections admit at once.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 32, 256])]
    connections: Vec<usize>,
    /// Jobs that are handed over one by one.
    #[arg(long, default_value_t = 1_000)]
    handovers: usize,
    /// Devices that pull and report at once.
    #[arg(long, default_value_t = 4)]
    devices: usize,
    /// Jobs a pull and a report.
    #[arg(long, value_delimiter = ',', default_values_t = [16, 100])]
    batches: Vec<u32>,
    /// Jobs that wait beneath while devices pull and report.
    #[arg(long, value_delimiter = ',', default_values_t = [0, 1_000_000])]
    waiting: Vec<u64>,
    /// Where the databases lie while they are measured; the disk is part of the figure.
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    folder: PathBuf,
    /// Prints JSON instead of tables.
    #[arg(long)]
    json: bool,
}

/// Everything that was measured.
struct Report {
    machine: Machine,
    /// Each number of connections: without work, and with admission.
    admissions: Vec<(Measured, Measured)>,
    handover: Percentiles,
    /// With how many jobs beneath.
    cycles: Vec<(u64, Cycles)>,
}

/// Measures, and prints what was measured.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let folder = arguments.folder.as_path();
    let report = Report {
        machine: Machine::look(folder)?,
        admissions: admissions(folder, arguments)?,
        handover: hand_over(folder, arguments.handovers)?,
        cycles: cycles(folder, arguments)?,
    };
    if arguments.json {
        println!("{:#}", report.to_json())
    } else {
        print!("{}", report.to_text())
    }
    Ok(())
}

fn admissions(folder: &Path, arguments: &Arguments) -> anyhow::Result<Vec<(Measured, Measured)>> {
    let time = Until::Elapsed(Duration::from_secs(arguments.seconds));
    let rig = Rig::start(folder)?;
    let mut all = Vec::new();
    for &connections in &arguments.connections {
        eprintln!("admission over {connections} connections");
        // The same bytes but for the path: what remains is what a request costs that does nothing.
        let mut idle = rig.caller("idle");
        let request = http1::with_path(&idle.next_request(), NOOP_PATH);
        let watch = Stopwatch::begin(None);
        let mut noop = load::drive(rig.address(), connections, time, 204, move || request.clone())?;
        noop.shares = watch.each_of(noop.requests);
        let mut caller = rig.caller(format!("c{connections}"));
        let watch = Stopwatch::begin(None);
        let mut admission = load::drive(rig.address(), connections, time, 202, move || caller.next_request())?;
        admission.shares = watch.each_of(admission.requests);
        all.push((noop, admission));
    }
    rig.stop();
    Ok(all)
}

fn hand_over(folder: &Path, jobs: usize) -> anyhow::Result<Percentiles> {
    eprintln!("{jobs} hand-overs");
    let rig = Rig::start(folder)?;
    let measured = handover::measure(rig.caller("handover"), &rig.device("handover")?, jobs)?;
    rig.stop();
    Ok(measured)
}

fn cycles(folder: &Path, arguments: &Arguments) -> anyhow::Result<Vec<(u64, Cycles)>> {
    let time = Duration::from_secs(arguments.seconds);
    // More than the devices finish in the time: the backlog of "0 waiting" is what they work on and nothing more.
    let worked_on = arguments.seconds * 10_000;
    let mut all = Vec::new();
    for &waiting in &arguments.waiting {
        let rig = Rig::start(folder)?;
        let devices = (0..arguments.devices).map(|number| rig.device(&format!("device-{number}"))).collect::<anyhow::Result<Vec<_>>>()?;
        fill(&rig, "beneath", waiting)?;
        for &batch in &arguments.batches {
            fill(&rig, &format!("batch{batch}"), worked_on)?;
            eprintln!("pulls and reports of {batch}, {waiting} jobs beneath");
            let watch = Stopwatch::begin(None);
            let mut cycles = desktops::measure(&devices, batch, time)?;
            cycles.shares = watch.each_of(cycles.jobs);
            all.push((waiting, cycles));
        }
        rig.stop();
    }
    Ok(all)
}

fn fill(rig: &Rig, name: &str, jobs: u64) -> anyhow::Result<()> {
    if jobs > 0 {
        eprintln!("filling in {jobs} jobs");
        let mut caller = rig.caller(name);
        load::drive(rig.address(), FILLING_CONNECTIONS, Until::Sent(jobs), 202, move || caller.next_request())?;
    }
    Ok(())
}

impl Report {
    fn to_text(&self) -> String {
        let mut text = format!("{}\n\nsigned, durable admissions\n", self.machine.describe());
        text += &format!(
            "{:<14}{:<12}{:>10}{:>10}{:>10}{:>11}{}\n",
            "connections",
            "request",
            "a second",
            "p50 ms",
            "p99 ms",
            "p99.9 ms",
            Shares::head()
        );
        for (noop, admission) in &self.admissions {
            for (what, measured) in [("no-op", noop), ("admission", admission)] {
                let Percentiles { p50_ms, p99_ms, p999_ms } = measured.latency;
                let Measured { connections, a_second, shares, .. } = measured;
                text += &format!(
                    "{connections:<14}{what:<12}{a_second:>10.0}{p50_ms:>10.2}{p99_ms:>10.2}{p999_ms:>11.2}{}\n",
                    shares.columns()
                );
            }
        }
        let Percentiles { p50_ms, p99_ms, p999_ms } = self.handover;
        text += &format!("\nfrom a caller's POST to a waiting desktop: p50 {p50_ms:.2} ms, p99 {p99_ms:.2} ms, p99.9 {p999_ms:.2} ms\n");
        text += "\njobs pulled and reported\n";
        text += &Cycles::head("beneath", BENEATH);
        for (waiting, cycles) in &self.cycles {
            text += &cycles.line(waiting, BENEATH);
        }
        text
    }

    fn to_json(&self) -> Value {
        let Machine { date, processor, cores, system, file_system, syncs_a_second } = &self.machine;
        let admissions = self.admissions.iter().map(
            |(noop, admission)| json!({"connections": admission.connections, "noop": measured(noop), "admission": measured(admission)}),
        );
        let cycles = self.cycles.iter().map(|(waiting, cycles)| {
            json!({
                "jobsBeneath": waiting, "batch": cycles.batch, "devices": cycles.devices, "jobs": cycles.jobs,
                "jobsASecond": cycles.jobs_a_second, "pull": percentiles(cycles.pull), "report": percentiles(cycles.report),
                "processor": cycles.shares.to_json(),
            })
        });
        json!({
            "machine": {
                "date": date, "processor": processor, "cores": cores, "system": system, "fileSystem": file_system,
                "bareDurableAppendsASecond": syncs_a_second,
            },
            "admissions": admissions.collect::<Vec<_>>(),
            "handover": percentiles(self.handover),
            "desktops": cycles.collect::<Vec<_>>(),
        })
    }
}

fn measured(measured: &Measured) -> Value {
    json!({"requests": measured.requests, "aSecond": measured.a_second, "latency": percentiles(measured.latency), "processor": measured.shares.to_json()})
}

fn percentiles(percentiles: Percentiles) -> Value {
    json!({"p50Ms": percentiles.p50_ms, "p99Ms": percentiles.p99_ms, "p999Ms": percentiles.p999_ms})
}
