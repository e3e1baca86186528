//! Programs that are measured: where they are, how long they ran, and what they took of the machine.

use std::fs;
use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How often a running program is looked at: its memory is gone once it has ended.
const LOOK: Duration = Duration::from_millis(3);
/// The clock in which Linux counts processor time, on every architecture of today.
const TICKS_A_SECOND: f64 = 100.0;
/// Names of browsers on the search path, in the order in which the resolver looks for one.
const BROWSERS: &[&str] =
    &["google-chrome-stable", "google-chrome", "chromium", "chromium-browser", "microsoft-edge-stable", "microsoft-edge", "brave-browser"];

/// What a program came to.
pub(super) struct Ran {
    pub(super) status: ExitStatus,
    pub(super) output: String,
    pub(super) complaints: String,
    /// From its start to its end.
    pub(super) elapsed: Duration,
    /// Processor time of it and of what it has waited for, all cores together; to 10 ms.
    pub(super) processor: Duration,
    /// The most memory that it had at once, of itself alone; to the last look.
    pub(super) peak_mib: f64,
}

/// Runs a program to its end.
pub(super) fn run(command: &mut Command) -> anyhow::Result<Ran> {
    // Files and not pipes: nobody has to empty them while the program runs.
    let (mut output, mut complaints) = (tempfile::tempfile()?, tempfile::tempfile()?);
    let processor_before = children_processor_time();
    let started = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(complaints.try_clone()?).spawn()?;
    let status_path = format!("/proc/{}/status", child.id());
    let mut peak_mib = 0.0_f64;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        peak_mib = peak_mib.max(peak_mib_in(&status_path).unwrap_or(0.0));
        std::thread::park_timeout(LOOK);
    };
    let elapsed = started.elapsed();
    let processor = children_processor_time().saturating_sub(processor_before);
    Ok(Ran { status, output: text_of(&mut output)?, complaints: text_of(&mut complaints)?, elapsed, processor, peak_mib })
}

/// The most memory that this process had at once.
pub(super) fn own_peak_mib() -> f64 {
    peak_mib_in("/proc/self/status").unwrap_or(0.0)
}

/// The load average of the last minute, 5 and 15; empty where the system does not tell.
pub(super) fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// A program on the search path, or in one of these folders.
pub(super) fn find(name: &str, places: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(places.iter().map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// The browser: this one, or the first on the search path.
pub(super) fn browser(chosen: Option<&Path>) -> Option<PathBuf> {
    chosen.map(Path::to_owned).or_else(|| BROWSERS.iter().find_map(|name| find(name, &[])))
}

fn peak_mib_in(status_path: &str) -> Option<f64> {
    let status = fs::read_to_string(status_path).ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().trim_end_matches(" kB");
    Some(kib.parse::<f64>().ok()? / 1_024.0)
}

/// Processor time of all children that have been waited for; fields 16 and 17 of proc(5)'s `stat`.
fn children_processor_time() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: f64 = behind_name.split_whitespace().skip(13).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    Duration::from_secs_f64(ticks / TICKS_A_SECOND)
}

fn text_of(file: &mut fs::File) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
