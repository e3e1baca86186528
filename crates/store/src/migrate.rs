//! Brings a database to the schema of this program, forward only, each step in a transaction.

use crate::error::StoreError;

mod sqlite {
    refinery::embed_migrations!("migrations/sqlite");
}

/// Migrates the embedded database.
pub(crate) fn sqlite(connection: &mut rusqlite::Connection) -> Result<(), StoreError> {
    let report = sqlite::migrations::runner()
        .run(connection)
        .map_err(|error| StoreError::Setup(format!("the database cannot be migrated: {error}")))?;
    for migration in report.applied_migrations() {
        tracing::info!(migration = %migration, "database migrated");
    }
    Ok(())
}
