//! Cancelling: a queued job's quota is given back, a leased one's desktop is told at its next pull.

use domain::Month;
use domain::audit::{Actor, Entry};
use protocol::{AccountId, DeviceId, Environment, JobId, UnixMillis};

use crate::error::StoreError;
use crate::job::{self, CANCELLED, JobRecord};
use crate::operation::Transaction;
use crate::session::{Session, Value};
use crate::statement;

/// What became of a wish to cancel.
#[derive(Clone, Debug, PartialEq)]
pub enum Cancelled {
    /// The job is cancelled, by this wish or an earlier one.
    Done(Box<JobRecord>),
    /// The job has concluded.
    AlreadyConcluded,
    /// The account has no such job.
    Unknown,
}

/// Which job to cancel.
#[derive(Debug)]
pub(crate) struct Cancel {
    pub(crate) account: AccountId,
    pub(crate) environment: Environment,
    pub(crate) job_id: JobId,
    pub(crate) by: Actor,
    pub(crate) now: UnixMillis,
}

/// Looks for a job in the queue. Each sees what the one before it waited for, and a job moves seldom.
const LOOKS: usize = 8;

pub(crate) async fn cancel(transaction: &mut Transaction<'_>, order: &Cancel) -> Result<Cancelled, StoreError> {
    let Cancel { account, environment, job_id, by, now } = order;
    let (of_account, of_job): (Value<'_>, Value<'_>) = (account.into(), job_id.into());
    for _ in 0..LOOKS {
        let Some(row) = transaction.session.row(&statement::JOB_TO_CANCEL, &[of_account, of_job, (*environment).into()]).await? else {
            return Ok(Cancelled::Unknown);
        };
        let (created_at, expires_at): (UnixMillis, UnixMillis) = (row.get(1)?, row.get(2)?);
        match row.get::<Option<i64>>(3)? {
            None => {}
            Some(CANCELLED) => return reread(transaction, order).await,
            Some(_) => return Ok(Cancelled::AlreadyConcluded),
        }
        // The entry in the queue first, as everyone does who ends or moves a job: whoever has it has the job.
        // Fence and device are noted of a leased job alone: by their lack `db check` knows which jobs were given back.
        let held = match take_from_queue(transaction, order, expires_at).await? {
            // Another transaction has moved or ended it between two looks.
            None => continue,
            Some(Taken::Queued) => {
                transaction.counters.give_back(*account, *environment, Month::of(created_at));
                transaction.counters.add_waiting(*account, -1);
                None
            }
            Some(Taken::Leased { fence, device }) => Some((fence, device)),
        };
        let (fence, device) = (held.map(|(fence, _)| fence), held.as_ref().map(|(_, device)| device));
        let ended = [of_account, of_job, CANCELLED.into(), (*now).into(), Value::Null, fence.into(), device.into()];
        transaction.session.rows_of_each(&statement::CONCLUDE_JOB, &[ended]).await?;
        let cancelled = Entry::Cancelled { by: by.clone(), environment: *environment, jobs: vec![*job_id] };
        transaction.audit.record(*account, *now, cancelled);
        transaction.effects.ended.push(*job_id);
        return reread(transaction, order).await;
    }
    Err(StoreError::Conflict(format!("{job_id} kept moving")))
}

/// Where a job's entry in the queue was.
enum Taken {
    Queued,
    Leased { fence: u32, device: DeviceId },
}

/// Takes the job's entry out of whichever queue table has it; `None` when none has it at this moment.
async fn take_from_queue(transaction: &mut Transaction<'_>, order: &Cancel, expires_at: UnixMillis) -> Result<Option<Taken>, StoreError> {
    let session = &mut transaction.session;
    if take_queued(session, order.account, order.job_id, expires_at).await? {
        return Ok(Some(Taken::Queued));
    }
    let (of_account, of_job): (Value<'_>, Value<'_>) = ((&order.account).into(), (&order.job_id).into());
    let lease = session.row(&statement::DROP_LEASED, &[of_account, of_job]).await?;
    lease.map(|lease| Ok(Taken::Leased { fence: lease.get(0)?, device: lease.get(1)? })).transpose()
}

/// Takes a job that waits for a desktop out of the queue. `false`: it does not wait, or not any more.
pub(crate) async fn take_queued(
    session: &mut Session<'_>,
    account: AccountId,
    job_id: JobId,
    expires_at: UnixMillis,
) -> Result<bool, StoreError> {
    let (of_account, of_job): (Value<'_>, Value<'_>) = ((&account).into(), (&job_id).into());
    Ok(session.row(&statement::DROP_READY, &[of_account, of_job, expires_at.into()]).await?.is_some()
        || session.row(&statement::DROP_DELAYED, &[of_account, of_job]).await?.is_some())
}

async fn reread(transaction: &mut Transaction<'_>, order: &Cancel) -> Result<Cancelled, StoreError> {
    let job = job::one(&mut transaction.session, &(order.account, order.environment, order.job_id)).await?;
    Ok(job.map_or(Cancelled::Unknown, |job| Cancelled::Done(Box::new(job))))
}
