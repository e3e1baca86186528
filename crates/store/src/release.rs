//! The way back among the jobs that wait: leases that a device gives back, and whatever else becomes ready again.

use std::collections::{BTreeMap, BTreeSet};

use domain::audit::{Entry, Requeued};
use protocol::device::HeldJob;
use protocol::{AccountId, DeviceId, Environment, JobId, UnixMillis};

use crate::error::StoreError;
use crate::heads::{self, Place};
use crate::operation::Transaction;
use crate::session::{Row, Value};
use crate::statement;

/// A device gives leases back.
#[derive(Debug)]
pub(crate) struct Release {
    pub(crate) account: AccountId,
    pub(crate) device: DeviceId,
    pub(crate) jobs: Vec<HeldJob>,
    pub(crate) now: UnixMillis,
}

/// Gives leases back: the jobs are ready again at once and have lost no attempt. Returns how many.
pub(crate) async fn release(transaction: &mut Transaction<'_>, release: &Release) -> Result<u32, StoreError> {
    // Each once, in the order in which every transaction locks them.
    let leases: BTreeSet<(&JobId, u32)> = release.jobs.iter().map(|held| (&held.job_id, held.fence)).collect();
    let batch: Vec<[Value<'_>; 4]> = (leases.into_iter())
        .map(|(job_id, fence)| [(&release.account).into(), job_id.into(), fence.into(), (&release.device).into()])
        .collect();
    let rows = transaction.session.rows_of_each(&statement::RELEASE_LEASE, &batch).await?;
    requeue(transaction, release.account, rows.iter().map(|(_, row)| row), Requeued::Released, release.now).await
}

/// Puts leases that a device lets go of back among the ready jobs. The rows are those of `lease/release_lease`.
pub(crate) async fn requeue<'r>(
    transaction: &mut Transaction<'_>,
    account: AccountId,
    rows: impl Iterator<Item = &'r Row>,
    why: Requeued,
    now: UnixMillis,
) -> Result<u32, StoreError> {
    let mut freed = Vec::new();
    for row in rows {
        let attempts: u32 = row.get(4)?;
        freed.push(WaitingJob {
            account,
            job_id: row.get(0)?,
            environment: row.get(1)?,
            priority: row.get(2)?,
            fence: row.get(3)?,
            attempts: attempts.saturating_sub(1),
            expires_at: row.get(5)?,
        });
    }
    make_ready(transaction, &freed, now).await?;
    for job in &freed {
        transaction.audit.record(account, now, Entry::Requeued { why, environment: job.environment, jobs: vec![job.job_id] });
    }
    transaction.counters.add_waiting(account, i64::try_from(freed.len()).unwrap_or(i64::MAX));
    Ok(u32::try_from(freed.len()).unwrap_or(u32::MAX))
}

/// A job that goes (back) among those that wait.
#[derive(Debug)]
pub(crate) struct WaitingJob {
    pub(crate) account: AccountId,
    pub(crate) job_id: JobId,
    pub(crate) environment: Environment,
    pub(crate) priority: i64,
    pub(crate) fence: u32,
    pub(crate) attempts: u32,
    pub(crate) expires_at: UnixMillis,
}

/// Enters jobs among the ready ones, behind those that are ready already. The backlog counter is the caller's business.
pub(crate) async fn make_ready(transaction: &mut Transaction<'_>, jobs: &[WaitingJob], now: UnixMillis) -> Result<(), StoreError> {
    let batch: Vec<[Value<'_>; 8]> = (jobs.iter())
        .map(|job| {
            [
                (&job.account).into(),
                job.priority.into(),
                now.into(),
                (&job.job_id).into(),
                job.environment.into(),
                job.fence.into(),
                job.attempts.into(),
                job.expires_at.into(),
            ]
        })
        .collect();
    transaction.session.each(&statement::INSERT_READY, &batch).await?;
    let mut ready: BTreeMap<AccountId, usize> = BTreeMap::new();
    for job in jobs {
        heads::note(&mut transaction.entered, job.account, Place::before(job.priority, now));
        *ready.entry(job.account).or_default() += 1;
    }
    transaction.effects.ready.extend(ready);
    Ok(())
}
