//! Pages a second in a browser, each link in a fresh context: the browser engine, which keeps every hop and puts each
//! connection through the guard, beside playwright, which does neither.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::bail;

use super::playwright::{Playwright, Until};
use super::site::Site;
use super::{engine, speed};
use crate::latency::Latencies;

/// What one side came to, with so many pages at once.
#[derive(Default)]
pub(super) struct Side {
    /// Its time for the list in each round, without the browser's start.
    pub(super) rounds: Vec<Duration>,
    /// Median time of one link, over all rounds.
    pub(super) p50_ms: f64,
}

/// All sides, with so many pages at once.
pub(super) struct Pages {
    pub(super) at_once: usize,
    pub(super) ours: Side,
    /// playwright, as often as it was measured; empty without it.
    pub(super) theirs: Vec<(Until, Side)>,
}

impl Pages {
    /// playwright's side, when it was measured.
    pub(super) fn playwright(&self, wanted: Until) -> Option<&Side> {
        self.theirs.iter().find(|(until, _)| *until == wanted).map(|(_, side)| side)
    }
}

/// The browser engine beside playwright.
pub(super) struct Browsers {
    pub(super) links: usize,
    pub(super) rounds: usize,
    /// Its version, or why there is none.
    pub(super) playwright: Result<String, String>,
    pub(super) all: Vec<Pages>,
}

/// Measures.
pub(super) fn measure(site: &Site, executable: &Path, arguments: &super::Arguments) -> anyhow::Result<Browsers> {
    let folder = tempfile::tempdir()?;
    let links = site.links(arguments.pages);
    let list = folder.path().join("links.txt");
    fs::write(&list, links.join("\n") + "\n")?;
    let playwright = Playwright::find(&arguments.playwright);
    let mut all = Vec::new();
    for &at_once in &arguments.at_once {
        let mut ours = Collector::default();
        let mut theirs: Vec<(Until, Collector)> = arguments.until.iter().map(|until| (*until, Collector::default())).collect();
        for round in 1..=arguments.browser_rounds {
            eprintln!("{} pages, {at_once} at once, round {round} of {}", links.len(), arguments.browser_rounds);
            let (outcome, _) = speed::run_ours(&mut engine::command(&list, at_once, Some(executable))?)?;
            if let Some(failure) = outcome.first_failure {
                bail!("the browser engine got {} of {} links to their page: {failure}", outcome.reached, links.len());
            }
            ours.add(outcome.elapsed, outcome.times.into_iter());
            for (until, side) in &mut theirs {
                let Ok(playwright) = &playwright else { continue };
                let outcome = playwright.run(executable, &links, at_once, *until)?;
                if outcome.reached != links.len() {
                    bail!("playwright got {} of {} links to their page", outcome.reached, links.len());
                }
                side.add(outcome.elapsed(), outcome.times());
            }
        }
        theirs.retain(|_| playwright.is_ok());
        let theirs = theirs.into_iter().map(|(until, side)| (until, side.finish())).collect();
        all.push(Pages { at_once, ours: ours.finish(), theirs });
    }
    let playwright = playwright.map(|playwright| playwright.version().to_owned());
    Ok(Browsers { links: links.len(), rounds: arguments.browser_rounds, playwright, all })
}

#[derive(Default)]
struct Collector {
    rounds: Vec<Duration>,
    times: Latencies,
}

impl Collector {
    fn add(&mut self, elapsed: Duration, times: impl Iterator<Item = Duration>) {
        self.rounds.push(elapsed);
        times.for_each(|time| self.times.record(time));
    }

    fn finish(self) -> Side {
        Side { rounds: self.rounds, p50_ms: self.times.percentiles().p50_ms }
    }
}

impl Browsers {
    /// Pages a second of a side: the median of its rounds.
    pub(super) fn a_second(&self, side: &Side) -> f64 {
        speed::median(side.rounds.iter().map(|elapsed| self.links as f64 / elapsed.as_secs_f64()))
    }
}
