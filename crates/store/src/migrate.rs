//! Brings a database to the schema of this program, forward only, each step in a transaction.

use refinery::Report;

use crate::error::StoreError;
use crate::session::postgres::Connection;

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
    let report = sqlite_steps::migrations::runner().run(connection).map_err(|error| failed(&error))?;
    tell(&report);
    Ok(())
}

/// Migrates a PostgreSQL database, under a lock that the others who would do the same wait for.
pub(crate) async fn postgres(connection: &mut Connection) -> Result<(), StoreError> {
    let client = connection.client();
    let lock = |sql: &str| format!("SET lock_timeout = 0; SET statement_timeout = 0; SELECT {sql}");
    client.batch_execute(&lock(LOCK)).await.map_err(|error| failed(&error))?;
    let migrated = postgres_steps::migrations::runner().run_async(client).await;
    client.batch_execute(&lock(UNLOCK)).await.map_err(|error| failed(&error))?;
    tell(&migrated.map_err(|error| failed(&error))?);
    Ok(())
}

fn failed(error: &dyn std::error::Error) -> StoreError {
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    StoreError::Setup(format!("the database cannot be migrated: {error}{cause}"))
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
    use crate::session::{PostgresUrl, sqlite};

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

    #[tokio::test]
    async fn ten_that_start_at_once_migrate_once() {
        let url = PostgresUrl::parse(&testkit::postgres::new_database()).unwrap();
        let starts = (0..10).map(|_| async {
            let mut connection = Connection::open(&url).await.unwrap();
            super::postgres(&mut connection).await.unwrap();
        });
        futures_util::future::join_all(starts).await;
        let mut connection = Connection::open(&url).await.unwrap();
        let applied: i64 = connection.client().query_one("SELECT count(*) FROM refinery_schema_history", &[]).await.unwrap().get(0);
        assert_eq!(applied, i64::try_from(postgres_steps::migrations::runner().get_migrations().len()).unwrap());
    }
}
