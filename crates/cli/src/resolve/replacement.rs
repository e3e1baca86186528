//! A file that is written anew while it may still be read: what was there stays until the new one is whole.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tempfile::NamedTempFile;

use crate::exit::Failure;

/// Where results are written.
pub(crate) struct Replacement {
    path: PathBuf,
    to: To,
}

enum To {
    /// Standard output, a pipe, or a file that was not there: nothing is lost when it is written at once.
    Itself(Box<dyn Write>),
    /// Beside the file that is there.
    Beside(NamedTempFile),
}

impl Replacement {
    /// Begins to write `path`, or standard output for `-`.
    pub(crate) fn begin(path: &Path) -> Result<Self, Failure> {
        if path == Path::new("-") {
            return Ok(Self { path: "standard output".into(), to: To::Itself(Box::new(io::stdout())) });
        }
        let cannot = || format!("cannot write {}", path.display());
        match fs::metadata(path) {
            Ok(old) if old.is_file() => {
                // Where a symbolic link leads: the link itself should stay.
                let path = path.canonicalize().with_context(cannot)?;
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                let folder = path.parent().unwrap_or(Path::new("."));
                let beside = tempfile::Builder::new().prefix(&format!("{name}.")).suffix(".partial").tempfile_in(folder);
                let beside = beside.with_context(cannot)?;
                beside.as_file().set_permissions(old.permissions()).with_context(cannot)?;
                Ok(Self { path, to: To::Beside(beside) })
            }
            _ => {
                let file = File::create(path).with_context(cannot)?;
                Ok(Self { path: path.to_owned(), to: To::Itself(Box::new(file)) })
            }
        }
    }

    /// Puts a whole file in the place of the old one. One that is not whole stays beside it: its path is returned.
    pub(crate) fn finish(self, is_whole: bool) -> Result<Option<PathBuf>, Failure> {
        let cannot = || format!("cannot write {}", self.path.display());
        match self.to {
            To::Itself(mut output) => {
                output.flush()?;
                Ok(None)
            }
            To::Beside(beside) if is_whole => {
                // A crash must not leave a name whose content was never written.
                beside.as_file().sync_all().with_context(cannot)?;
                beside.persist(&self.path).with_context(cannot)?;
                Ok(None)
            }
            To::Beside(beside) => Ok(Some(beside.keep().with_context(cannot)?.1)),
        }
    }

    /// The kind stays: a closed pipe is no fault.
    fn named<T>(&self, done: io::Result<T>) -> io::Result<T> {
        done.map_err(|error| io::Error::new(error.kind(), format!("cannot write {}: {error}", self.path.display())))
    }
}

impl Write for Replacement {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match &mut self.to {
            To::Itself(output) => output.write(bytes),
            To::Beside(file) => file.write(bytes),
        };
        self.named(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = match &mut self.to {
            To::Itself(output) => output.flush(),
            To::Beside(file) => file.flush(),
        };
        self.named(flushed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_stays_until_the_new_one_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("round.csv");
        let write = |text: &str| {
            let mut file = Replacement::begin(&path).unwrap();
            file.write_all(text.as_bytes()).unwrap();
            file
        };
        assert_eq!(write("old").finish(false).unwrap(), None, "a file that was not there is written at once");

        let file = write("half");
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        let partial = file.finish(false).unwrap().unwrap();
        assert!(partial.file_name().unwrap().to_str().unwrap().starts_with("round.csv."), "{partial:?}");
        let read = |path: &Path| fs::read_to_string(path).unwrap();
        assert_eq!((read(&path), read(&partial)), ("old".to_owned(), "half".to_owned()));

        assert_eq!(write("new").finish(true).unwrap(), None);
        assert_eq!((read(&path), fs::read_dir(folder.path()).unwrap().count()), ("new".to_owned(), 2));
    }

    #[cfg(unix)]
    #[test]
    fn mode_and_symbolic_link_stay() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file.csv"), folder.path().join("link.csv"));
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        Replacement::begin(&link).unwrap().finish(true).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!((fs::metadata(&file).unwrap().permissions().mode() & 0o777, fs::read(&file).unwrap().len()), (0o640, 0));
    }
}
