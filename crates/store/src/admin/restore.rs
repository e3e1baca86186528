//! Restoring a backup, into a new place only: nothing that lives is ever overwritten.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde::Serialize;

use super::AdminError;
use super::backup::{blocking, copy_into_new_file, expect_free, open_backup};
use super::open::connect;
use super::postgres_tools::{self, Tools};
use crate::database::DatabaseUrl;
use crate::migrate::Schema;
use crate::session::PostgresUrl;

/// How the files of `pg_dump --format=custom` begin.
const DUMP_MAGIC: &[u8; 5] = b"PGDMP";

/// A restored database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Restored {
    /// Where its schema stands; a relay that opens it applies what is pending.
    pub schema: Schema,
}

/// Restores a backup into a new file, or into an empty PostgreSQL database.
///
/// # Errors
/// When something is at the target, or the backup is damaged or of the other kind of database.
pub async fn restore(file: &Path, target: &DatabaseUrl, tools: &Tools) -> Result<Restored, AdminError> {
    let is_dump = begins_with(file, DUMP_MAGIC)?;
    let schema = match (target, is_dump) {
        (DatabaseUrl::Sqlite(path), false) => {
            let (file, path) = (file.to_owned(), path.clone());
            blocking(move || restore_file(&file, &path)).await?
        }
        (DatabaseUrl::Postgres(url), true) => {
            let mut connection = connect(&PostgresUrl::parse(url)?).await?;
            let first: Option<String> = connection.client().query_opt(FIRST_TABLE, &[]).await?.map(|row| row.get(0));
            if let Some(table) = first {
                return Err(AdminError::NotEmpty(table));
            }
            postgres_tools::restore(url, file, tools).await?;
            Schema::of_postgres(&mut connection).await?
        }
        (DatabaseUrl::Sqlite(_), true) => {
            return Err(AdminError::Unsuitable("this is a dump of a PostgreSQL database: name a postgres:// URL".to_owned()));
        }
        (DatabaseUrl::Postgres(_), false) => {
            return Err(AdminError::Unsuitable(
                "this is no dump of pg_dump's; an SQLite backup goes into PostgreSQL by `link-peeler db copy`".to_owned(),
            ));
        }
    };
    Ok(Restored { schema })
}

/// Any table that is not PostgreSQL's own.
const FIRST_TABLE: &str = "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' LIMIT 1";

fn restore_file(file: &Path, path: &Path) -> Result<Schema, AdminError> {
    expect_free(path)?;
    let backup = open_backup(file)?;
    copy_into_new_file(&backup, path)?;
    Ok(Schema::of_sqlite(&backup)?)
}

fn begins_with(file: &Path, magic: &[u8]) -> Result<bool, AdminError> {
    if !file.exists() {
        return Err(AdminError::Missing(file.to_owned()));
    }
    let mut first = Vec::new();
    let read = File::open(file).and_then(|opened| opened.take(magic.len() as u64).read_to_end(&mut first));
    read.map_err(AdminError::file(file))?;
    Ok(first == magic)
}
