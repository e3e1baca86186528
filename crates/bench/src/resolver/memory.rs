//! What the HTTP engine takes of the machine's memory when every link ends at a large page.

use std::fs;

use anyhow::{Context, bail};

use super::site::Site;
use super::{engine, speed};

/// Runs; the most of all of them counts.
const ROUNDS: usize = 3;

/// The most memory that the engine had.
pub(super) struct Memory {
    pub(super) page_kib: usize,
    pub(super) peak_mib: f64,
}

/// Measures, on a site of its own.
pub(super) fn measure(page_kib: usize, arguments: &super::Arguments) -> anyhow::Result<Memory> {
    let site = Site::start(page_kib)?;
    let folder = tempfile::tempdir()?;
    let list = folder.path().join("links.txt");
    fs::write(&list, site.links(arguments.links).join("\n") + "\n")?;
    let mut peak_mib = 0.0_f64;
    for round in 1..=ROUNDS {
        eprintln!("{} links to pages of {page_kib} KiB, round {round} of {ROUNDS}", arguments.links);
        let (outcome, _) = speed::run_ours(&mut engine::command(&list, arguments.chains, None)?).context("large pages")?;
        if let Some(failure) = outcome.first_failure {
            bail!("only {} of {} links ended at their large page: {failure}", outcome.reached, arguments.links);
        }
        peak_mib = peak_mib.max(outcome.peak_mib);
    }
    Ok(Memory { page_kib, peak_mib })
}
