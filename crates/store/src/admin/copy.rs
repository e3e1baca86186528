//! Moves an installation from an SQLite file to PostgreSQL, whole: every table, nonces included, so that no request can
//! be replayed on the other side. In one transaction, and only if every table reads back exactly as it was read here.
//!
//! The list of tables and columns comes from the file itself, so that no table can be forgotten; with it, the statements
//! are made here and not in `sql/`.

use std::path::Path;
use std::pin::pin;

use futures_util::TryStreamExt as _;
use rusqlite::OpenFlags;
use rusqlite::types::ValueRef;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};

use super::AdminError;
use super::open::connect;
use crate::error::StoreError;
use crate::migrate::{self, Schema};
use crate::session::postgres::Connection;
use crate::session::{PostgresUrl, Session, Value};

/// A table on both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CopiedTable {
    /// Its name.
    pub table: String,
    /// Its rows.
    pub rows: u64,
    /// SHA-256 over every value of every row in the order of the key, the same on both sides; hexadecimal.
    pub sha256: String,
}

/// Copies the file into an empty PostgreSQL database. `each` hears of every table once it has been compared. The file
/// is held for as long as it takes, so that no relay can write to it.
///
/// # Errors
/// When a relay uses the file, the target holds data, the schemas differ, or something reads back differently. The
/// target is then as empty as before.
pub async fn copy(source: &Path, target: &str, mut each: impl FnMut(&CopiedTable)) -> Result<Vec<CopiedTable>, AdminError> {
    let source = hold(source)?;
    let tables = Table::all(&source)?;
    let mut connection = connect(&PostgresUrl::parse(target)?).await?;
    migrate::postgres(&mut connection).await?;
    Session::Postgres(&mut connection).begin().await?;
    let copied = copy_tables(&source, &mut connection, &tables, &mut each).await;
    match copied {
        Ok(copied) => {
            Session::Postgres(&mut connection).commit().await?;
            // Statistics come by themselves too, but a minute late.
            connection.client().batch_execute("ANALYZE").await?;
            Ok(copied)
        }
        Err(error) => {
            Session::Postgres(&mut connection).rollback().await?;
            Err(error)
        }
    }
}

async fn copy_tables(
    source: &rusqlite::Connection,
    connection: &mut Connection,
    tables: &[Table],
    each: &mut impl FnMut(&CopiedTable),
) -> Result<Vec<CopiedTable>, AdminError> {
    let names: Vec<String> = tables.iter().map(|table| quoted(&table.name)).collect();
    // A relay that starts on the target now waits, instead of writing between what is copied.
    let lock = format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", names.join(", "));
    connection.client().batch_execute(&lock).await?;
    for table in tables {
        table.expect_empty(connection).await?;
    }
    let mut copied = Vec::new();
    for table in tables {
        let written = table.send(source, connection).await?;
        let read_back = table.digest_of_postgres(connection).await?;
        if written != read_back {
            return Err(AdminError::Differs(table.name.clone()));
        }
        let (rows, sha256) = written;
        let table = CopiedTable { table: table.name.clone(), rows, sha256: data_encoding::HEXLOWER.encode(&sha256) };
        each(&table);
        copied.push(table);
    }
    Ok(copied)
}

/// Opens the file so that nobody else can, and so that nobody else has it open.
fn hold(path: &Path) -> Result<rusqlite::Connection, AdminError> {
    if !path.exists() {
        return Err(AdminError::Missing(path.to_owned()));
    }
    let connection = rusqlite::Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.execute_batch("BEGIN EXCLUSIVE").map_err(|error| match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseBusy) => AdminError::InUse(path.to_owned()),
        _ => error.into(),
    })?;
    let schema = Schema::of_sqlite(&connection)?;
    schema.check_usable()?;
    if !schema.pending.is_empty() || !schema.unknown.is_empty() {
        let why = "the file's schema is not this program's; run `link-peeler db migrate` on it with this version first";
        return Err(AdminError::Unsuitable(why.to_owned()));
    }
    Ok(connection)
}

/// A table as the file has it; PostgreSQL has the same (a test of `migrate` compares them).
struct Table {
    name: String,
    columns: Vec<String>,
    key: Vec<String>,
}

/// Rows, and the hash over them.
type Digest = (u64, [u8; 32]);

impl Table {
    fn all(source: &rusqlite::Connection) -> Result<Vec<Self>, AdminError> {
        let names = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
            AND name <> 'refinery_schema_history' ORDER BY name";
        let mut names = source.prepare(names)?;
        let names: Vec<String> = names.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        names.into_iter().map(|name| Self::read(source, name)).collect()
    }

