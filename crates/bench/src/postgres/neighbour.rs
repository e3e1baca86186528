//! A lone desktop's pulls: alone, beside a neighbour's backlog, beside that backlog's desktops at work.

use std::time::Duration;

use super::table::FIRST;
use super::{Bench, DRAINING_BATCH, backlog};
use crate::desktops::{self, Cycles};

/// Measures one after the other, in one table.
pub(super) fn measure(bench: &Bench<'_>) -> anyhow::Result<String> {
    let neighbour = backlog::account(&bench.url, "neighbour")?;
    let lone = bench.rig.device("lone")?;
    let lone = std::slice::from_ref(&lone);
    let own = bench.arguments.seconds * 2_000;
    let measure = |what: &str| {
        eprintln!("one desktop, one job at a time, {what}");
        backlog::add(&bench.url, bench.rig.account(), own)?;
        let cycles = desktops::measure(lone, 1, bench.time())?;
        backlog::clear(&bench.url, bench.rig.account())?;
        anyhow::Ok(cycles)
    };
    let mut text = format!("\none desktop, one job at a time\n{}", Cycles::head("beside", FIRST));
    text += &measure("alone")?.line("nobody", FIRST);
    let waiting = bench.arguments.neighbour;
    eprintln!("loading {waiting} jobs of a neighbour");
    backlog::add(&bench.url, neighbour, waiting)?;
    text += &measure("beside a neighbour's backlog")?.line(format_args!("{waiting} waiting"), FIRST);
    let busy = bench.devices(neighbour, "neighbour")?;
    let time = bench.time() + Duration::from_secs(5);
    let working = std::thread::spawn(move || desktops::measure(&busy, DRAINING_BATCH, time));
    text += &measure("beside a neighbour's desktops at work")?.line("and worked on", FIRST);
    let neighbours = working.join().map_err(|_| anyhow::anyhow!("the neighbour's desktops failed"))??;
    text += &neighbours.line("(the neighbour)", FIRST);
    backlog::clear(&bench.url, neighbour)?;
    Ok(text)
}
