//! How far this machine's clock is from the database server's. Relays that share a database each measure leases and
//! deadlines by their own clock; the server is the one place that all of them can be compared with.

use protocol::UnixMillis;

use crate::error::StoreError;
use crate::session::Session;
use crate::statement;
use crate::store::Store;

impl Store {
    /// The clock of the database server; `None` where the database has no clock of its own (SQLite).
    ///
    /// # Errors
    /// When the database fails.
    pub async fn database_clock(&self) -> Result<Option<UnixMillis>, StoreError> {
        self.read((), |session, _, ()| Box::pin(database_clock(session))).await
    }
}

async fn database_clock(session: &mut Session<'_>) -> Result<Option<UnixMillis>, StoreError> {
    session.row(&statement::DATABASE_CLOCK, &[]).await?.map_or(Ok(None), |row| row.get(0))
}
