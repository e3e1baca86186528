//! What a pull does, in one transaction: apply finished results, extend what runs, lease what is ready; and its
//! opposite, the release.

use std::collections::BTreeMap;

use domain::audit::{Entry, Requeued};
use protocol::device::{HeldJob, LeasedJob, ReportOutcome};
use protocol::{AccountId, DeviceId, Environment, JobId, PollId, UnixMillis};

use crate::error::StoreError;
use crate::operation::Transaction;
use crate::report::{self, PreparedResult};
use crate::session::{Row, Value};
use crate::statement;

/// What a device asks for.
#[derive(Debug)]
pub struct PullOrder {
    /// Whose jobs.
    pub account: AccountId,
    /// Who asks.
    pub device: DeviceId,
    /// The same again returns the same leases.
    pub poll_id: PollId,
    /// How many new jobs at most.
    pub max: u32,
    /// What the device is working on.
    pub running: Vec<HeldJob>,
    /// What it has finished.
    pub results: Vec<PreparedResult>,
    /// Now.
    pub now: UnixMillis,
}

/// What a device gets.
#[derive(Debug, Default)]
pub struct Pulled {
    /// Newly leased jobs.
    pub jobs: Vec<LeasedJob>,
    /// Running jobs that the device no longer holds.
    pub lost: Vec<JobId>,
    /// What became of its results, in order.
    pub outcomes: Vec<ReportOutcome>,
}

pub(crate) async fn pull(transaction: &mut Transaction<'_>, order: &PullOrder) -> Result<Pulled, StoreError> {
    let outcomes = report::apply(transaction, order.account, order.device, &order.results, order.now).await?;
    let lost = extend(transaction, order).await?;
    let mut jobs = leased_by_poll(transaction, order).await?;
    if jobs.is_empty() && order.max > 0 {
        jobs = lease_ready(transaction, order).await?;
    }
    Ok(Pulled { jobs, lost, outcomes })
}

/// Extends the leases of what runs; returns what the device no longer holds.
async fn extend(transaction: &mut Transaction<'_>, order: &PullOrder) -> Result<Vec<JobId>, StoreError> {
    let ends_at = transaction.settings.leases.renewed_end(order.now, UnixMillis(i64::MAX));
    let batch: Vec<[Value<'_>; 5]> = (order.running.iter())
        .map(|held| [(&order.account).into(), (&held.job_id).into(), held.fence.into(), (&order.device).into(), ends_at.into()])
        .collect();
    let mut held = vec![false; order.running.len()];
    for (number, _) in transaction.session.rows_of_each(&statement::EXTEND_LEASE, &batch).await? {
        held[number] = true;
    }
    Ok(order.running.iter().zip(held).filter(|(_, held)| !held).map(|(running, _)| running.job_id).collect())
}

/// What an earlier pull of the same poll id has leased: its answer may have been lost on the way.
async fn leased_by_poll(transaction: &mut Transaction<'_>, order: &PullOrder) -> Result<Vec<LeasedJob>, StoreError> {
    let rows = transaction
        .session
        .rows(&statement::LEASED_BY_POLL, &[(&order.account).into(), (&order.device).into(), order.poll_id.as_bytes().into()])
        .await?;
    rows.iter().map(|row| leased_job(row.get(0)?, row.get(1)?, (row.get(2)?, row.get(3)?), order.now, row, 4)).collect()
}

async fn lease_ready(transaction: &mut Transaction<'_>, order: &PullOrder) -> Result<Vec<LeasedJob>, StoreError> {
    let account = order.account;
    let taken = transaction
        .session
        .rows(&statement::TAKE_READY, &[(&account).into(), order.now.into(), order.max.into(), (&order.device).into()])
        .await?;
    if taken.is_empty() {
        return Ok(Vec::new());
    }
    let mut entries = taken.iter().map(ReadyEntry::read).collect::<Result<Vec<_>, _>>()?;
    // A DELETE returns its rows in no order of ours.
    entries.sort_by_key(|entry| (entry.priority, entry.ready_at, entry.job_id));
    let policy = transaction.settings.leases;
    let ends: Vec<UnixMillis> = entries.iter().map(|entry| policy.first_end(order.now, entry.expires_at)).collect();
    let leased: Vec<[Value<'_>; 10]> = (entries.iter().zip(&ends))
        .map(|(entry, ends_at)| {
            [
                (&account).into(),
                (&entry.job_id).into(),
                entry.environment.into(),
                entry.priority.into(),
                (entry.fence + 1).into(),
                (entry.attempts + 1).into(),
                entry.expires_at.into(),
                (&order.device).into(),
                order.poll_id.as_bytes().into(),
                (*ends_at).into(),
            ]
        })
        .collect();
    transaction.session.each(&statement::INSERT_LEASED, &leased).await?;
    let taken = i64::try_from(entries.len()).unwrap_or(i64::MAX);
    transaction.counters.add_waiting(account, -taken);
    for entry in &entries {
        let leased = Entry::Leased { device: order.device, environment: entry.environment, jobs: vec![entry.job_id] };
        transaction.audit.record(account, order.now, leased);
    }
    let ids: Vec<[Value<'_>; 2]> = entries.iter().map(|entry| [(&account).into(), (&entry.job_id).into()]).collect();
    let details = transaction.session.rows_of_each(&statement::JOB_TO_LEASE, &ids).await?;
    let jobs = details.iter().map(|(number, row)| {
        let entry = &entries[*number];
        let read = leased_job(entry.job_id, entry.fence + 1, (ends[*number], entry.expires_at), order.now, row, 0);
        // It stays leased to nobody until that ends, again and again, and then ends itself. The others go on.
        read.inspect_err(|error| tracing::error!(job.id = %entry.job_id, %error, "a job cannot be handed out")).ok()
    });
    Ok(jobs.flatten().collect())
}

/// `row` holds tracking URL, expected domain, context and expectation from column `first` on.
fn leased_job(
    job_id: JobId,
    fence: u32,
    (ends_at, deadline): (UnixMillis, UnixMillis),
    now: UnixMillis,
    row: &Row,
    first: usize,
) -> Result<LeasedJob, StoreError> {
    Ok(LeasedJob {
        job_id,
        fence,
        // Rounded down: the device must stop before the lease ends, not after.
        lease_seconds: u32::try_from((ends_at.0 - now.0).max(0) / 1_000).unwrap_or(u32::MAX),
        tracking_url: row.get(first)?,
        expected_domain: row.get(first + 1)?,
        expectation: report::read_expectation(row.get::<Option<String>>(first + 3)?.as_deref())?,
        context: report::read_context(row.get(first + 2)?)?,
        deadline,
    })
}

/// A job that waits, as taken from `ready`.
struct ReadyEntry {
    job_id: JobId,
    priority: i64,
    ready_at: UnixMillis,
    environment: Environment,
    fence: u32,
    attempts: u32,
    expires_at: UnixMillis,
}

impl ReadyEntry {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            job_id: row.get(0)?,
            priority: row.get(1)?,
            ready_at: row.get(2)?,
            environment: row.get(3)?,
            fence: row.get(4)?,
            attempts: row.get(5)?,
            expires_at: row.get(6)?,
        })
    }
}

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
    let batch: Vec<[Value<'_>; 4]> = (release.jobs.iter())
        .map(|held| [(&release.account).into(), (&held.job_id).into(), held.fence.into(), (&release.device).into()])
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
        *ready.entry(job.account).or_default() += 1;
    }
    transaction.effects.ready.extend(ready);
    Ok(())
}
