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
        for &submitters in &first.arguments.connections {
            for (name, bench) in databases {
                let measured = admit(bench, name, submitters)?;
                rates.admissions.extend(measured.map(|(way, measured)| ((*name).to_owned(), way, measured)));
            }
        }
        let devices = databases.iter().map(|(name, bench)| bench.devices(bench.rig.account(), &format!("rates-{}", name.len())));
        let devices = devices.collect::<anyhow::Result<Vec<_>>>()?;
        for &batch in &first.arguments.batches {
            for ((name, bench), devices) in databases.iter().zip(&devices) {
                let measured = work(bench, name, devices, batch)?;
                rates.cycles.extend(measured.map(|(way, measured)| ((*name).to_owned(), way, measured)));
            }
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

fn admit(bench: &Bench<'_>, name: &str, submitters: usize) -> anyhow::Result<[(&'static str, Measured); 2]> {
    let (rig, label) = (&bench.rig, format!("{}-{submitters}", name.replace(' ', "-")));
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
