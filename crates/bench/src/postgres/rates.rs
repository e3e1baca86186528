//! Admissions, pulls and reports a second, in the store's own operations and over HTTP. Several databases are measured in
//! turns, figure by figure: a machine is seldom as fast a minute later.

use protocol::DeviceId;

use super::claims::Claims;
use super::table::{FIRST, admissions_head, admissions_line};
use super::{Bench, backlog, operations};
use crate::desktops::{self, Cycles};
use crate::device::Device;
use crate::load::{self, Measured, Until};
use crate::processor::Stopwatch;

/// Jobs that are loaded for a second of work: more than can be done in it, so that nobody runs out.
const WORK_A_SECOND: u64 = 60_000;
/// Submitters at which queues are compared.
pub(super) const COMPARED_SUBMITTERS: usize = 32;

/// How much of another's rate counts as equally fast: within 15 per cent.
const AS_FAST: f64 = 0.85;

/// In the store's operations: what a library's caller would see.
const OPERATIONS: &str = "operations";
/// Signed requests over connections that are kept open.
const HTTP: &str = "HTTP";

/// Every figure, by database and way.
#[derive(Default)]
pub(super) struct Rates {
    admissions: Vec<(String, &'static str, Measured)>,
    cycles: Vec<(String, &'static str, Cycles)>,
}

/// What peers are compared with.
#[derive(Clone, Copy)]
pub(super) struct Best {
    /// Single admissions a second in operations, at [`COMPARED_SUBMITTERS`].
    pub(super) admitted: f64,
    /// Jobs pulled and reported a second in operations, with the best batch.
    pub(super) worked: f64,
}

impl Rates {
    /// Measures every figure of each of the databases before the next figure.
    pub(super) fn measure(databases: &[(&str, &Bench<'_>)]) -> anyhow::Result<Self> {
        let mut rates = Self::default();
        let Some((_, first)) = databases.first() else { return Ok(rates) };
        let rounds = first.arguments.rounds;
        for &submitters in &first.arguments.connections {
            let measured = in_turns(rounds, databases, |at, round| {
                let (name, bench) = databases[at];
                admit(bench, name, submitters, round)
            })?;
            rates.admissions.extend(measured.into_iter().map(|(name, way, all)| (name, way, median(all, |one| one.a_second))));
        }
        let devices = databases.iter().map(|(name, bench)| bench.devices(bench.rig.account(), &format!("rates-{}", name.len())));
        let devices = devices.collect::<anyhow::Result<Vec<_>>>()?;
        for &batch in &first.arguments.batches {
            let measured = in_turns(rounds, databases, |at, _| {
                let (name, bench) = databases[at];
                work(bench, name, &devices[at], batch)
            })?;
            rates.cycles.extend(measured.into_iter().map(|(name, way, all)| (name, way, median(all, |one| one.jobs_a_second))));
        }
        for (_, bench) in databases {
            backlog::clear(&bench.url, bench.rig.account())?;
        }
        Ok(rates)
    }

    /// What peers are compared with.
    pub(super) fn best(&self) -> Best {
        let admitted = self.admissions.iter().filter(|(_, way, at)| *way == OPERATIONS && at.connections == COMPARED_SUBMITTERS);
        let worked = self.cycles.iter().filter(|(_, way, _)| *way == OPERATIONS);
        Best {
            admitted: admitted.map(|(_, _, measured)| measured.a_second).fold(0.0, f64::max),
            worked: worked.map(|(_, _, cycles)| cycles.jobs_a_second).fold(0.0, f64::max),
        }
    }

    /// Claims that one database is as fast as the other, figure by figure.
    pub(super) fn claim(&self, base: &str, other: &str, claims: &mut Claims) {
        let mut claim = |what: String, base: f64, other: f64| {
            claims.add(other >= base * AS_FAST, format!("{what}: {other:.0} a second against {base:.0} ({:.2} times)", other / base));
        };
        for (_, way, of_base) in self.admissions.iter().filter(|(name, ..)| name == base) {
            let is_same = |(name, of, at): &&(String, &str, Measured)| name == other && of == way && at.connections == of_base.connections;
            if let Some((.., measured)) = self.admissions.iter().find(is_same) {
                claim(format!("admissions of {} callers, {way}", of_base.connections), of_base.a_second, measured.a_second);
            }
        }
        for (_, way, of_base) in self.cycles.iter().filter(|(name, ..)| name == base) {
            let is_same = |(name, of, at): &&(String, &str, Cycles)| name == other && of == way && at.batch == of_base.batch;
            if let Some((.., cycles)) = self.cycles.iter().find(is_same) {
                claim(format!("pulled and reported by {}, {way}", of_base.batch), of_base.jobs_a_second, cycles.jobs_a_second);
            }
        }
    }

    pub(super) fn to_text(&self) -> String {
        let mut text = format!("\ndurable admissions of single jobs, each with nonce, idempotency, quota and row\n{}", admissions_head());
        for (name, way, measured) in &self.admissions {
            text += &admissions_line(name, way, measured);
        }
        text += &format!("\njobs pulled and reported, each with its result and row\n{}", Cycles::head("queue, through", FIRST));
        for (name, way, cycles) in &self.cycles {
            text += &cycles.line(format_args!("{name}, {way}"), FIRST);
        }
        text
    }
}

/// Every round of a figure, by database and way.
type Rounds<F> = Vec<(String, &'static str, Vec<F>)>;

/// Measures a figure of each database, and again, as often as there are rounds.
fn in_turns<F>(
    rounds: u8,
    databases: &[(&str, &Bench<'_>)],
    mut measure: impl FnMut(usize, u8) -> anyhow::Result<[(&'static str, F); 2]>,
) -> anyhow::Result<Rounds<F>> {
    let mut all: Rounds<F> = Vec::new();
    for round in 0..rounds {
        for (at, (name, _)) in databases.iter().enumerate() {
            for (way, figure) in measure(at, round)? {
                match all.iter_mut().find(|(known, of, _)| known == name && *of == way) {
                    Some((.., figures)) => figures.push(figure),
                    None => all.push(((*name).to_owned(), way, vec![figure])),
                }
            }
        }
    }
    Ok(all)
}

/// The round in the middle by its rate; there is at least one.
fn median<F>(mut rounds: Vec<F>, rate: impl Fn(&F) -> f64) -> F {
    rounds.sort_by(|a, b| rate(a).total_cmp(&rate(b)));
    rounds.swap_remove(rounds.len() / 2)
}

fn admit(bench: &Bench<'_>, name: &str, submitters: usize, round: u8) -> anyhow::Result<[(&'static str, Measured); 2]> {
    let (rig, label) = (&bench.rig, format!("{}-{submitters}-{round}", name.replace(' ', "-")));
    eprintln!("{name}: admissions of {submitters} callers");
    let watch = Stopwatch::begin(Some(&bench.url));
    let mut store = operations::admit(rig.runtime(), rig.store(), rig.account(), &format!("{label}-store"), submitters, bench.time())?;
    store.shares = watch.each_of(store.requests);
    let mut caller = rig.caller(format!("{label}-http"));
    let watch = Stopwatch::begin(Some(&bench.url));
    let mut http = load::drive(rig.address(), submitters, Until::Elapsed(bench.time()), 202, move || caller.next_request())?;
    http.shares = watch.each_of(http.requests);
    Ok([(OPERATIONS, store), (HTTP, http)])
}

fn work(bench: &Bench<'_>, name: &str, devices: &[Device], batch: u32) -> anyhow::Result<[(&'static str, Cycles); 2]> {
    let (rig, ids) = (&bench.rig, devices.iter().map(|device| device.id).collect::<Vec<DeviceId>>());
    eprintln!("{name}: pulls and reports of {batch}");
    let refill = || {
        backlog::clear(&bench.url, rig.account())?;
        // Before the jobs are loaded: after it, each page would be copied to the log when it is first written to.
        backlog::checkpoint(&bench.url)?;
        backlog::add(&bench.url, rig.account(), bench.arguments.seconds * WORK_A_SECOND)
    };
    refill()?;
    let watch = Stopwatch::begin(Some(&bench.url));
    let mut store = operations::work(rig.runtime(), rig.store(), rig.account(), &ids, batch, bench.time())?;
    store.shares = watch.each_of(store.jobs);
    refill()?;
    let watch = Stopwatch::begin(Some(&bench.url));
    let mut http = desktops::measure(devices, batch, bench.time())?;
    http.shares = watch.each_of(http.jobs);
    Ok([(OPERATIONS, store), (HTTP, http)])
}
