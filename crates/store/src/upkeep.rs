//! What time does to jobs: leases end, waits end, deadlines pass. In small steps, so that no admission waits long
//! behind them.

use domain::audit::{Entry, Requeued};
use domain::lease::{AfterLease, WhyNotExecuted};
use protocol::{AccountId, JobId, JobResult, UnixMillis};

use crate::error::StoreError;
use crate::operation::Transaction;
use crate::release::{WaitingJob, make_ready};
use crate::report::{Conclusive, conclude_all};
use crate::session::{Row, Value};
use crate::statement;

/// Jobs of each kind that one step handles.
const STEP: i64 = 500;

/// What one step has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Upkeep {
    /// Leases that had ended.
    pub reclaimed: usize,
    /// Jobs whose wait was over.
    pub due: usize,
    /// Jobs that waited past their deadline.
    pub expired: usize,
    /// Whether another step would find more.
    pub more: bool,
}

/// When the step happens, and the randomness for its backoffs.
#[derive(Debug)]
pub(crate) struct UpkeepOrder {
    pub(crate) now: UnixMillis,
    pub(crate) jitter: f64,
}

pub(crate) async fn step(transaction: &mut Transaction<'_>, order: &UpkeepOrder) -> Result<Upkeep, StoreError> {
    let mut ending = Vec::new();
    let reclaimed = reclaim_ended_leases(transaction, order, &mut ending).await?;
    let due = promote_due(transaction, order.now, &mut ending).await?;
    let expired = take_expired(transaction, order.now, &mut ending).await?;
    conclude_not_executed(transaction, &ending, order.now).await?;
    transaction.session.rows(&statement::DROP_OLD_LINKS, &[order.now.into()]).await?;
    let full = usize::try_from(STEP).unwrap_or(usize::MAX);
    Ok(Upkeep { reclaimed, due, expired, more: [reclaimed, due, expired].contains(&full) })
}

/// A job that ends without a desktop's result.
struct NotExecuted {
    account: AccountId,
    job_id: JobId,
    fence: u32,
    why: WhyNotExecuted,
}

async fn reclaim_ended_leases(
    transaction: &mut Transaction<'_>,
    order: &UpkeepOrder,
    ending: &mut Vec<NotExecuted>,
) -> Result<usize, StoreError> {
    let rows = transaction.session.rows(&statement::TAKE_ENDED_LEASES, &[order.now.into(), STEP.into()]).await?;
    let policy = transaction.settings.leases;
    let mut delayed = Vec::new();
    for row in &rows {
        let job = read_waiting(row)?;
        let taken_up: bool = row.get(7)?;
        let attempts = if taken_up { job.attempts } else { job.attempts.saturating_sub(1) };
        // Each job a jitter of its own, from one random number and its id.
        let jitter = (order.jitter + f64::from(job.job_id.as_bytes()[15]) / 256.0).fract();
        match policy.after_end(attempts, job.fence, order.now, job.expires_at, jitter) {
            AfterLease::Queued { due_at, attempts } => {
                transaction.counters.add_waiting(job.account, 1);
                let again = Entry::Requeued { why: Requeued::LeaseEnded, environment: job.environment, jobs: vec![job.job_id] };
                transaction.audit.record(job.account, order.now, again);
                delayed.push((due_at, WaitingJob { attempts, ..job }));
            }
            AfterLease::NotExecuted(why) => ending.push(NotExecuted { account: job.account, job_id: job.job_id, fence: job.fence, why }),
        }
    }
    let batch: Vec<[Value<'_>; 8]> = (delayed.iter())
        .map(|(due_at, job)| {
            [
                (&job.account).into(),
                (&job.job_id).into(),
                job.environment.into(),
                job.priority.into(),
                job.fence.into(),
                job.attempts.into(),
                job.expires_at.into(),
                (*due_at).into(),
            ]
        })
        .collect();
    transaction.session.each(&statement::INSERT_DELAYED, &batch).await?;
    Ok(rows.len())
}

async fn promote_due(transaction: &mut Transaction<'_>, now: UnixMillis, ending: &mut Vec<NotExecuted>) -> Result<usize, StoreError> {
    let rows = transaction.session.rows(&statement::TAKE_DUE, &[now.into(), STEP.into()]).await?;
    let jobs = rows.iter().map(read_waiting).collect::<Result<Vec<_>, _>>()?;
    let (expired, due): (Vec<_>, Vec<_>) = jobs.into_iter().partition(|job| job.expires_at <= now);
    make_ready(transaction, &due, now).await?;
    for job in expired {
        transaction.counters.add_waiting(job.account, -1);
        ending.push(NotExecuted { account: job.account, job_id: job.job_id, fence: job.fence, why: WhyNotExecuted::DeadlinePassed });
    }
    Ok(rows.len())
}

async fn take_expired(transaction: &mut Transaction<'_>, now: UnixMillis, ending: &mut Vec<NotExecuted>) -> Result<usize, StoreError> {
    let rows = transaction.session.rows(&statement::TAKE_EXPIRED, &[now.into(), STEP.into()]).await?;
    for row in &rows {
        let account: AccountId = row.get(0)?;
        transaction.counters.add_waiting(account, -1);
        ending.push(NotExecuted { account, job_id: row.get(1)?, fence: row.get(2)?, why: WhyNotExecuted::DeadlinePassed });
    }
    Ok(rows.len())
}

async fn conclude_not_executed(transaction: &mut Transaction<'_>, ending: &[NotExecuted], now: UnixMillis) -> Result<(), StoreError> {
    let results: Vec<(JobResult, String)> = (ending.iter())
        .map(|end| {
            let result = JobResult::not_executed(end.why.detail(), now);
            let json = serde_json::to_string(&result).unwrap_or_default();
            (result, json)
        })
        .collect();
    let ending: Vec<Conclusive<'_>> = (ending.iter().zip(&results))
        .map(|(end, (result, json))| Conclusive {
            account: end.account,
            job_id: end.job_id,
            fence: end.fence,
            device: None,
            result,
            json,
            now,
        })
        .collect();
    conclude_all(transaction, &ending).await
}

/// Reads the first columns of `upkeep/take_ended_leases` and `upkeep/take_due`, which are the same.
fn read_waiting(row: &Row) -> Result<WaitingJob, StoreError> {
    Ok(WaitingJob {
        account: row.get(0)?,
        job_id: row.get(1)?,
        environment: row.get(2)?,
        priority: row.get(3)?,
        fence: row.get(4)?,
        attempts: row.get(5)?,
        expires_at: row.get(6)?,
    })
}
