//! A connection for an operator's command.

use std::path::{Path, PathBuf};

use super::AdminError;
use crate::database::DatabaseUrl;
use crate::migrate::Schema;
use crate::session::postgres::Connection;
use crate::session::{PostgresUrl, Session, sqlite};

/// These statements look at everything: they need the plans and the time that point operations must not have.
const SETTINGS: &str = "
    SET statement_timeout = 0;
    SET idle_in_transaction_session_timeout = 0;
    SET plan_cache_mode = auto;
    SET enable_seqscan = on;
    SET enable_bitmapscan = on;
    SET enable_hashjoin = on;
    SET enable_mergejoin = on;
    SET max_parallel_workers_per_gather = DEFAULT";

/// What a command does with the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
    WriteOrCreate,
}

/// An open database.
pub(super) enum Open {
    Sqlite(rusqlite::Connection),
    Postgres(Connection),
}

impl Open {
    pub(super) async fn connect(url: &DatabaseUrl, access: Access) -> Result<Self, AdminError> {
        match url {
            DatabaseUrl::Sqlite(path) => {
                if access != Access::WriteOrCreate && !path.exists() {
                    return Err(AdminError::Missing(path.clone()));
                }
                Ok(Self::Sqlite(sqlite::open(path, access == Access::Read)?))
            }
            DatabaseUrl::Postgres(url) => Ok(Self::Postgres(connect(&PostgresUrl::parse(url)?).await?)),
        }
    }

    pub(super) fn session(&mut self) -> Session<'_> {
        match self {
            Self::Sqlite(connection) => Session::Sqlite(connection),
            Self::Postgres(connection) => Session::Postgres(connection),
        }
    }

    pub(super) const fn backend(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "sqlite",
            Self::Postgres(_) => "postgres",
        }
    }

    pub(super) async fn schema(&mut self) -> Result<Schema, AdminError> {
        Ok(match self {
            Self::Sqlite(connection) => Schema::of_sqlite(connection)?,
            Self::Postgres(connection) => Schema::of_postgres(connection).await?,
        })
    }

    /// Refuses a database whose schema is not this program's.
    pub(super) async fn expect_current_schema(&mut self) -> Result<(), AdminError> {
        self.schema().await?.expect_current().map_err(|why| AdminError::Unsuitable(why.to_string()))
    }

    /// Begins a transaction in which every statement sees the same moment. Works on a standby too.
    pub(super) fn begin_snapshot(&mut self) -> Result<(), AdminError> {
        match self {
            Self::Sqlite(connection) => connection.execute_batch("BEGIN")?,
            Self::Postgres(connection) => connection.begin_snapshot(),
        }
        Ok(())
    }
}

pub(super) async fn connect(url: &PostgresUrl) -> Result<Connection, AdminError> {
    let mut connection = Connection::open(url).await?;
    connection.answer_at_leisure();
    connection.client().batch_execute(SETTINGS).await?;
    Ok(connection)
}

/// The files that SQLite keeps beside the database.
pub(super) fn files_of(path: &Path) -> [PathBuf; 3] {
    let beside = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    [path.to_owned(), beside("-wal"), beside("-shm")]
}
