//! Cancelling: a queued job's quota is given back, a leased one's desktop is told at its next pull.

use std::collections::BTreeMap;

use domain::Month;
use protocol::{AccountId, Environment, JobId, UnixMillis};

use crate::admission::add_backlog;
use crate::error::StoreError;
use crate::job::{self, CANCELLED, JobRecord};
use crate::operation::Transaction;
use crate::session::Value;
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
    pub(crate) now: UnixMillis,
}

pub(crate) async fn cancel(transaction: &mut Transaction<'_>, order: &Cancel) -> Result<Cancelled, StoreError> {
    let Cancel { account, environment, job_id, now } = order;
    let (of_account, of_job): (Value<'_>, Value<'_>) = (account.into(), job_id.into());
    let Some(row) = transaction.session.row(&statement::JOB_TO_CANCEL, &[of_account, of_job, (*environment).into()]).await? else {
        return Ok(Cancelled::Unknown);
    };
    let (created_at, expires_at): (UnixMillis, UnixMillis) = (row.get(1)?, row.get(2)?);
    match row.get::<Option<i64>>(3)? {
        None => {}
        Some(CANCELLED) => return reread(transaction, order).await,
        Some(_) => return Ok(Cancelled::AlreadyConcluded),
    }
    let was_queued = transaction.session.row(&statement::DROP_READY, &[of_account, of_job, expires_at.into()]).await?.is_some()
        || transaction.session.row(&statement::DROP_DELAYED, &[of_account, of_job]).await?.is_some();
    if was_queued {
        let given_back = [of_account, (*environment).into(), Month::of(created_at).into(), (-1_i64).into()];
        transaction.session.each(&statement::ADD_USAGE, &[given_back]).await?;
        add_backlog(transaction, &BTreeMap::from([(*account, -1)])).await?;
    } else {
        transaction.session.row(&statement::DROP_LEASED, &[of_account, of_job]).await?;
    }
    let ended = [of_account, of_job, CANCELLED.into(), (*now).into(), Value::Null, Value::Null, Value::Null];
    transaction.session.rows_of_each(&statement::CONCLUDE_JOB, &[ended]).await?;
    transaction.effects.ended.push(*job_id);
    reread(transaction, order).await
}

async fn reread(transaction: &mut Transaction<'_>, order: &Cancel) -> Result<Cancelled, StoreError> {
    let job = job::one(&mut transaction.session, &(order.account, order.environment, order.job_id)).await?;
    Ok(job.map_or(Cancelled::Unknown, |job| Cancelled::Done(Box::new(job))))
}
