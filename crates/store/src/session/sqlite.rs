//! The embedded database: opening it so that a commit is durable, and running statements.

use std::path::Path;
use std::time::Duration;

use domain::audit::{Block, Sha256Hash};
use protocol::UnixMillis;
use rusqlite::config::DbConfig;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, OpenFlags, ToSql};

use super::row::{Cell, Row};
use super::{Batch, NumberedRow, Value};
use crate::error::StoreError;
use crate::page_room::Room;
use crate::sqlite_file;
use crate::statement::Statement;

/// Older versions carry the WAL-reset corruption bug.
const OLDEST_VERSION: i32 = 3_051_003;
/// Prepared statements kept for each connection: all of ours fit, so none is prepared twice.
const CACHED_STATEMENTS: usize = 160;
/// Milliseconds to wait for another process that holds the file, a backup say.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// WAL pages between two checkpoints: a third more throughput than the default 1,000 for some milliseconds more pause.
const CHECKPOINT_PAGES: i64 = 20_000;
/// Memory for pages of each connection, in KiB (the pragma's negative numbers).
const PAGE_CACHE_KIB: i64 = 65_536;

/// Opens the database file. Writing connections make it when it does not exist, and check that a commit will be durable.
pub(crate) fn open(path: &Path, read_only: bool) -> Result<Connection, StoreError> {
    let version = rusqlite::version_number();
    if version < OLDEST_VERSION {
        return Err(StoreError::Setup(format!("SQLite {} is too old; 3.51.3 or newer is needed", rusqlite::version())));
    }
    let access =
        if read_only { OpenFlags::SQLITE_OPEN_READ_ONLY } else { OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE };
    if !read_only {
        make_private(path)?;
    }
    let in_file = |error: rusqlite::Error| StoreError::of_sqlite(&path.display().to_string(), &error);
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(in_file)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // The first look at the file: what is wrong with it is told with its name.
    connection.query_one("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())).map_err(in_file)?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    // A plan goes by the statement alone. Otherwise SQLite may want to look at what is bound, to a LIMIT or in a join say, and
    // prepares such a statement anew each time that it is run: a tenth to a quarter of the writer's time.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    add_audit_hash(&connection)?;
    connection.pragma_update(None, "cache_size", -PAGE_CACHE_KIB)?;
    if !read_only {
        sqlite_file::expect_new_or_ours(&connection, path)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        check_durability(&connection)?;
    }
    Ok(connection)
}

/// Makes the file, for its owner alone, when there is none: whatever the umask, it has sealed secrets and people's links.
/// SQLite gives its log and its index the mode of the file beside which they lie. A file that is there keeps its mode.
fn make_private(path: &Path) -> Result<(), StoreError> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(StoreError::Setup(format!("the database file {} cannot be made: {error}", path.display()))),
    }
}

/// `audit_hash(account, seq, at, previous, entries_hash)`: PostgreSQL has SHA-256 and makes the hash of a block itself; for
/// SQLite it is ours. So the statement is one thing on both.
fn add_audit_hash(connection: &Connection) -> Result<(), StoreError> {
    let deterministic = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    Ok(connection.create_scalar_function("audit_hash", 5, deterministic, |arguments| {
        let seq = u64::try_from(arguments.get::<i64>(1)?).unwrap_or_default();
        let (account, previous, entries) = (arguments.get(0)?, Sha256Hash(arguments.get(3)?), arguments.get(4)?);
        Ok(Block::hash_of(&account, seq, UnixMillis(arguments.get(2)?), &previous, &entries).0)
    })?)
}

/// Reads back what was set: some file systems silently refuse WAL, and a build may override `synchronous`.
fn check_durability(connection: &Connection) -> Result<(), StoreError> {
    let journal: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    let synchronous: i64 = connection.pragma_query_value(None, "synchronous", |row| row.get(0))?;
    if journal != "wal" || synchronous != 2 {
        return Err(StoreError::Setup(format!(
            "the database file cannot be made durable: journal_mode is {journal} (wal is needed), synchronous is {synchronous} (2, FULL, is needed)"
        )));
    }
    Ok(())
}

pub(super) fn rows(connection: &Connection, statement: &Statement, parameters: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
    let mut prepared = prepare(connection, statement)?;
    let mut rows = Vec::new();
    let each = |row| {
        rows.push(row);
        true
    };
    run(&mut prepared, parameters, each).map_err(|error| StoreError::of_sqlite(statement.name, &error))?;
    Ok(rows)
}

pub(super) fn rows_within(
    connection: &Connection,
    statement: &Statement,
    parameters: &[Value<'_>],
    room: &mut Room,
) -> Result<Vec<Row>, StoreError> {
    let mut prepared = prepare(connection, statement)?;
    let mut rows = Vec::new();
    let each = |row: Row| {
        let fits = room.take(row.bytes());
        if fits {
            rows.push(row);
        }
        fits
    };
    run(&mut prepared, parameters, each).map_err(|error| StoreError::of_sqlite(statement.name, &error))?;
    Ok(rows)
}

/// A statement without columns answers with an empty row where it changed something. `RETURNING` would say the same, but
/// SQLite builds a table in memory for it each time it runs.
pub(super) fn rows_of_batch(connection: &Connection, batch: &Batch<'_>) -> Result<Vec<NumberedRow>, StoreError> {
    let mut rows = Vec::new();
    if batch.is_empty() {
        return Ok(rows);
    }
    let mut prepared = prepare(connection, batch.statement)?;
    for (number, parameters) in batch.rows().enumerate() {
        let each = |row| {
            rows.push((number, row));
            true
        };
        run(&mut prepared, parameters, each).map_err(|error| StoreError::of_sqlite(batch.statement.name, &error))?;
        if prepared.column_count() == 0 && connection.changes() > 0 {
            rows.push((number, Row(Vec::new())));
        }
    }
    Ok(rows)
}

fn prepare<'c>(connection: &'c Connection, statement: &Statement) -> Result<CachedStatement<'c>, StoreError> {
    connection.prepare_cached(statement.sqlite()).map_err(|error| StoreError::of_sqlite(statement.name, &error))
}

/// Runs a statement for as long as `each` says to go on.
fn run(prepared: &mut CachedStatement<'_>, parameters: &[Value<'_>], mut each: impl FnMut(Row) -> bool) -> rusqlite::Result<()> {
    for (index, value) in parameters.iter().enumerate() {
        prepared.raw_bind_parameter(index + 1, value)?;
    }
    let columns = prepared.column_count();
    let mut rows = prepared.raw_query();
    while let Some(row) = rows.next()? {
        let cells = (0..columns).map(|index| row.get_ref(index).map(cell)).collect::<rusqlite::Result<_>>()?;
        if !each(Row(cells)) {
            break;
        }
    }
    Ok(())
}

fn cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) => Cell::Int(number),
        // No column of ours is a real number.
        ValueRef::Real(_) => Cell::Null,
        ValueRef::Text(text) => Cell::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Cell::Bytes(bytes.to_vec()),
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn the_file_and_its_log_are_for_their_owner_alone_and_one_that_is_there_keeps_its_mode() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("relay.sqlite");
        let mode = |name: &str| std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
        let mut connection = open(&path, false).unwrap();
        crate::migrate::sqlite(&mut connection).unwrap();
        assert_eq!(["relay.sqlite", "relay.sqlite-wal", "relay.sqlite-shm"].map(mode), [0o600; 3]);
        drop(connection);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        drop(open(&path, false).unwrap());
        assert_eq!(mode("relay.sqlite"), 0o640);
    }
}
