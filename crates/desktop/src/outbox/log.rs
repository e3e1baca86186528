//! The outbox's file: appended to, synced, and rewritten when most of it has been cleared. One writer; no locks.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use protocol::JobId;
use protocol::device::ReportedResult;

use super::record::{self, Record};
use crate::private_file;

const FILE: &str = "outbox.log";
/// A file of this size without a result in it is emptied.
const EMPTIED_FROM_BYTES: u64 = 1_024 * 1_024;
/// A file that grew by this much since it was last rewritten is rewritten: what was cleared goes.
const REWRITTEN_AFTER_BYTES: u64 = 16 * 1_024 * 1_024;

pub(super) struct Log {
    path: PathBuf,
    file: File,
    bytes: u64,
    rewrite_at: u64,
    /// Results kept and not cleared.
    live: usize,
    /// A write has failed, perhaps in the middle of a line: what follows begins on a line of its own.
    torn: bool,
}

impl Log {
    /// Opens the file, reads what waits in it, and leaves it holding nothing else.
    pub(super) fn open(folder: &Path) -> io::Result<(Self, Vec<ReportedResult>)> {
        let path = folder.join(FILE);
        let results = read(&path)?;
        let (file, bytes) = write_anew(&path, &results)?;
        let live = results.len();
        Ok((Self { path, file, bytes, rewrite_at: bytes + REWRITTEN_AFTER_BYTES, live, torn: false }, results))
    }

    /// Appends whole lines: `kept` results and `cleared` ones. With a result among them nothing returns before it is on
    /// the disk; what only clears may be lost in a crash, and is then reported once more to no harm.
    pub(super) fn append(&mut self, lines: &[u8], kept: usize, cleared: usize) -> io::Result<()> {
        let mut appended = || {
            if self.torn {
                self.file.write_all(b"\n")?;
            }
            self.file.write_all(lines)?;
            if kept > 0 { self.file.sync_data() } else { Ok(()) }
        };
        let ended = appended();
        self.torn = ended.is_err();
        self.bytes += lines.len() as u64;
        self.live = (self.live + kept).saturating_sub(cleared);
        ended?;
        self.tidy()
    }

    fn tidy(&mut self) -> io::Result<()> {
        if self.live == 0 && self.bytes >= EMPTIED_FROM_BYTES {
            self.file.set_len(0)?;
            (self.bytes, self.rewrite_at) = (0, REWRITTEN_AFTER_BYTES);
        } else if self.bytes >= self.rewrite_at {
            let results = read(&self.path)?;
            (self.file, self.bytes) = write_anew(&self.path, &results)?;
            (self.live, self.rewrite_at) = (results.len(), self.bytes + REWRITTEN_AFTER_BYTES);
        }
        Ok(())
    }
}

/// What was kept and not cleared, oldest first. Damaged lines, a torn tail above all, are passed over.
fn read(path: &Path) -> io::Result<Vec<ReportedResult>> {
    let bytes = private_file::read(path)?.unwrap_or_default();
    let mut results: BTreeMap<(JobId, u32), (usize, ReportedResult)> = BTreeMap::new();
    let mut damaged = 0_usize;
    for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty()) {
        match record::read_line(line) {
            Some(Record::Kept(result)) => drop(results.insert((result.job_id, result.fence), (at, result))),
            Some(Record::Cleared(job)) => drop(results.remove(&(job.job_id, job.fence))),
            None => damaged += 1,
        }
    }
    if damaged > 0 {
        tracing::warn!(damaged, path = %path.display(), "the outbox has damaged lines, as after a crash; their jobs will run again");
    }
    let mut results: Vec<_> = results.into_values().collect();
    results.sort_by_key(|(at, _)| *at);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}

fn write_anew(path: &Path, results: &[ReportedResult]) -> io::Result<(File, u64)> {
    let mut lines = Vec::new();
    for result in results {
        lines.extend(record::kept_line(result)?);
    }
    private_file::write(path, &lines)?;
    let file = OpenOptions::new().append(true).open(path)?;
    let bytes = fs::metadata(path)?.len();
    Ok((file, bytes))
}

#[cfg(test)]
mod tests {
    use protocol::device::HeldJob;
    use protocol::{JobResult, UnixMillis};

    use super::*;

    fn result(n: u8) -> ReportedResult {
        let job_id = JobId::new(UnixMillis(1), [n; 10]);
        ReportedResult { job_id, fence: 1, result: JobResult::not_executed(format!("result {n}"), UnixMillis(1)) }
    }

    fn keep(log: &mut Log, n: u8) {
        log.append(&record::kept_line(&result(n)).unwrap(), 1, 0).unwrap();
    }

    fn clear(log: &mut Log, n: u8) {
        let job = HeldJob { job_id: result(n).job_id, fence: 1 };
        log.append(&record::cleared_line(job).unwrap(), 0, 1).unwrap();
    }

    fn reopened(folder: &Path) -> Vec<ReportedResult> {
        Log::open(folder).unwrap().1
    }

    #[test]
    fn what_was_kept_and_not_cleared_is_there_after_a_restart_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let (mut log, _) = Log::open(folder.path()).unwrap();
        for n in [3, 1, 2] {
            keep(&mut log, n);
        }
        clear(&mut log, 1);
        assert_eq!(reopened(folder.path()), [result(3), result(2)]);
        assert_eq!(reopened(folder.path()), [result(3), result(2)], "reading does not consume");
    }

    #[test]
    fn a_torn_tail_costs_only_itself() {
        let folder = tempfile::tempdir().unwrap();
        let (mut log, _) = Log::open(folder.path()).unwrap();
        keep(&mut log, 1);
        let whole = record::kept_line(&result(2)).unwrap();
        for cut in [1, 10, 40, whole.len() - 1] {
            let path = folder.path().join(FILE);
            let mut bytes = fs::read(&path).unwrap();
            bytes.extend_from_slice(&whole[..cut]);
            fs::write(&path, bytes).unwrap();
            let found = reopened(folder.path());
            // Only the line feed is missing: the result is whole all the same.
            let expected = if cut == whole.len() - 1 { vec![result(1), result(2)] } else { vec![result(1)] };
            assert_eq!(found, expected, "cut at {cut}");
        }
    }

    #[test]
    fn a_damaged_line_in_the_middle_costs_only_itself() {
        let folder = tempfile::tempdir().unwrap();
        let (mut log, _) = Log::open(folder.path()).unwrap();
        for n in 1..=3 {
            keep(&mut log, n);
        }
        let path = folder.path().join(FILE);
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert_eq!(reopened(folder.path()), [result(1), result(3)]);
    }

    #[test]
    fn the_file_does_not_grow_with_what_has_been_cleared() {
        let folder = tempfile::tempdir().unwrap();
        let (mut log, _) = Log::open(folder.path()).unwrap();
        keep(&mut log, 0);
        let mut large = result(1);
        large.result.detail = "x".repeat(200_000);
        for _ in 0..200 {
            log.append(&record::kept_line(&large).unwrap(), 1, 0).unwrap();
            clear(&mut log, 1);
        }
        assert!(log.bytes < REWRITTEN_AFTER_BYTES + 1_000_000, "40 MB passed through, {} lie there", log.bytes);
        clear(&mut log, 0);
        assert!(reopened(folder.path()).is_empty());
    }
}
