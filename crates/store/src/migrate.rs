//! Brings a database to the schema of this program, forward only, each step in a transaction.

use refinery::{Migration, Report};
use serde::Serialize;

use crate::error::StoreError;
use crate::session::PostgresUrl;
use crate::session::postgres::Connection;
use crate::sqlite_file::Purpose;

mod sqlite_steps {
    refinery::embed_migrations!("migrations/sqlite");
}

mod postgres_steps {
    refinery::embed_migrations!("migrations/postgres");
}

/// The lock under which relays that start together migrate one after the other. Any number will do, as long as it is ours.
const LOCK: &str = "pg_advisory_lock(5076823104773012)";
const UNLOCK: &str = "pg_advisory_unlock(5076823104773012)";

/// Migrates the embedded database.
pub(crate) fn sqlite(connection: &mut rusqlite::Connection) -> Result<(), StoreError> {
    if !Schema::of_sqlite(connection)?.wants_migration()? {
        return Ok(());
    }
    let report = sqlite_steps::migrations::runner().run(connection).map_err(|error| failed(&error))?;
    tell(&report);
    Ok(())
}

/// Migrates a PostgreSQL database, under a lock that the others who would do the same wait for.
pub(crate) async fn postgres(connection: &mut Connection) -> Result<(), StoreError> {
    let lock = |sql: &str| format!("SET lock_timeout = 0; SET statement_timeout = 0; SELECT {sql}");
    connection.client().batch_execute(&lock(LOCK)).await.map_err(|error| failed(&error))?;
    let migrated = postgres_alone(connection).await;
    connection.client().batch_execute(&lock(UNLOCK)).await.map_err(|error| failed(&error))?;
    migrated
}

/// Migrates for whoever serves the database; for a piece of work beside them, refuses one that wants it.
pub(crate) async fn postgres_for(purpose: Purpose, url: &PostgresUrl) -> Result<(), StoreError> {
    let mut connection = Connection::open(url).await?;
    match purpose {
        Purpose::Serve => postgres(&mut connection).await,
        Purpose::WorkBeside => Schema::of_postgres(&mut connection).await?.expect_current(),
    }
}

async fn postgres_alone(connection: &mut Connection) -> Result<(), StoreError> {
    if !Schema::of_postgres(connection).await?.wants_migration()? {
        return Ok(());
    }
    let report = postgres_steps::migrations::runner().run_async(connection.alone()?).await.map_err(|error| failed(&error))?;
    tell(&report);
    Ok(())
}

/// A step of the schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Its number; steps are applied in this order.
    pub version: i32,
    /// What it does, in a word or two.
    pub name: String,
    /// When it was applied (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub applied_on: Option<String>,
}

/// Where a database's schema stands, seen from this program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Schema {
    /// Steps that have been applied.
    pub applied: Vec<Step>,
    /// Steps that this program would apply.
    pub pending: Vec<Step>,
    /// Steps among the applied ones that a newer program has made.
    pub unknown: Vec<Step>,
}

/// In the name of a step that takes something away: the step that a program must know to live with it
/// (`V9__drop_old_rows__needs_7`). Without it a step only adds, and every older program goes on working.
const NEEDS: &str = "__needs_";
const HISTORY: &str = "SELECT version, name, applied_on FROM refinery_schema_history ORDER BY version";

impl Schema {
    /// Reads where the embedded database stands.
    pub(crate) fn of_sqlite(connection: &rusqlite::Connection) -> Result<Self, StoreError> {
        let has_history = "SELECT count(*) FROM sqlite_schema WHERE name = 'refinery_schema_history'";
        let mut applied = Vec::new();
        if connection.query_one(has_history, [], |row| row.get::<_, i64>(0))? > 0 {
            let mut history = connection.prepare(HISTORY)?;
            let steps = history.query_map([], |row| Ok(Step { version: row.get(0)?, name: row.get(1)?, applied_on: row.get(2)? }))?;
            applied = steps.collect::<Result<_, _>>()?;
        }
        Ok(Self::compare(applied, sqlite_steps::migrations::runner().get_migrations()))
    }

