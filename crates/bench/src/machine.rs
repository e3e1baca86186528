//! Where and when a figure was measured: without that it says nothing.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use protocol::{Clock, SystemClock};

/// How long the disk is probed.
const PROBE: Duration = Duration::from_secs(1);

/// The machine, the disk and the day.
pub(crate) struct Machine {
    pub(crate) date: String,
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) system: String,
    pub(crate) file_system: String,
    /// Appends of 4 KiB, each made durable before the next: what one commit at a time could reach at best.
    pub(crate) syncs_a_second: f64,
}

impl Machine {
    /// Looks around. `folder` is where the database will lie.
    pub(crate) fn look(folder: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            date: SystemClock.now().to_string(),
            processor: named_line("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            system: fs::read_to_string("/proc/sys/kernel/osrelease")
                .map_or_else(|_| std::env::consts::OS.to_owned(), |release| format!("Linux {}", release.trim())),
            file_system: file_system(folder).unwrap_or_else(|| "unknown".to_owned()),
            syncs_a_second: syncs_a_second(folder)?,
        })
    }

    /// In a line for a person.
    pub(crate) fn describe(&self) -> String {
        let Self { date, processor, cores, system, file_system, syncs_a_second } = self;
        format!("{date}, {processor}, {cores} cores, {system}, {file_system}, {syncs_a_second:.0} bare durable 4 KiB appends a second")
    }
}

fn named_line(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The type of the file system whose mount point is the longest beginning of the folder's path.
fn file_system(folder: &Path) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        Some((fields.next()?, fields.next()?))
    });
    let around = mounts.filter(|(point, _)| folder.starts_with(point));
    around.max_by_key(|(point, _)| point.len()).map(|(_, kind)| kind.to_owned())
}

fn syncs_a_second(folder: &Path) -> anyhow::Result<f64> {
    let mut file = tempfile::tempfile_in(folder).with_context(|| format!("could not write in {}", folder.display()))?;
    let started = Instant::now();
    let mut syncs = 0_u32;
    while started.elapsed() < PROBE {
        file.write_all(&[7; 4_096])?;
        file.sync_data()?;
        syncs += 1;
    }
    Ok(f64::from(syncs) / started.elapsed().as_secs_f64())
}
