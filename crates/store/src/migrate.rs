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
