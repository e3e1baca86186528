//! Forgets ended work that has grown old: idempotency keys, then jobs with their results, then months of usage. Rows
//! keep the last that was said of them. In small steps, oldest first, an account at a time, over ranges of the keys
//! that exist anyway.

use protocol::{AccountId, JobId, UnixMillis};

use crate::concluded_hours;
use crate::error::StoreError;
use crate::operation::Transaction;
use crate::session::{Row, Session, Value};
use crate::{kept, statement};

/// Jobs that one step looks at: some milliseconds of the writer, which everyone waits for meanwhile.
const JOBS_PER_STEP: usize = 500;
/// Accounts that one step looks at. Most have nothing to prune; each costs a few short statements.
const ACCOUNTS_PER_STEP: i64 = 16;

/// What one step has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Idempotency keys that were forgotten.
    pub keys: usize,
    /// Jobs that were dropped, with their results.
    pub jobs: usize,
    /// Behind which account the next step goes on; none: every account has had its turn.
    pub next: Option<PruneCursor>,
}

/// Where a pass over the accounts has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PruneCursor(AccountId);

/// When a step happens, and where it goes on.
#[derive(Debug)]
pub(crate) struct PruneOrder {
    pub(crate) now: UnixMillis,
    pub(crate) from: Option<PruneCursor>,
}

/// Before every id.
const NO_ID: [u8; 16] = [0; 16];

pub(crate) async fn step(transaction: &mut Transaction<'_>, order: &PruneOrder) -> Result<Pruned, StoreError> {
    let mut pruned = Pruned::default();
    let session = &mut transaction.session;
    if session.row(&statement::MAY_PRUNE, &[]).await?.is_none() {
        return Ok(pruned);
    }
    let first_month = transaction.settings.retention.first_usage_month(order.now);
    let mut behind = order.from.map_or(AccountId::from_bytes(NO_ID), |cursor| cursor.0);
    let rows = session.rows(&statement::ACCOUNTS_TO_PRUNE, &[(&behind).into(), ACCOUNTS_PER_STEP.into()]).await?;
    let may_be_more = i64::try_from(rows.len()).is_ok_and(|found| found == ACCOUNTS_PER_STEP);
    let mut left = JOBS_PER_STEP;
    for row in &rows {
        let mut progress = Progress::read(row)?;
        let plan = transaction.settings.plans.get(&row.get::<String>(3)?);
        let chosen = kept::chosen(row.get::<Option<String>>(4)?.as_deref());
        let retention = transaction.settings.retention.within(plan.and_then(|plan| plan.retention_days)).within(chosen);
        let (keys_until, jobs_until) = (retention.last_key_to_forget(order.now), retention.last_job_to_drop(order.now));
        let before = progress;
        let forgotten = progress.forget_keys(session, keys_until, left).await?;
        left = left.saturating_sub(forgotten);
        let dropped = progress.drop_jobs(session, jobs_until, left).await?;
        left = left.saturating_sub(dropped);
        pruned.keys += forgotten;
        pruned.jobs += dropped;
        if progress != before {
            let noted = [(&progress.account).into(), (&progress.keys_through).into(), (&progress.jobs_through).into()];
            session.rows(&statement::NOTE_PRUNED, &noted).await?;
        }
        if left == 0 {
            // The next step looks at this account again.
            pruned.next = Some(PruneCursor(behind));
            return Ok(pruned);
        }
        session.rows(&statement::DROP_OLD_USAGE, &[(&progress.account).into(), first_month.into()]).await?;
        // As long as the jobs that were counted.
        let first_hour = concluded_hours::hour_of(UnixMillis(concluded_hours::created_millis(jobs_until)));
        session.rows(&statement::DROP_OLD_HOURS, &[(&progress.account).into(), first_hour.into()]).await?;
        behind = progress.account;
    }
    pruned.next = may_be_more.then_some(PruneCursor(behind));
    Ok(pruned)
}

/// How far an account has been pruned.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Progress {
    account: AccountId,
    keys_through: JobId,
    jobs_through: JobId,
}

/// A job that may have grown old.
struct OldJob {
    id: JobId,
    environment: i64,
    idempotency_key: String,
    has_ended: bool,
}

impl Progress {
    fn read(row: &Row) -> Result<Self, StoreError> {
        let or_none = |id: Option<JobId>| id.unwrap_or(JobId::from_bytes(NO_ID));
        Ok(Self { account: row.get(0)?, keys_through: or_none(row.get(1)?), jobs_through: or_none(row.get(2)?) })
    }

    async fn forget_keys(&mut self, session: &mut Session<'_>, until: JobId, most: usize) -> Result<usize, StoreError> {
        let jobs = self.old_jobs(session, (self.keys_through, until), most).await?;
        let keys: Vec<[Value<'_>; 4]> = (jobs.iter())
            .map(|job| [(&self.account).into(), job.environment.into(), (&job.idempotency_key).into(), (&job.id).into()])
            .collect();
        session.each(&statement::FORGET_KEY, &keys).await?;
        self.keys_through = jobs.last().map_or(self.keys_through, |job| job.id);
        Ok(jobs.len())
    }

    async fn drop_jobs(&mut self, session: &mut Session<'_>, until: JobId, most: usize) -> Result<usize, StoreError> {
        // Never a job whose key still leads to it.
        let until = until.min(self.keys_through);
        let jobs = self.old_jobs(session, (self.jobs_through, until), most).await?;
        // One that has outlived its deadline and not ended yet will end within seconds; it and those behind it then go.
        let ended = jobs.iter().take_while(|job| job.has_ended).count();
        let ids: Vec<[Value<'_>; 2]> = jobs[..ended].iter().map(|job| [(&self.account).into(), (&job.id).into()]).collect();
        session.each(&statement::DROP_RESULT, &ids).await?;
        session.each(&statement::DROP_JOB, &ids).await?;
        self.jobs_through = jobs[..ended].last().map_or(self.jobs_through, |job| job.id);
        Ok(ended)
    }

    async fn old_jobs(&self, session: &mut Session<'_>, (behind, until): (JobId, JobId), most: usize) -> Result<Vec<OldJob>, StoreError> {
        if most == 0 || until <= behind {
            return Ok(Vec::new());
        }
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let rows =
            session.rows(&statement::JOBS_TO_PRUNE, &[(&self.account).into(), (&behind).into(), (&until).into(), most.into()]).await?;
        (rows.iter())
            .map(|row| {
                let ended_state: Option<i64> = row.get(3)?;
                Ok(OldJob { id: row.get(0)?, environment: row.get(1)?, idempotency_key: row.get(2)?, has_ended: ended_state.is_some() })
            })
            .collect()
    }
}
