//! Results: each takes effect exactly once, in the transaction that checks its fence. Conclusion, evidence and row are
//! written together.

use domain::audit::Entry;
use domain::readiness;
use protocol::device::{Outcome, ReportedResult};
use protocol::fetch_request::Fingerprint;
use protocol::{AccountId, Class, Context, DeviceId, Environment, JobId, JobResult, RowExpectation, UnixMillis};
use sha2::{Digest, Sha256};

use crate::concluded_hours::HourCounts;
use crate::console_rows::class_number;
use crate::error::StoreError;
use crate::job::CONCLUDED;
use crate::operation::Transaction;
use crate::session::{Batch, NumberedRow, Row, Value};
use crate::statement;

/// A result that has been checked, with its JSON ready for storage.
#[derive(Debug)]
pub struct PreparedResult {
    job_id: JobId,
    fence: u32,
    result: JobResult,
    json: String,
}

impl PreparedResult {
    /// Makes a checked result ready.
    #[must_use]
    pub fn new(reported: ReportedResult) -> Self {
        let ReportedResult { job_id, fence, result } = reported;
        let json = serde_json::to_string(&result).unwrap_or_default();
        Self { job_id, fence, result, json }
    }

    /// The job that it is the result of.
    pub(crate) const fn job_id(&self) -> JobId {
        self.job_id
    }

    /// Bytes that it takes in storage.
    #[must_use]
    pub fn json_bytes(&self) -> usize {
        self.json.len()
    }
}

/// A result, who reports it and when.
#[derive(Clone, Copy)]
pub(crate) struct Reported<'r> {
    pub(crate) account: AccountId,
    pub(crate) device: DeviceId,
    pub(crate) result: &'r PreparedResult,
    pub(crate) now: UnixMillis,
}

/// Results of one or several devices, on their way into a transaction. What is asked travels with other questions; the
/// answers decide.
pub(crate) struct Reports<'r> {
    results: Vec<Reported<'r>>,
    /// By position, each lease once, in the order in which every transaction locks them.
    leases: Vec<usize>,
}

impl<'r> Reports<'r> {
    pub(crate) fn new(results: Vec<Reported<'r>>) -> Self {
        // The same lease twice in one report: the first counts, the second is looked up like any late one. Of two leases
        // of one job only one is held.
        let mut leases: Vec<usize> = (0..results.len()).collect();
        let lease = |at: &usize| (results[*at].account, results[*at].result.job_id, results[*at].result.fence, results[*at].device);
        leases.sort_by_key(lease);
        leases.dedup_by_key(|at| lease(at));
        Self { results, leases }
    }

    /// Ends the leases, which know what their jobs are about.
    pub(crate) fn question(&self) -> Batch<'_> {
        let leases = (self.leases.iter().map(|&at| &self.results[at]))
            .map(|one| [(&one.account).into(), (&one.result.job_id).into(), one.result.fence.into(), (&one.device).into()])
            .collect::<Vec<[Value<'_>; 4]>>();
        Batch::new(&statement::END_LEASE, leases)
    }

