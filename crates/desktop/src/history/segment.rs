//! The files of the history: `history-N.log`, one JSON object a line, appended to. When one is full the next begins, and
//! of those before it one is kept: that bounds the disk without rewriting anything.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use crate::private_file;

/// Bytes after which a segment is full. Two of them and a line are the most that lies on the disk.
pub(super) const FULL_BYTES: u64 = 16 * 1_024 * 1_024;
/// Jobs after which a segment is full: the list in memory has some 5 MB for two.
pub(super) const FULL_JOBS: usize = 5_000;

/// Where a line lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) segment: u64,
    offset: u64,
    bytes: usize,
}

/// The segment that is written to, and those that may be read.
#[derive(Debug)]
pub(super) struct Segments {
    folder: PathBuf,
    number: u64,
    file: File,
    bytes: u64,
    jobs: usize,
}

impl Segments {
    /// Opens what is there and reads it from the oldest line to the newest. `each` is given every whole line with its place
    /// and says whether it was a job.
    pub(super) fn open(folder: &Path, mut each: impl FnMut(Place, &[u8]) -> bool) -> io::Result<Self> {
        let mut numbers = numbers(folder)?;
        let newest = numbers.last().copied().unwrap_or(1);
        for number in numbers.drain(..).filter(|number| number + 1 < newest).collect::<Vec<_>>() {
            fs::remove_file(path(folder, number))?;
        }
        let (mut bytes, mut jobs, mut is_torn) = (0, 0, false);
        for number in [newest.saturating_sub(1), newest] {
            let text = private_file::read(&path(folder, number))?.unwrap_or_default();
            (bytes, jobs, is_torn) = (text.len() as u64, 0, text.last().is_some_and(|last| *last != b'\n'));
            let mut offset = 0;
            for line in text.split_inclusive(|byte| *byte == b'\n') {
                let place = Place { segment: number, offset, bytes: line.len() };
                jobs += usize::from(each(place, line));
                offset += line.len() as u64;
            }
        }
        let mut segments = Self { folder: folder.to_owned(), number: newest, file: append_to(&path(folder, newest))?, bytes, jobs };
        if is_torn {
            segments.write(b"\n", false)?;
        }
        Ok(segments)
    }

    /// Appends a line, in the next segment when this one is full. Also the number below which segments are gone, when one
    /// went. Not synced: the history tells what was, nothing rests on it.
    pub(super) fn append(&mut self, line: &[u8], is_job: bool) -> io::Result<(Place, Option<u64>)> {
        let mut gone = None;
        if self.bytes >= FULL_BYTES || self.jobs >= FULL_JOBS {
            let next = self.number + 1;
            self.file = append_to(&path(&self.folder, next))?;
            (self.number, self.bytes, self.jobs) = (next, 0, 0);
            remove(&path(&self.folder, next - 2))?;
            gone = Some(next - 1);
        }
        let place = Place { segment: self.number, offset: self.bytes, bytes: line.len() };
        self.write(line, is_job)?;
        Ok((place, gone))
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        let next = self.number + 1;
        self.file = append_to(&path(&self.folder, next))?;
        let before = [self.number.saturating_sub(1), self.number];
        (self.number, self.bytes, self.jobs) = (next, 0, 0);
        before.iter().try_for_each(|number| remove(&path(&self.folder, *number)))
    }

    fn write(&mut self, line: &[u8], is_job: bool) -> io::Result<()> {
        self.file.write_all(line)?;
        self.bytes += line.len() as u64;
        self.jobs += usize::from(is_job);
        Ok(())
    }
}

/// The line at `place`; none when its segment is gone.
pub(super) fn read(folder: &Path, place: Place) -> io::Result<Option<Vec<u8>>> {
    let mut file = match File::open(path(folder, place.segment)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    file.seek(SeekFrom::Start(place.offset))?;
    let mut line = vec![0; place.bytes];
    file.read_exact(&mut line)?;
    Ok(Some(line))
}

fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("history-{number}.log"))
}

/// The numbers of the segments that are there, in order.
fn numbers(folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let number: Option<u64> = name.to_str().and_then(|name| name.strip_prefix("history-")?.strip_suffix(".log")?.parse().ok());
        numbers.extend(number);
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn append_to(path: &Path) -> io::Result<File> {
    private_file::owner_only(OpenOptions::new().create(true).append(true)).open(path)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
