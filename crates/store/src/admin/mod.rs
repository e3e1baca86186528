//! An operator's work on a database as a whole: bring it up to date, look at it, back it up, restore it, check it, move
//! it. Apart from the store that a relay opens: these take their own connection, may run for as long as the data is
//! large, and most of them work beside running relays.

mod audit;
mod backup;
mod check;
mod copy;
mod error;
mod open;
mod postgres_tools;
mod reseal;
mod restore;
mod status;

pub use crate::migrate::{Schema, Step};
pub use audit::{AuditedAccount, Found, Listed, Shown, list_audit, walk_audit};
pub use backup::{BackedUp, backup};
pub use check::{CheckReport, Checked, check};
pub use copy::{CopiedTable, copy};
pub use error::AdminError;
pub use postgres_tools::Tools;
pub use reseal::{GenerationUse, Resealed, SealingStatus, reseal, sealing_status};
pub use restore::{Restored, restore};
pub use status::{AccountBacklog, Counts, Status, status};

use crate::database::DatabaseUrl;
use crate::sqlite_file::Served;
use open::{Access, Open};

/// Brings the database to the schema of this program, forward only. An SQLite file is made when it does not exist.
/// Returns where the schema stood before.
///
/// # Errors
/// When the database cannot be opened or migrated, or a relay serves the SQLite file and there are steps to apply; steps before the one that failed stay applied.
pub async fn migrate(url: &DatabaseUrl) -> Result<Schema, AdminError> {
    let mut open = Open::connect(url, Access::WriteOrCreate).await?;
    let before = open.schema().await?;
    match &mut open {
        Open::Sqlite(connection) => {
            // Not under a relay's feet; with nothing to do it may run.
            let _served = match url {
                DatabaseUrl::Sqlite(path) if !before.pending.is_empty() => Some(Served::take(path)?),
                _ => None,
            };
            crate::migrate::sqlite(connection)?;
        }
        Open::Postgres(connection) => crate::migrate::postgres(connection).await?,
    }
    Ok(before)
}