    /// Writes the results whose lease was held. One outcome each, in order.
    pub(crate) async fn apply(&self, transaction: &mut Transaction<'_>, held: &[NumberedRow]) -> Result<Vec<Outcome>, StoreError> {
        let (mut ending, mut unknown) = (Vec::with_capacity(held.len()), Vec::new());
        for (number, row) in held {
            let at = self.leases[*number];
            match Ending::of_lease(Conclusive::of(&self.results[at]), row)? {
                Some(end) => ending.push((at, end)),
                None => unknown.push(at),
            }
        }
        // Leased by a relay of an earlier version: the job's record says what it is about.
        let ids = unknown.iter().map(|&at| [(&self.results[at].account).into(), (&self.results[at].result.job_id).into()]);
        let jobs = transaction.session.rows_of_each(&statement::JOB_TO_CONCLUDE, &ids.collect::<Vec<[Value<'_>; 2]>>()).await?;
        for (number, row) in &jobs {
            let at = unknown[*number];
            ending.push((at, Ending::read(Conclusive::of(&self.results[at]), row)?));
        }
        ending.retain(|(_, end)| !end.has_ended);
        let mut outcomes = vec![None; self.results.len()];
        ending.iter().for_each(|(at, _)| outcomes[*at] = Some(Outcome::Applied));
        conclude(transaction, ending.into_iter().map(|(_, end)| end).collect()).await?;
        let late: Vec<usize> = (0..outcomes.len()).filter(|at| outcomes[*at].is_none()).collect();
        if !late.is_empty() {
            self.look_up_late(transaction, &late, &mut outcomes).await?;
        }
        Ok(outcomes.into_iter().map(|outcome| outcome.unwrap_or(Outcome::Unknown)).collect())
    }

    /// What became of results whose lease is not held (any more).
    async fn look_up_late(
        &self,
        transaction: &mut Transaction<'_>,
        late: &[usize],
        outcomes: &mut [Option<Outcome>],
    ) -> Result<(), StoreError> {
        let batch: Vec<[Value<'_>; 2]> =
            late.iter().map(|&at| [(&self.results[at].account).into(), (&self.results[at].result.job_id).into()]).collect();
        for (number, row) in transaction.session.rows_of_each(&statement::HOW_ENDED, &batch).await? {
            let (state, fence, by): (Option<i64>, Option<u32>, Option<DeviceId>) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let one = &self.results[late[number]];
            let was_this = state == Some(CONCLUDED) && fence == Some(one.result.fence) && by == Some(one.device);
            outcomes[late[number]] = Some(if was_this { Outcome::Duplicate } else { Outcome::Superseded });
        }
        Ok(())
    }
}

/// A result that ends its job.
#[derive(Clone, Copy)]
pub(crate) struct Conclusive<'r> {
    pub(crate) account: AccountId,
    pub(crate) job_id: JobId,
    pub(crate) fence: u32,
    /// Who made it; none: the relay itself.
    pub(crate) device: Option<DeviceId>,
    pub(crate) result: &'r JobResult,
    pub(crate) json: &'r str,
    pub(crate) now: UnixMillis,
}

impl<'r> Conclusive<'r> {
    fn of(reported: &Reported<'r>) -> Self {
        let Reported { account, device, result: PreparedResult { job_id, fence, result, json }, now } = *reported;
        Self { account, job_id: *job_id, fence: *fence, device: Some(device), result, json, now }
    }

    /// Whether the job was done under the context that was asked for, given as it is stored.
    fn used_context(&self, context: Option<String>) -> bool {
        // A context that cannot be read keeps the row from being ready, but the job from nothing: every job ends.
        let context = read_context(context)
            .inspect_err(|error| tracing::error!(job.id = %self.job_id, %error, "the context that was asked for is unreadable"));
        context.is_ok_and(|context| readiness::context_was_used(&context, self.result))
    }
}

/// Ends jobs that have left the queue tables already, but for those that had ended before, by a cancellation say: they
/// keep their end.
pub(crate) async fn conclude_all(transaction: &mut Transaction<'_>, ending: &[Conclusive<'_>]) -> Result<(), StoreError> {
    let ids = ending.iter().map(|end| [(&end.account).into(), (&end.job_id).into()]).collect::<Vec<[Value<'_>; 2]>>();
    let jobs = transaction.session.rows_of_each(&statement::JOB_TO_CONCLUDE, &ids).await?;
    let ending = jobs.iter().map(|(number, row)| Ending::read(ending[*number], row)).collect::<Result<Vec<_>, _>>()?;
    conclude(transaction, ending.into_iter().filter(|end| !end.has_ended).collect()).await
}

/// Writes the ends of jobs: conclusion, evidence and row together. Whoever took a job's entry out of the queue has the
/// job to itself: nobody else ends it meanwhile.
async fn conclude(transaction: &mut Transaction<'_>, mut ending: Vec<Ending<'_>>) -> Result<(), StoreError> {
    for Ending { by: Conclusive { account, job_id, device, result, now, .. }, environment, .. } in &ending {
        let jobs = vec![(*job_id, result.conclusion)];
        transaction.audit.record(*account, *now, Entry::Concluded { device: *device, environment: *environment, jobs });
    }
    // The order in which every transaction locks rows.
    ending.sort_by(|a, b| a.row_key().cmp(&b.row_key()));
    let mut hours = HourCounts::default();
    for Ending { by: Conclusive { account, job_id, result, now, .. }, environment, .. } in &ending {
        hours.count(*account, *environment, *job_id, result.conclusion, *now);
    }
    let batches = [
        Batch::new(&statement::CONCLUDE_JOB, ending.iter().map(Ending::of_job).collect()),
        Batch::new(&statement::INSERT_RESULT, ending.iter().map(Ending::of_evidence).collect()),
        Batch::new(&statement::CONCLUDE_ROW, ending.iter().map(Ending::of_row).collect()),
        Batch::new(&statement::COUNT_HOURS, hours.values()),
    ];
    transaction.session.write(&batches).await?;
    transaction.effects.ended.extend(ending.iter().map(|end| end.by.job_id));
    Ok(())
}

/// The end of a job, and what the job is about.
struct Ending<'r> {
    by: Conclusive<'r>,
    environment: Environment,
    source: String,
    row_id: String,
    context_used: bool,
    checked: Fingerprint,
    has_ended: bool,
}

impl<'r> Ending<'r> {
    /// `row` is that of `report/end_lease`; none: the lease does not know what its job is about.
    fn of_lease(by: Conclusive<'r>, row: &Row) -> Result<Option<Self>, StoreError> {
        let Some(((source, row_id), checked)) = row.get::<Option<String>>(1)?.zip(row.get::<Option<String>>(2)?).zip(row.get(3)?) else {
            return Ok(None);
        };
        let context_used = by.used_context(row.get(4)?);
        // Whoever ends a job takes its lease first: a job that is still leased has not ended.
        Ok(Some(Self { by, environment: row.get(0)?, source, row_id, context_used, checked: Fingerprint(checked), has_ended: false }))
    }

