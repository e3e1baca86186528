//! What there is, from counters and small tables: cheap enough to ask a busy database.

use domain::Month;
use protocol::{AccountId, UnixMillis};
use serde::Serialize;

use super::AdminError;
use super::open::{Access, Open, files_of};
use crate::database::DatabaseUrl;
use crate::migrate::Schema;
use crate::session::Session;
use crate::statement;

/// What there is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// `sqlite` or `postgres`.
    pub backend: &'static str,
    /// The version of the database software.
    pub database_version: String,
    /// Where the schema stands.
    pub schema: Schema,
    /// Bytes on disk.
    pub size_bytes: u64,
    /// None: the schema is empty.
    pub counts: Option<Counts>,
    /// The accounts with the most waiting jobs, most first.
    pub most_waiting: Vec<AccountBacklog>,
}

/// How much there is of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Accounts.
    pub accounts: u64,
    /// Devices that are not revoked.
    pub devices: u64,
    /// API keys that are not revoked.
    pub api_keys: u64,
    /// Jobs that wait for a desktop.
    pub waiting: u64,
    /// Jobs that desktops hold.
    pub leased: u64,
    /// Jobs that were counted in this calendar month (UTC).
    pub jobs_this_month: u64,
    /// Jobs that were counted in all months whose usage is kept.
    pub jobs_counted: u64,
}

/// How many jobs of an account wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountBacklog {
    /// The account.
    pub account: AccountId,
    /// What people call it.
    pub name: String,
    /// How many wait.
    pub waiting: u64,
}

/// Looks at a database; `top` accounts at most.
///
/// # Errors
/// When there is no such database or it fails.
pub async fn status(url: &DatabaseUrl, top: u32, now: UnixMillis) -> Result<Status, AdminError> {
    let mut open = Open::connect(url, Access::Read).await?;
    let schema = open.schema().await?;
    let (database_version, size_bytes) = match (&mut open, url) {
        (Open::Postgres(connection), _) => {
            let row = connection.client().query_one("SELECT current_setting('server_version'), pg_database_size(current_database())", &[]);
            let row = row.await?;
            (row.get(0), u64::try_from(row.get::<_, i64>(1)).unwrap_or_default())
        }
        (Open::Sqlite(_), DatabaseUrl::Sqlite(path)) => {
            let sizes = files_of(path).map(|path| path.metadata().map_or(0, |metadata| metadata.len()));
            (rusqlite::version().to_owned(), sizes.iter().sum())
        }
        (Open::Sqlite(_), DatabaseUrl::Postgres(_)) => (rusqlite::version().to_owned(), 0),
    };
    let (mut counts, mut most_waiting) = (None, Vec::new());
    if schema.version() > 0 {
        counts = Some(count(&mut open.session(), now).await?);
        most_waiting = waiting(&mut open.session(), top).await?;
    }
    Ok(Status { backend: open.backend(), database_version, schema, size_bytes, counts, most_waiting })
}

async fn count(session: &mut Session<'_>, now: UnixMillis) -> Result<Counts, AdminError> {
    let row = session.row(&statement::TOTALS, &[Month::of(now).into()]).await?.unwrap_or_default();
    Ok(Counts {
        accounts: row.get(0)?,
        devices: row.get(1)?,
        api_keys: row.get(2)?,
        waiting: row.get::<i64>(3)?.max(0).unsigned_abs(),
        leased: row.get(4)?,
        jobs_this_month: row.get::<i64>(5)?.max(0).unsigned_abs(),
        jobs_counted: row.get::<i64>(6)?.max(0).unsigned_abs(),
    })
}

async fn waiting(session: &mut Session<'_>, top: u32) -> Result<Vec<AccountBacklog>, AdminError> {
    let rows = session.rows(&statement::MOST_WAITING, &[top.into()]).await?;
    rows.iter().map(|row| Ok(AccountBacklog { account: row.get(0)?, name: row.get(1)?, waiting: row.get(2)? })).collect()
}