    /// Reads where a PostgreSQL database stands.
    pub(crate) async fn of_postgres(connection: &mut Connection) -> Result<Self, StoreError> {
        let client = connection.client();
        let has_history = client.query_one("SELECT to_regclass('refinery_schema_history') IS NOT NULL", &[]).await;
        let mut applied = Vec::new();
        if has_history.map_err(|error| failed(&error))?.get(0) {
            let history = client.query(HISTORY, &[]).await.map_err(|error| failed(&error))?;
            applied = history.iter().map(|row| Step { version: row.get(0), name: row.get(1), applied_on: row.get(2) }).collect();
        }
        Ok(Self::compare(applied, postgres_steps::migrations::runner().get_migrations()))
    }

    fn compare(applied: Vec<Step>, known: &[Migration]) -> Self {
        let is_known = |step: &&Step| known.iter().any(|known| known.version() == step.version);
        let unknown = applied.iter().filter(|step| !is_known(step)).cloned().collect();
        let mut pending: Vec<Step> = (known.iter())
            .filter(|known| !applied.iter().any(|step| step.version == known.version()))
            .map(|known| Step { version: known.version(), name: known.name().to_owned(), applied_on: None })
            .collect();
        pending.sort_by_key(|step| step.version);
        Self { applied, pending, unknown }
    }

    /// The number of the last applied step; 0: the database is empty.
    #[must_use]
    pub fn version(&self) -> i32 {
        self.applied.last().map_or(0, |step| step.version)
    }

    /// Refuses a database that this program cannot live with, however new it is.
    pub(crate) fn check_usable(&self) -> Result<(), StoreError> {
        let newest_known = self.applied.iter().filter(|step| !self.unknown.contains(step)).map(|step| step.version).max().unwrap_or(0);
        for step in &self.unknown {
            let needed = step.name.split_once(NEEDS).and_then(|(_, needed)| needed.parse::<i32>().ok()).unwrap_or(0);
            if needed > newest_known {
                return Err(StoreError::Setup(format!(
                    "a newer link-peeler has changed the database (step {} `{}`) in a way that this one cannot live with; upgrade it",
                    step.version, step.name
                )));
            }
        }
        Ok(())
    }

    /// Refuses a database whose schema is not this program's.
    pub(crate) fn expect_current(&self) -> Result<(), StoreError> {
        self.check_usable()?;
        match self.pending.first() {
            Some(step) => Err(StoreError::Setup(format!(
                "the schema lacks step {} `{}`; run `link-peeler db migrate` first",
                step.version, step.name
            ))),
            None => Ok(()),
        }
    }

    /// Whether there are steps to apply. A database that is ahead is used as it is: while relays are upgraded one by
    /// one, those that come last must still be able to start again.
    fn wants_migration(&self) -> Result<bool, StoreError> {
        self.check_usable()?;
        for step in &self.unknown {
            tracing::warn!(step = step.version, name = step.name, "the database is ahead of this program; upgrade it soon");
        }
        match self.pending.first() {
            Some(step) if !self.unknown.is_empty() => Err(StoreError::Setup(format!(
                "the database has newer steps than this program's, but lacks step {} `{}`",
                step.version, step.name
            ))),
            // With nothing pending the runner still compares what was applied with what is known.
            _ => Ok(self.unknown.is_empty()),
        }
    }
}

fn failed(error: &dyn std::error::Error) -> StoreError {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    let causes: String = causes.map(|cause| format!(": {cause}")).collect();
    StoreError::Setup(format!("the database cannot be migrated: {error}{causes}"))
}

