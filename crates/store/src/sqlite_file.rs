//! Opening the embedded database's file to write to it: only one that is new or ours, and, to serve it, only where nobody
//! else does. SQLite itself would let any number of relays at one file; each would hold keys and waiting desktops in memory
//! that the others know nothing of.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::error::StoreError;
use crate::migrate::{self, Schema};
use crate::session::sqlite;

/// What a store is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To serve callers and desktops: makes what is not there, and brings its schema up to date.
    Serve,
    /// For a short piece of work beside whoever serves it: makes and migrates nothing.
    WorkBeside,
}

/// A file that may be written to.
pub(crate) struct WritableFile {
    pub(crate) connection: Connection,
    /// Outlives the connection: nobody else serves the file before it is closed.
    pub(crate) served: Option<Served>,
}

/// Tables that neither SQLite nor we have made.
const FIRST_TABLE: &str = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' LIMIT 1";

/// The right to serve a file, for as long as this lives. The system takes it back when the process ends, however it does.
#[derive(Debug)]
pub(crate) struct Served {
    /// Held, never read. The file stays behind: whoever removed it could leave two that each hold one of that name.
    _lock: File,
}

impl Served {
    /// Takes the right to serve the database at this path, at once or not at all.
    pub(crate) fn take(database: &Path) -> Result<Self, StoreError> {
        let path = lock_of(database);
        let fail = |error: std::io::Error| StoreError::Setup(format!("{}: {error}", path.display()));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let lock = options.open(&path).map_err(fail)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Served(database.to_owned())),
            Err(TryLockError::Error(error)) => Err(fail(error)),
        }
    }
}

/// The lock lies beside the file itself, whichever link leads to it: SQLite's own files do, too. It cannot be the database:
/// closing any handle to that would take SQLite's locks away.
fn lock_of(database: &Path) -> PathBuf {
    let mut name = std::fs::canonicalize(database).unwrap_or_else(|_| database.to_owned()).into_os_string();
    name.push("-lock");
    name.into()
}

/// Opens the file for this purpose.
pub(crate) fn open(path: &Path, purpose: Purpose) -> Result<WritableFile, StoreError> {
    match purpose {
        Purpose::Serve => {
            // Made first: the lock lies where the file really is.
            let mut connection = sqlite::open(path, false)?;
            let served = Served::take(path)?;
            migrate::sqlite(&mut connection)?;
            Ok(WritableFile { connection, served: Some(served) })
        }
        Purpose::WorkBeside => {
            if !path.exists() {
                return Err(StoreError::Setup(format!("{} does not exist", path.display())));
            }
            let connection = sqlite::open(path, false)?;
            Schema::of_sqlite(&connection)?.expect_current()?;
            Ok(WritableFile { connection, served: None })
        }
    }
}

/// Refuses a file that another program keeps its tables in, before anything of it is changed.
pub(crate) fn expect_new_or_ours(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    if Schema::of_sqlite(connection)?.version() > 0 {
        return Ok(());
    }
    let mut tables = connection.prepare(FIRST_TABLE)?;
    let first = tables.query_map([], |row| row.get::<_, String>(0))?.next().transpose()?;
    match first {
        // Made by a first migration that was broken off.
        None => Ok(()),
        Some(table) if table == "refinery_schema_history" => Ok(()),
        Some(table) => Err(StoreError::Setup(format!(
            "{} is another program's database (it has a table `{table}`); name a new file, or one of link-peeler's",
            path.display()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_served_once_whichever_name_it_goes_by() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("relay.sqlite"), folder.path().join("link.sqlite"));
        let serving = open(&file, Purpose::Serve).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        for path in [&file, &link] {
            let refused = open(path, Purpose::Serve).err().unwrap();
            assert!(matches!(&refused, StoreError::Served(named) if named == path), "{refused}");
            let text = refused.to_string();
            assert!(text.contains(path.to_str().unwrap()) && text.contains("stop that relay"), "{text}");
        }
        // A short piece of work goes on beside it.
        open(&file, Purpose::WorkBeside).unwrap();
        drop(serving);
        open(&link, Purpose::Serve).unwrap();
    }

    #[test]
    fn another_programs_file_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("theirs.sqlite");
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE users (name TEXT)").unwrap();
        let before = std::fs::read(&path).unwrap();
        for purpose in [Purpose::Serve, Purpose::WorkBeside] {
            let refused = open(&path, purpose).err().unwrap().to_string();
            assert!(refused.contains("theirs.sqlite") && refused.contains("`users`"), "{refused}");
        }
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }

    #[test]
    fn work_beside_a_relay_makes_and_migrates_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("none.sqlite");
        assert!(open(&path, Purpose::WorkBeside).err().unwrap().to_string().contains("none.sqlite does not exist"));
        assert!(!path.exists());
        std::fs::write(&path, "").unwrap();
        assert!(open(&path, Purpose::WorkBeside).err().unwrap().to_string().contains("db migrate"));
    }
}
