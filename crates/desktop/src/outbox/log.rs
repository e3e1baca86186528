//! The outbox's file: appended to, synced, and rewritten when most of it has been cleared. One writer; no locks.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use protocol::JobId;
use protocol::device::ReportedResult;

use super::record::{self, Record};
use crate::private_file;

const FILE: &str = "outbox.log";
/// A file that grew by this much and has no result in it is emptied.
const EMPTIED_FROM_BYTES: u64 = 1_024 * 1_024;
/// A file that grew by this much since it was last rewritten is rewritten: what was cleared goes.
const REWRITTEN_AFTER_BYTES: u64 = 16 * 1_024 * 1_024;

pub(super) struct Log {
    path: PathBuf,
    file: File,
    bytes: u64,
    /// Below this size the file is left alone.
    tidy_from: u64,
    /// From this size on it is rewritten though there are results in it.
    rewrite_at: u64,
    /// Results kept and not cleared.
    live: usize,
    /// A write has failed, perhaps in the middle of a line: what follows begins on a line of its own.
    torn: bool,
    /// The file has taken another's place, which a crash could still undo: nothing kept since would be there.
    place_unsure: bool,
    /// Makes sure of the file's place in its folder.
    sync_place: fn(&Path) -> io::Result<()>,
}

impl Log {
    /// Opens the file, reads what waits in it, and leaves it holding nothing else.
    pub(super) fn open(folder: &Path) -> io::Result<(Self, Vec<ReportedResult>)> {
        let path = folder.join(FILE);
        let results = read(&path)?;
        let (file, bytes) = write_anew(&path, &results)?;
        let sync_place = private_file::sync_folder_of;
        sync_place(&path)?;
        let (tidy_from, rewrite_at) = (bytes + EMPTIED_FROM_BYTES, bytes + REWRITTEN_AFTER_BYTES);
        let log = Self { path, file, bytes, tidy_from, rewrite_at, live: results.len(), torn: false, place_unsure: false, sync_place };
        Ok((log, results))
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
        if kept > 0 && self.place_unsure {
            // What was written may well be there at the next start; it does not count as kept.
            self.make_place_sure()?;
        }
        let has_outgrown = self.bytes >= self.rewrite_at || self.live == 0;
        if has_outgrown
            && self.bytes >= self.tidy_from
            && let Err(error) = self.rewrite()
        {
            // What was kept is kept, in a file that is larger than need be.
            tracing::warn!(%error, bytes = self.bytes, "could not rewrite the outbox; trying again when it has grown");
        }
        Ok(())
    }

    fn rewrite(&mut self) -> io::Result<()> {
        self.tidy_from = self.bytes + EMPTIED_FROM_BYTES;
        let results = read(&self.path)?;
        // From here on the name means this file: what is kept goes to it whatever fails next.
        (self.file, self.bytes) = write_anew(&self.path, &results)?;
        (self.live, self.torn, self.place_unsure) = (results.len(), false, true);
        (self.tidy_from, self.rewrite_at) = (self.bytes + EMPTIED_FROM_BYTES, self.bytes + REWRITTEN_AFTER_BYTES);
        self.make_place_sure()
    }

    fn make_place_sure(&mut self) -> io::Result<()> {
        (self.sync_place)(&self.path)?;
        self.place_unsure = false;
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
    Ok((private_file::replace(path, &lines)?, lines.len() as u64))
}

#[cfg(test)]
mod tests {
    use std::fs;

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

    /// Grows the file until it is rewritten, while the folder cannot be synced.
    fn rewritten_in_an_unsure_place(folder: &Path) -> Log {
        let (mut log, _) = Log::open(folder).unwrap();
        log.sync_place = |_| Err(io::Error::other("no sync today"));
        keep(&mut log, 0);
        let mut large = result(1);
        large.result.detail = "x".repeat(200_000);
        for _ in 0..100 {
            if !log.place_unsure {
                log.append(&record::kept_line(&large).unwrap(), 1, 0).unwrap();
                clear(&mut log, 1);
            }
        }
        assert!(log.place_unsure, "20 MB passed through");
        log
    }

    #[test]
    fn after_a_rewrite_results_go_to_the_file_that_the_next_start_reads() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = rewritten_in_an_unsure_place(folder.path());
        // An error: a crash may bring the old file back. Where nothing crashes, the result is there.
        log.append(&record::kept_line(&result(2)).unwrap(), 1, 0).unwrap_err();
        drop(log);
        assert_eq!(reopened(folder.path()), [result(0), result(2)]);
    }

    #[test]
    fn nothing_counts_as_kept_until_the_file_s_place_is_sure() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = rewritten_in_an_unsure_place(folder.path());
        for _ in 0..2 {
            log.append(&record::kept_line(&result(2)).unwrap(), 1, 0).unwrap_err();
        }
        clear(&mut log, 0);
        log.sync_place = private_file::sync_folder_of;
        keep(&mut log, 3);
        log.sync_place = |_| Err(io::Error::other("no sync today"));
        keep(&mut log, 4);
    }

    #[test]
    fn a_rewrite_that_fails_takes_nothing_from_what_was_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (mut log, _) = Log::open(folder.path()).unwrap();
        keep(&mut log, 0);
        // No file can be made under this name, nor read.
        log.path = folder.path().join("absent").join(FILE);
        fs::create_dir_all(&log.path).unwrap();
        (log.tidy_from, log.rewrite_at) = (1, 1);
        keep(&mut log, 1);
        assert_eq!(reopened(folder.path()), [result(0), result(1)]);
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
