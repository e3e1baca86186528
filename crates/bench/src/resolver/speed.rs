//! Links a second over HTTP: every program resolves the same list in turn, round after round, so that a busy moment of
//! the machine meets all of them.

use std::fs;
use std::time::Duration;

use anyhow::{Context, bail};

use super::engine::{self, Outcome};
use super::process::{self, Ran};
use super::rival::{Curl, Lychee};
use super::site::Site;

/// What one program came to.
pub(super) struct Program {
    pub(super) name: &'static str,
    /// Its time for the list in each round, from start to end of its process.
    pub(super) times: Vec<Duration>,
    /// The most memory that it had, of all rounds.
    pub(super) peak_mib: f64,
    /// Processor time of all rounds.
    pub(super) processor: Duration,
    /// Of each round's time what was spent on links, where the program tells: the rest is its start and its end.
    pub(super) on_links: Vec<Duration>,
}

/// Every program over the same links.
pub(super) struct Speed {
    pub(super) links: usize,
    pub(super) rounds: usize,
    pub(super) ours: Program,
    pub(super) rivals: Vec<Program>,
    /// Programs that are not installed.
    pub(super) absent: Vec<&'static str>,
}

/// Measures.
pub(super) fn measure(site: &Site, arguments: &super::Arguments) -> anyhow::Result<Speed> {
    let folder = tempfile::tempdir()?;
    let links = site.links(arguments.links);
    let list = folder.path().join("links.txt");
    fs::write(&list, links.join("\n") + "\n")?;
    let curl = Curl::prepare(folder.path(), &links)?;
    let lychee = Lychee::prepare(&list)?;
    let (mut ours, mut curls, mut lychees) = (Program::new("link-peeler"), Program::new("curl"), Program::new("lychee"));
    for round in 1..=arguments.rounds {
        eprintln!("{} links over HTTP, round {round} of {}", links.len(), arguments.rounds);
        let (outcome, ran) = run_ours(&mut engine::command(&list, arguments.chains, None)?)?;
        if let Some(failure) = outcome.first_failure {
            bail!("only {} of {} links ended at their page: {failure}", outcome.reached, links.len());
        }
        ours.add(outcome.reached, links.len(), &Ran { peak_mib: outcome.peak_mib, ..ran })?;
        ours.on_links.push(outcome.elapsed);
        if let Some(curl) = &curl {
            let (reached, ran) = curl.run()?;
            curls.add(reached, links.len(), &ran)?;
        }
        if let Some(lychee) = &lychee {
            let (reached, ran) = lychee.run()?;
            lychees.add(reached, links.len(), &ran)?;
        }
    }
    let (rivals, absent): (Vec<_>, Vec<_>) = [curls, lychees].into_iter().partition(|program| !program.times.is_empty());
    let absent = absent.iter().map(|program| program.name).collect();
    Ok(Speed { links: links.len(), rounds: arguments.rounds, ours, rivals, absent })
}

/// Runs our side, and reads what it says.
pub(super) fn run_ours(command: &mut std::process::Command) -> anyhow::Result<(Outcome, Ran)> {
    let ran = process::run(command)?;
    if !ran.status.success() {
        bail!("our side ended with {}: {}", ran.status, ran.complaints);
    }
    let outcome = serde_json::from_str(&ran.output).context("our side's outcome")?;
    Ok((outcome, ran))
}

impl Program {
    fn new(name: &'static str) -> Self {
        Self { name, times: Vec::new(), peak_mib: 0.0, processor: Duration::ZERO, on_links: Vec::new() }
    }

    /// Adds a round. A program that loses links is not slower or faster: its figure would mean nothing.
    fn add(&mut self, reached: usize, links: usize, ran: &Ran) -> anyhow::Result<()> {
        if reached != links {
            bail!("{}: only {reached} of {links} links ended at their page ({}); {}", self.name, ran.status, ran.complaints);
        }
        self.times.push(ran.elapsed);
        self.peak_mib = self.peak_mib.max(ran.peak_mib);
        self.processor += ran.processor;
        Ok(())
    }
}

impl Speed {
    /// Links a second of a program: the median of its rounds.
    pub(super) fn a_second(&self, program: &Program) -> f64 {
        median(program.times.iter().map(|time| self.links as f64 / time.as_secs_f64()))
    }

    /// Slowest and fastest round, in links a second.
    pub(super) fn range(&self, program: &Program) -> (f64, f64) {
        let rates = || program.times.iter().map(|time| self.links as f64 / time.as_secs_f64());
        (rates().fold(f64::INFINITY, f64::min), rates().fold(0.0, f64::max))
    }

    /// Our speed over a program's: the median of what each round says, whose two runs followed each other.
    pub(super) fn ratio(&self, program: &Program) -> f64 {
        ratio(&self.ours.times, &program.times)
    }

    /// Our processor time over a program's, the other way round: how many links we resolve with what it needs for one.
    pub(super) fn processor_ratio(&self, program: &Program) -> f64 {
        self.processor_us(program) / self.processor_us(&self.ours).max(f64::MIN_POSITIVE)
    }

    /// A program of this name, when it was measured.
    pub(super) fn rival(&self, name: &str) -> Option<&Program> {
        self.rivals.iter().find(|rival| rival.name == name)
    }

    /// Milliseconds of a round before our first link and after the last; the median.
    pub(super) fn our_start_ms(&self) -> f64 {
        let Program { times, on_links, .. } = &self.ours;
        median(times.iter().zip(on_links).map(|(all, links)| all.saturating_sub(*links).as_secs_f64() * 1_000.0))
    }

    /// Our links a second between first link and last; the median.
    pub(super) fn our_steady_rate(&self) -> f64 {
        median(self.ours.on_links.iter().map(|time| self.links as f64 / time.as_secs_f64()))
    }

    /// Microseconds of processor time for each link.
    pub(super) fn processor_us(&self, program: &Program) -> f64 {
        program.processor.as_secs_f64() * 1_000_000.0 / (self.links * self.rounds) as f64
    }
}

/// How often as fast `ours` is as `theirs`, round by round; the median.
pub(super) fn ratio(ours: &[Duration], theirs: &[Duration]) -> f64 {
    median(ours.iter().zip(theirs).map(|(ours, theirs)| theirs.as_secs_f64() / ours.as_secs_f64()))
}

/// The middle one; of an even number the upper of both, so that it is a figure that happened. Zero of none.
pub(super) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_compares_rounds_that_followed_each_other() {
        let seconds = |times: [u64; 3]| times.map(Duration::from_secs);
        // The machine was busy in the second round: that says nothing about either.
        assert_eq!(ratio(&seconds([1, 10, 1]), &seconds([2, 20, 2])), 2.0);
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(median(std::iter::empty()), 0.0);
    }
}
