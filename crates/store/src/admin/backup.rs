//! Backups. Of an SQLite file by the online backup API while relays run: a copy of the file alone would miss what is
//! still in the write-ahead log, or tear. Of PostgreSQL by its own tools.

use std::fs::File;
use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use serde::Serialize;
use tempfile::NamedTempFile;

use super::AdminError;
use super::open::{connect, files_of};
use super::postgres_tools::{self, Tools};
use crate::database::DatabaseUrl;
use crate::migrate::Schema;
use crate::session::{PostgresUrl, sqlite};

/// Pages of one step of the backup; the whole of it reads one moment, however many steps it takes.
const PAGES_PER_STEP: i32 = 4_096;

/// A finished backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BackedUp {
    /// Where it is.
    pub file: PathBuf,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// How it was verified.
    pub verified_by: &'static str,
}

/// Backs a database up into a new file, and verifies the file before it gets its name.
///
/// # Errors
/// When the file exists, the database cannot be read, or the copy is not sound. For PostgreSQL also when `pg_dump` is
/// not among the tools; the error then says what to run.
pub async fn backup(url: &DatabaseUrl, file: &Path, tools: &Tools) -> Result<BackedUp, AdminError> {
    if file.exists() {
        return Err(AdminError::Exists(file.to_owned()));
    }
    let verified_by = match url {
        DatabaseUrl::Sqlite(path) => {
            if !path.exists() {
                return Err(AdminError::Missing(path.clone()));
            }
            let (path, target) = (path.clone(), file.to_owned());
            let back_up = move || {
                let source = sqlite::open(&path, true)?;
                expect_ours(&Schema::of_sqlite(&source)?, &path.display().to_string())?;
                copy_into_new_file(&source, &target)
            };
            blocking(back_up).await?;
            "integrity_check"
        }
        DatabaseUrl::Postgres(url) => {
            let schema = Schema::of_postgres(&mut connect(&PostgresUrl::parse(url)?).await?).await?;
            expect_ours(&schema, "this PostgreSQL database")?;
            postgres_tools::dump(url, file, tools).await?
        }
    };
    let size_bytes = file.metadata().map_err(AdminError::file(file))?.len();
    Ok(BackedUp { file: file.to_owned(), size_bytes, verified_by })
}

/// Refuses what could never be restored: something that no relay has made.
fn expect_ours(schema: &Schema, what: &str) -> Result<(), AdminError> {
    if schema.version() == 0 { Err(AdminError::Unsuitable(format!("{what} is no database of link-peeler's"))) } else { Ok(()) }
}

/// Copies what `source` holds at this moment into a new file that is durable, sound and complete by itself.
pub(super) fn copy_into_new_file(source: &Connection, target: &Path) -> Result<(), AdminError> {
    let partial = new_file_beside(target)?;
    {
        let mut copy = Connection::open(partial.path())?;
        // A read transaction of ours pins the moment. Without it every commit of a running relay would make the backup
        // begin again, and under load it would never end.
        source.execute_batch("BEGIN")?;
        let _: i64 = source.query_one("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        let copied = run(&Backup::new(source, &mut copy)?, target);
        source.execute_batch("ROLLBACK")?;
        copied?;
        check_integrity(&copy, target)?;
        // One file, without a log beside it: what is carried away is whole. The relay that opens it turns the log on.
        copy.pragma_update(None, "journal_mode", "DELETE").map_err(full_disk(target))?;
    }
    keep(partial, target)
}

fn run(backup: &Backup<'_, '_>, target: &Path) -> Result<(), AdminError> {
    loop {
        match backup.step(PAGES_PER_STEP).map_err(full_disk(target))? {
            StepResult::Done => return Ok(()),
            StepResult::More => {}
            // Both are our own: nobody else writes to either side of this backup.
            StepResult::Busy | StepResult::Locked => {
                return Err(AdminError::Unsuitable("the database file is locked by another program".to_owned()));
            }
            _ => {}
        }
    }
}

/// Of the two sides of a copy only the new file can want room.
fn full_disk(target: &Path) -> impl FnOnce(rusqlite::Error) -> AdminError + use<> {
    let path = target.to_owned();
    move |error| match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DiskFull) => AdminError::File { path, error: std::io::ErrorKind::StorageFull.into() },
        _ => error.into(),
    }
}

/// A file that nobody else can read, in the folder where it is to stay. Gone again unless it is kept.
pub(super) fn new_file_beside(target: &Path) -> Result<NamedTempFile, AdminError> {
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    tempfile::Builder::new().prefix(".link-peeler-").tempfile_in(folder).map_err(AdminError::file(folder))
}

/// Gives a finished file its name, durably, unless something has that name by now.
pub(super) fn keep(partial: NamedTempFile, target: &Path) -> Result<(), AdminError> {
    partial.as_file().sync_all().map_err(AdminError::file(target))?;
    partial.persist_noclobber(target).map_err(|refused| match refused.error.kind() {
        std::io::ErrorKind::AlreadyExists => AdminError::Exists(target.to_owned()),
        _ => AdminError::File { path: target.to_owned(), error: refused.error },
    })?;
    // The name is durable once the folder is.
    if let Some(folder) = target.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(AdminError::file(folder))?;
    }
    Ok(())
}

/// Opens a backup to read it, without leaving anything beside it, and checks that it is whole and ours.
pub(super) fn open_backup(file: &Path) -> Result<Connection, AdminError> {
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    check_integrity(&connection, file)?;
    let schema = Schema::of_sqlite(&connection)?;
    schema.check_usable()?;
    expect_ours(&schema, &file.display().to_string())?;
    Ok(connection)
}

fn check_integrity(connection: &Connection, file: &Path) -> Result<(), AdminError> {
    let damaged = |why: String| AdminError::Unsuitable(format!("{} is damaged: {why}", file.display()));
    let found: Result<String, _> = connection.query_one("PRAGMA integrity_check(1)", [], |row| row.get(0));
    match found {
        Ok(found) if found == "ok" => Ok(()),
        Ok(found) => Err(damaged(found)),
        Err(error) => Err(damaged(error.to_string())),
    }
}

/// Refuses a place where anything of a database lies.
pub(super) fn expect_free(path: &Path) -> Result<(), AdminError> {
    files_of(path).into_iter().find(|file| file.exists()).map_or(Ok(()), |file| Err(AdminError::Exists(file)))
}

pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, AdminError> + Send + 'static) -> Result<T, AdminError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| AdminError::Unsuitable(error.to_string()))?
}