    /// `row` is that of `report/job_to_conclude`.
    fn read(by: Conclusive<'r>, row: &Row) -> Result<Self, StoreError> {
        let context_used = by.used_context(row.get(5)?);
        let (tracking_url, expected_domain): (String, Option<String>) = (row.get(3)?, row.get(4)?);
        Ok(Self {
            by,
            environment: row.get(0)?,
            source: row.get(1)?,
            row_id: row.get(2)?,
            context_used,
            checked: row_inputs(&tracking_url, expected_domain.as_deref(), row.get::<Option<String>>(6)?.as_deref()),
            has_ended: row.get::<Option<i64>>(7)?.is_some(),
        })
    }

    fn row_key(&self) -> (AccountId, Environment, &str, &str) {
        (self.by.account, self.environment, &self.source, &self.row_id)
    }

    fn of_job(&self) -> [Value<'_>; 7] {
        let Conclusive { account, job_id, fence, device, result, now, .. } = &self.by;
        let code = result.conclusion.code();
        [account.into(), job_id.into(), CONCLUDED.into(), (*now).into(), code.into(), (*fence).into(), device.as_ref().into()]
    }

    fn of_evidence(&self) -> [Value<'_>; 3] {
        [(&self.by.account).into(), (&self.by.job_id).into(), self.by.json.into()]
    }

    fn of_row(&self) -> [Value<'_>; 13] {
        let result = self.by.result;
        // A result without a chain says nothing about when the link was last checked. And a desktop whose clock is ahead
        // must not keep a row fresh for longer than it is.
        let has_chain = result.conclusion.class() != Class::Skipped && !result.hops.is_empty();
        let checked_at = has_chain.then_some(result.checked_at.min(self.by.now));
        [
            (&self.by.account).into(),
            self.environment.into(),
            (&self.source).into(),
            (&self.row_id).into(),
            (&self.by.job_id).into(),
            result.conclusion.code().into(),
            result.final_url.as_deref().into(),
            (&result.detail).into(),
            checked_at.into(),
            self.context_used.into(),
            (&self.checked.0).into(),
            (result.conclusion.class() != Class::Ok).then(|| class_number(result.conclusion.class())).into(),
            self.by.now.into(),
        ]
    }
}

/// Hash over what a row's check depends on: when it differs from the row's own, the row has changed since.
pub(crate) fn row_inputs(tracking_url: &str, expected_domain: Option<&str>, expectation: Option<&str>) -> Fingerprint {
    let mut hash = Sha256::new().chain_update(tracking_url).chain_update(b"\n").chain_update(expected_domain.unwrap_or_default());
    // No domain has a line break. Without an expectation the hash is that of rows from before there were any.
    if let Some(expectation) = expectation {
        hash = hash.chain_update(b"\n").chain_update(expectation);
    }
    Fingerprint(hash.finalize().into())
}

/// Reads a stored expectation; none asks for nothing.
pub(crate) fn read_expectation(json: Option<&str>) -> Result<RowExpectation, StoreError> {
    json.map_or_else(
        || Ok(RowExpectation::default()),
        |json| serde_json::from_str(json).map_err(|error| StoreError::Corrupt(format!("expectation: {error}"))),
    )
}

/// Reads a stored context; none is an empty one.
pub(crate) fn read_context(json: Option<String>) -> Result<Context, StoreError> {
    json.map_or_else(
        || Ok(Context::default()),
        |json| serde_json::from_str(&json).map_err(|error| StoreError::Corrupt(format!("context: {error}"))),
    )
}