    fn read(source: &rusqlite::Connection, name: String) -> Result<Self, AdminError> {
        let mut info = source.prepare("SELECT name, pk FROM pragma_table_info(?1) ORDER BY cid")?;
        let columns: Vec<(String, i64)> = info.query_map([&name], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
        let mut key: Vec<_> = columns.iter().filter(|(_, position)| *position > 0).collect();
        key.sort_by_key(|(_, position)| *position);
        let key = key.into_iter().map(|(column, _)| column.clone()).collect();
        Ok(Self { name, columns: columns.into_iter().map(|(column, _)| column).collect(), key })
    }

    fn column_list(&self) -> String {
        self.columns.iter().map(|column| quoted(column)).collect::<Vec<_>>().join(", ")
    }

    /// In the order of the key, which both databases compare by bytes.
    fn select(&self) -> String {
        let key: Vec<String> = self.key.iter().map(|column| quoted(column)).collect();
        format!("SELECT {} FROM {} ORDER BY {}", self.column_list(), quoted(&self.name), key.join(", "))
    }

    async fn expect_empty(&self, connection: &mut Connection) -> Result<(), AdminError> {
        let client = connection.client();
        // The ring of nonce slots is made with its rows; they are as good as none while every slot is in its first slice.
        let ring = format!("DELETE FROM {} WHERE slice = 0", quoted(&self.name));
        if self.name == "nonce_slots" {
            client.batch_execute(&ring).await?;
        }
        match client.query_opt(&format!("SELECT 1 FROM {} LIMIT 1", quoted(&self.name)), &[]).await? {
            Some(_) => Err(AdminError::NotEmpty(self.name.clone())),
            None => Ok(()),
        }
    }

    /// Streams the table over, row by row; neither side ever holds more than a buffer of it.
    async fn send(&self, source: &rusqlite::Connection, connection: &mut Connection) -> Result<Digest, AdminError> {
        let client = connection.client();
        let types: Vec<Type> = {
            let columns = client.prepare(&format!("SELECT {} FROM {}", self.column_list(), quoted(&self.name))).await?;
            columns.columns().iter().map(|column| column.type_().clone()).collect()
        };
        let sink = client.copy_in(&format!("COPY {} ({}) FROM STDIN BINARY", quoted(&self.name), self.column_list())).await?;
        let mut writer = pin!(BinaryCopyInWriter::new(sink, &types));
        let mut hash = RowHash::default();
        let mut select = source.prepare(&self.select())?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let values = (0..self.columns.len()).map(|index| self.value(index, row.get_ref(index)?)).collect::<Result<Vec<_>, _>>()?;
            hash.add(&values);
            let parameters: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
            writer.as_mut().write(&parameters).await?;
        }
        writer.finish().await?;
        Ok(hash.finish())
    }

    fn value<'v>(&self, index: usize, value: ValueRef<'v>) -> Result<Value<'v>, AdminError> {
        let unreadable = || AdminError::Store(StoreError::Corrupt(format!("{}.{}", self.name, self.columns[index])));
        match value {
            ValueRef::Null => Ok(Value::Null),
            ValueRef::Integer(number) => Ok(Value::Int(number)),
            ValueRef::Text(text) => std::str::from_utf8(text).map(Value::Text).map_err(|_| unreadable()),
            ValueRef::Blob(bytes) => Ok(Value::Bytes(bytes)),
            ValueRef::Real(_) => Err(unreadable()),
        }
    }

    async fn digest_of_postgres(&self, connection: &mut Connection) -> Result<Digest, AdminError> {
        let mut rows = pin!(connection.client().query_raw(&self.select(), std::iter::empty::<i64>()).await?);
        let mut hash = RowHash::default();
        while let Some(row) = rows.try_next().await? {
            let values = (row.columns().iter().enumerate())
                .map(|(index, column)| {
                    Ok(match *column.type_() {
                        Type::INT8 => row.try_get::<_, Option<i64>>(index)?.map_or(Value::Null, Value::Int),
                        Type::BYTEA => row.try_get::<_, Option<&[u8]>>(index)?.map_or(Value::Null, Value::Bytes),
                        _ => row.try_get::<_, Option<&str>>(index)?.map_or(Value::Null, Value::Text),
                    })
                })
                .collect::<Result<Vec<_>, AdminError>>()?;
            hash.add(&values);
        }
        Ok(hash.finish())
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A hash over rows that both sides make alike.
#[derive(Default)]
struct RowHash {
    rows: u64,
    hash: Sha256,
}

impl RowHash {
    fn add(&mut self, values: &[Value<'_>]) {
        self.rows += 1;
        for value in values {
            // Kind and length first: no two different rows run together into the same bytes.
            match value {
                Value::Null => self.hash.update([0]),
                Value::Int(number) => {
                    self.hash.update([1]);
                    self.hash.update(number.to_le_bytes());
                }
                Value::Text(text) => self.add_bytes(2, text.as_bytes()),
                Value::Bytes(bytes) => self.add_bytes(3, bytes),
            }
        }
    }

    fn add_bytes(&mut self, kind: u8, bytes: &[u8]) {
        self.hash.update([kind]);
        self.hash.update((bytes.len() as u64).to_le_bytes());
        self.hash.update(bytes);
    }

    fn finish(self) -> Digest {
        (self.rows, self.hash.finalize().into())
    }
}
