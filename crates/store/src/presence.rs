//! Which desktops are there, and what they are doing. Told by their pulls; kept to half a minute, since presence that is
//! exact to the second would cost a write a pull.

use protocol::{AccountId, DeviceId, Environment, JobId, UnixMillis};

use crate::error::StoreError;
use crate::operation::Transaction;
use crate::session::Session;
use crate::statement;

/// Leases that are listed: what a person looks through.
const MAX_LEASES: i64 = 200;

/// When a device was heard last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    /// Which.
    pub device: DeviceId,
    /// When it last asked for jobs.
    pub seen_at: UnixMillis,
    /// What it calls itself: product and version.
    pub version: String,
}

/// A job that a device holds now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldLease {
    /// The job.
    pub job_id: JobId,
    /// Who holds it.
    pub device: DeviceId,
    /// Which attempt this is.
    pub attempt: u32,
    /// When the lease ends unless it is renewed.
    pub ends_at: UnixMillis,
    /// Where the job's row lives.
    pub source: String,
    /// The row's identity there.
    pub row_id: String,
    /// Where the chain begins.
    pub tracking_url: String,
    /// Live or test.
    pub environment: Environment,
}

/// A device, whose it is, when it was heard and as which version.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) account: AccountId,
    pub(crate) presence: Presence,
}

pub(crate) async fn note(transaction: &mut Transaction<'_>, heard: &Heard) -> Result<(), StoreError> {
    let Heard { account, presence } = heard;
    let values = [account.into(), (&presence.device).into(), presence.seen_at.into(), (&presence.version).into()];
    transaction.session.rows(&statement::NOTE_PRESENCE, &values).await.map(|_| ())
}

pub(crate) async fn of_account(session: &mut Session<'_>, account: &AccountId) -> Result<Vec<Presence>, StoreError> {
    let rows = session.rows(&statement::PRESENCE, &[account.into()]).await?;
    rows.iter().map(|row| Ok(Presence { device: row.get(0)?, seen_at: row.get(1)?, version: row.get(2)? })).collect()
}

/// What is leased now, the oldest jobs first.
pub(crate) async fn leases(session: &mut Session<'_>, account: &AccountId) -> Result<Vec<HeldLease>, StoreError> {
    let rows = session.rows(&statement::HELD_LEASES, &[account.into(), MAX_LEASES.into()]).await?;
    (rows.iter())
        .map(|row| {
            Ok(HeldLease {
                job_id: row.get(0)?,
                device: row.get(1)?,
                attempt: row.get(2)?,
                ends_at: row.get(3)?,
                source: row.get(4)?,
                row_id: row.get(5)?,
                tracking_url: row.get(6)?,
                environment: row.get(7)?,
            })
        })
        .collect()
}