fn tell(report: &Report) {
    for migration in report.applied_migrations() {
        tracing::info!(migration = %migration, "database migrated");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::session::sqlite;

    const COLUMNS: &str =
        "SELECT table_name::text || '.' || column_name::text FROM information_schema.columns WHERE table_schema = 'public'";

    #[tokio::test]
    async fn both_databases_have_the_same_tables_and_columns() {
        let folder = tempfile::tempdir().unwrap();
        let mut embedded = sqlite::open(&folder.path().join("db"), false).unwrap();
        super::sqlite(&mut embedded).unwrap();
        let of_sqlite = "SELECT t.name || '.' || c.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c WHERE t.type = 'table'";
        let of_sqlite: BTreeSet<String> =
            (embedded.prepare(of_sqlite).unwrap().query_map([], |row| row.get(0)).unwrap()).map(Result::unwrap).collect();

        let url = PostgresUrl::parse(&testkit::postgres::new_database()).unwrap();
        let mut server = Connection::open(&url).await.unwrap();
        super::postgres(&mut server).await.unwrap();
        let of_postgres: BTreeSet<String> = server.client().query(COLUMNS, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
        assert!(of_sqlite.contains("jobs.tracking_url"));
        assert_eq!(of_sqlite, of_postgres);
    }

    #[test]
    fn an_older_program_lives_with_steps_that_only_add() {
        let folder = tempfile::tempdir().unwrap();
        let mut embedded = sqlite::open(&folder.path().join("db"), false).unwrap();
        super::sqlite(&mut embedded).unwrap();
        let own = Schema::of_sqlite(&embedded).unwrap();
        assert!(own.pending.is_empty() && own.unknown.is_empty());
        let newer = |version: i32, name: &str| {
            let insert = "INSERT INTO refinery_schema_history VALUES (?1, ?2, '2030-01-01T00:00:00Z', '1')";
            embedded.execute(insert, (version, name)).unwrap();
        };
        newer(1_000, "adds_something");
        newer(1_001, &format!("drops_what_nobody_reads__needs_{}", own.version()));
        assert_eq!(Schema::of_sqlite(&embedded).unwrap().unknown.len(), 2);
        assert!(Schema::of_sqlite(&embedded).unwrap().check_usable().is_ok());
        newer(1_002, "drops_what_we_read__needs_1000");
        let refused = Schema::of_sqlite(&embedded).unwrap().check_usable().unwrap_err().to_string();
        assert!(refused.contains("step 1002 `drops_what_we_read__needs_1000`"), "{refused}");
        assert!(super::sqlite(&mut embedded).is_err());
        embedded.execute("DELETE FROM refinery_schema_history WHERE version = 1002", []).unwrap();
        super::sqlite(&mut embedded).unwrap();
    }

    #[tokio::test]
    async fn an_older_relay_starts_again_beside_newer_ones_unless_a_step_forbids_it() {
        let database = testkit::postgres::new_database();
        let mut connection = Connection::open(&PostgresUrl::parse(&database).unwrap()).await.unwrap();
        super::postgres(&mut connection).await.unwrap();
        let newer = |version: i32, name: &str| {
            let step = format!("INSERT INTO refinery_schema_history VALUES ({version}, '{name}', '2030-01-01T00:00:00Z', '1')");
            testkit::postgres::sql(&database, &step).unwrap();
        };
        newer(1_000, "adds_something");
        super::postgres(&mut connection).await.unwrap();
        newer(1_001, "drops_what_we_read__needs_1000");
        let refused = super::postgres(&mut connection).await.unwrap_err().to_string();
        assert!(refused.contains("upgrade it"), "{refused}");
        // The migration lock was given back all the same.
        let locks = "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE datname = current_database()
                     AND locktype = 'advisory'";
        let held = testkit::postgres::sql(&database, locks).unwrap();
        assert_eq!(held, "0");
    }

    #[tokio::test]
    async fn ten_that_start_at_once_migrate_once() {
        let url = PostgresUrl::parse(&testkit::postgres::new_database()).unwrap();
        let starts = (0..10).map(|_| async {
            let mut connection = Connection::open(&url).await.unwrap();
            super::postgres(&mut connection).await.unwrap();
        });
        futures_util::future::join_all(starts).await;
        let connection = Connection::open(&url).await.unwrap();
        let applied: i64 = connection.client().query_one("SELECT count(*) FROM refinery_schema_history", &[]).await.unwrap().get(0);
        assert_eq!(applied, i64::try_from(postgres_steps::migrations::runner().get_migrations().len()).unwrap());
    }
}
