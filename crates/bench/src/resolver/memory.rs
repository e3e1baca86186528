//! What the HTTP engine takes of the machine's memory with as many chains at once as it may walk, by the size of the pages
//! where they end.

use std::fs;

use anyhow::{Context, bail};

use super::site::Site;
use super::{engine, speed};

/// Runs; the most of all of them counts.
const ROUNDS: usize = 3;

/// With pages of one size.
pub(super) struct Memory {
    pub(super) page_kib: usize,
    pub(super) chains: usize,
    /// The most that the engine had, of all runs.
    pub(super) peak_mib: f64,
    /// Links a second meanwhile; the median.
    pub(super) links_a_second: f64,
}

/// Measures, on a site of its own.
pub(super) fn measure(page_kib: usize, arguments: &super::Arguments) -> anyhow::Result<Memory> {
    let site = Site::start(page_kib)?;
    let folder = tempfile::tempdir()?;
    let list = folder.path().join("links.txt");
    fs::write(&list, site.links(arguments.links).join("\n") + "\n")?;
    let (mut peak_mib, mut rates) = (0.0_f64, Vec::new());
    for round in 1..=ROUNDS {
        eprintln!("{} links to pages of {page_kib} KiB, round {round} of {ROUNDS}", arguments.links);
        let (outcome, _) = speed::run_ours(&mut engine::command(&list, arguments.memory_chains, None)?).context("our side")?;
        if let Some(failure) = outcome.first_failure {
            bail!("only {} of {} links ended at their page: {failure}", outcome.reached, arguments.links);
        }
        peak_mib = peak_mib.max(outcome.peak_mib);
        rates.push(arguments.links as f64 / outcome.elapsed.as_secs_f64());
    }
    Ok(Memory { page_kib, chains: arguments.memory_chains, peak_mib, links_a_second: speed::median(rates.into_iter()) })
}
