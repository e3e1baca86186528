//! Ends pages that take more memory than any landing page needs. A page that allocates without end must not take the
//! machine down with it; its own process is killed, and only its job ends.

use std::time::Duration;

/// Memory of one of the browser's processes; landing pages stay below 300 MiB.
const MAX_PAGE_BYTES: u64 = 1_024 * 1_024 * 1_024;
/// A page can fill some hundred megabytes between two looks.
const LOOK: Duration = Duration::from_millis(250);

/// Watches the processes of a group until it is dropped. Only Linux tells memory cheaply; elsewhere the limit of the
/// scripts' heap is all there is.
pub(super) async fn watch(group: i32) {
    if !cfg!(target_os = "linux") {
        return;
    }
    let mut ticks = tokio::time::interval(LOOK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        for process in too_large(group) {
            tracing::warn!(process, "a page takes more memory than it may: its process is ended");
            kill(process);
        }
    }
}

/// Memory of a browser's processes together, in bytes; 0 where the system does not tell.
pub(super) fn of_group(group: i32) -> u64 {
    members(group).map(|(_, bytes)| bytes).sum()
}

fn too_large(group: i32) -> Vec<i32> {
    // The browser's own process is the group's leader: it holds every page's state and is replaced by number of jobs.
    members(group).filter(|(process, bytes)| *process != group && *bytes > MAX_PAGE_BYTES).map(|(process, _)| process).collect()
}

fn members(group: i32) -> impl Iterator<Item = (i32, u64)> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(move |entry| {
        let process: i32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        let (own, pages) = read_stat(&stat)?;
        (own == group).then_some((process, pages * PAGE_BYTES))
    })
}

/// Page size of every Linux that Chrome is built for, but for some ARM servers, where it errs to the safe side.
const PAGE_BYTES: u64 = 4_096;

/// Group and resident pages out of `/proc/PID/stat` (proc(5)): fields 5 and 24, counted from behind the name, which may
/// have spaces and parentheses of its own.
fn read_stat(stat: &str) -> Option<(i32, u64)> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let group = fields.nth(2)?.parse().ok()?;
    let pages = fields.nth(18)?.parse().ok()?;
    Some((group, pages))
}

#[cfg(unix)]
fn kill(process: i32) {
    if let Some(process) = rustix::process::Pid::from_raw(process) {
        rustix::process::kill_process(process, rustix::process::Signal::KILL).ok();
    }
}

#[cfg(not(unix))]
fn kill(_process: i32) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn group_and_memory_are_read_behind_a_name_of_any_kind() {
        let stat = "42 (a) (b c) S 1 40 40 0 -1 4194560 100 0 0 0 1 2 0 0 20 0 7 0 1234 9999999 321 18446744073709551615 1";
        assert_eq!(read_stat(stat), Some((40, 321)));
        assert_eq!(read_stat(""), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_seen_in_its_group() {
        let group = rustix::process::getpgrp().as_raw_nonzero().get();
        assert!(of_group(group) > 0);
    }
}
