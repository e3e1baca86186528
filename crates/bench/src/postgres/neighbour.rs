//! A lone desktop's pulls: alone, beside a neighbour's backlog, beside that backlog's desktops at work.

use std::time::Duration;

use super::table::{cycles_head, cycles_line};
use super::{Bench, DRAINING_BATCH, backlog};
use crate::desktops;

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
    let mut text = format!("\none desktop, one job at a time\n{}", cycles_head("beside"));
    text += &cycles_line("nobody", &measure("alone")?);
    let waiting = bench.arguments.neighbour;
    eprintln!("loading {waiting} jobs of a neighbour");
    backlog::add(&bench.url, neighbour, waiting)?;
    text += &cycles_line(&format!("{waiting} waiting"), &measure("beside a neighbour's backlog")?);
    let busy = bench.devices(neighbour, "neighbour")?;
    let time = bench.time() + Duration::from_secs(5);
    let working = std::thread::spawn(move || desktops::measure(&busy, DRAINING_BATCH, time));
    text += &cycles_line("and worked on", &measure("beside a neighbour's desktops at work")?);
    let neighbours = working.join().map_err(|_| anyhow::anyhow!("the neighbour's desktops failed"))??;
    text += &cycles_line("(the neighbour)", &neighbours);
    backlog::clear(&bench.url, neighbour)?;
    Ok(text)
}
