//! Results: each takes effect exactly once, in the transaction that checks its fence. Conclusion, evidence and row are
//! written together.

use std::collections::BTreeSet;

use domain::audit::Entry;
use domain::readiness;
use protocol::device::{Outcome, ReportOutcome, ReportedResult};
use protocol::fetch_request::Fingerprint;
use protocol::{AccountId, Class, Context, DeviceId, Environment, JobId, JobResult, RowExpectation, UnixMillis};
use sha2::{Digest, Sha256};

use crate::error::StoreError;
use crate::job::CONCLUDED;
use crate::operation::Transaction;
use crate::session::{Batch, Row, Value};
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

    /// Bytes that it takes in storage.
    #[must_use]
    pub fn json_bytes(&self) -> usize {
        self.json.len()
    }
}

/// A report outside a pull.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) account: AccountId,
    pub(crate) device: DeviceId,
    pub(crate) results: Vec<PreparedResult>,
    pub(crate) now: UnixMillis,
}

pub(crate) async fn report(transaction: &mut Transaction<'_>, report: &Report) -> Result<Vec<ReportOutcome>, StoreError> {
    apply(transaction, report.account, report.device, &report.results, report.now).await
}

/// Applies a device's results. One outcome each, in order.
pub(crate) async fn apply(
    transaction: &mut Transaction<'_>,
    account: AccountId,
    device: DeviceId,
    results: &[PreparedResult],
    now: UnixMillis,
) -> Result<Vec<ReportOutcome>, StoreError> {
    if results.is_empty() {
        return Ok(Vec::new());
    }
    // The same lease twice in one report: the first counts, the second is looked up like any late one. Of two leases of
    // one job only one is held.
    let mut seen = BTreeSet::new();
    let first: Vec<usize> = (0..results.len()).filter(|&at| seen.insert((results[at].job_id, results[at].fence))).collect();
    let batch: Vec<[Value<'_>; 4]> =
        (first.iter()).map(|&at| [(&account).into(), (&results[at].job_id).into(), results[at].fence.into(), (&device).into()]).collect();
    let held = transaction.session.rows_of_each(&statement::END_LEASE, &batch).await?;
    let held: Vec<usize> = held.iter().map(|(number, _)| first[*number]).collect();
    let ending: Vec<Conclusive<'_>> = held.iter().map(|&at| Conclusive::of(account, &results[at], device)).collect();
    let concluded = conclude(transaction, &ending, now).await?;
    let applied: BTreeSet<usize> = concluded.into_iter().map(|number| held[number]).collect();

    let late: Vec<usize> = (0..results.len()).filter(|at| !applied.contains(at)).collect();
    let mut outcomes = vec![Outcome::Applied; results.len()];
    for (at, outcome) in late.iter().zip(late_outcomes(transaction, account, device, results, &late).await?) {
        outcomes[*at] = outcome;
    }
    Ok(results.iter().zip(outcomes).map(|(result, outcome)| ReportOutcome { job_id: result.job_id, outcome }).collect())
}

/// What became of results, given by their position, whose lease is not held (any more).
async fn late_outcomes(
    transaction: &mut Transaction<'_>,
    account: AccountId,
    device: DeviceId,
    results: &[PreparedResult],
    late: &[usize],
) -> Result<Vec<Outcome>, StoreError> {
    let batch: Vec<[Value<'_>; 2]> = late.iter().map(|&at| [(&account).into(), (&results[at].job_id).into()]).collect();
    let mut outcomes = vec![Outcome::Unknown; late.len()];
    for (number, row) in transaction.session.rows_of_each(&statement::HOW_ENDED, &batch).await? {
        let (state, fence, by): (Option<i64>, Option<u32>, Option<DeviceId>) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let was_this = state == Some(CONCLUDED) && fence == Some(results[late[number]].fence) && by == Some(device);
        outcomes[number] = if was_this { Outcome::Duplicate } else { Outcome::Superseded };
    }
    Ok(outcomes)
}

/// A result that ends its job.
pub(crate) struct Conclusive<'r> {
    pub(crate) account: AccountId,
    pub(crate) job_id: JobId,
    pub(crate) fence: u32,
    /// Who made it; none: the relay itself.
    pub(crate) device: Option<DeviceId>,
    pub(crate) result: &'r JobResult,
    pub(crate) json: &'r str,
}

impl<'r> Conclusive<'r> {
    fn of(account: AccountId, prepared: &'r PreparedResult, device: DeviceId) -> Self {
        Self {
            account,
            job_id: prepared.job_id,
            fence: prepared.fence,
            device: Some(device),
            result: &prepared.result,
            json: &prepared.json,
        }
    }
}

/// Ends jobs: conclusion, evidence and row together. The jobs have left the queue tables already. Returns the positions
/// of those that have ended by it.
pub(crate) async fn conclude(
    transaction: &mut Transaction<'_>,
    ending: &[Conclusive<'_>],
    now: UnixMillis,
) -> Result<Vec<usize>, StoreError> {
    let batch: Vec<[Value<'_>; 7]> = (ending.iter())
        .map(|end| {
            let code = end.result.conclusion.code();
            [
                (&end.account).into(),
                (&end.job_id).into(),
                CONCLUDED.into(),
                now.into(),
                code.into(),
                end.fence.into(),
                end.device.as_ref().into(),
            ]
        })
        .collect();
    let ids = ending.iter().map(|end| [(&end.account).into(), (&end.job_id).into()]).collect::<Vec<[Value<'_>; 2]>>();
    let batches = [Batch::new(&statement::JOB_TO_CONCLUDE, ids), Batch::new(&statement::CONCLUDE_JOB, batch)];
    let [mut concluded, ended] = transaction.session.all(&batches).await?;
    // A job that had ended before, by a cancellation say, keeps its end.
    let ended: BTreeSet<usize> = ended.into_iter().map(|(number, _)| number).collect();
    concluded.retain(|(number, _)| ended.contains(number));
    let evidence: Vec<[Value<'_>; 3]> = (concluded.iter())
        .map(|(number, _)| {
            let end = &ending[*number];
            [(&end.account).into(), (&end.job_id).into(), end.json.into()]
        })
        .collect();
    transaction.session.each(&statement::INSERT_RESULT, &evidence).await?;
    let mut rows = concluded.iter().map(|(number, row)| RowChange::of(&ending[*number], row, now)).collect::<Result<Vec<_>, _>>()?;
    for row in &rows {
        let Conclusive { account, job_id, device, result, .. } = *row.end;
        let jobs = vec![(job_id, result.conclusion)];
        transaction.audit.record(account, now, Entry::Concluded { device, environment: row.environment, jobs });
    }
    // The order in which every transaction locks them.
    rows.sort_by(|a, b| a.key().cmp(&b.key()));
    let rows: Vec<[Value<'_>; 11]> = rows.iter().map(RowChange::values).collect();
    transaction.session.each(&statement::CONCLUDE_ROW, &rows).await?;
    transaction.effects.ended.extend(concluded.iter().map(|(number, _)| ending[*number].job_id));
    Ok(concluded.into_iter().map(|(number, _)| number).collect())
}

/// What a conclusion changes in its row.
struct RowChange<'r> {
    end: &'r Conclusive<'r>,
    environment: Environment,
    source: String,
    row_id: String,
    context_used: bool,
    checked: Fingerprint,
    now: UnixMillis,
}

impl<'r> RowChange<'r> {
    /// `row` is that of `report/job_to_conclude`.
    fn of(end: &'r Conclusive<'r>, row: &Row, now: UnixMillis) -> Result<Self, StoreError> {
        // A context that cannot be read keeps the row from being ready, but the job from nothing: every job ends.
        let context = read_context(row.get(5)?)
            .inspect_err(|error| tracing::error!(job.id = %end.job_id, %error, "the context that was asked for is unreadable"));
        let (tracking_url, expected_domain): (String, Option<String>) = (row.get(3)?, row.get(4)?);
        let expectation: Option<String> = row.get(6)?;
        Ok(Self {
            end,
            environment: row.get(0)?,
            source: row.get(1)?,
            row_id: row.get(2)?,
            context_used: context.is_ok_and(|context| readiness::context_was_used(&context, end.result)),
            now,
            checked: row_inputs(&tracking_url, expected_domain.as_deref(), expectation.as_deref()),
        })
    }

    fn key(&self) -> (AccountId, Environment, &str, &str) {
        (self.end.account, self.environment, &self.source, &self.row_id)
    }

    fn values(&self) -> [Value<'_>; 11] {
        let result = self.end.result;
        // A result without a chain says nothing about when the link was last checked. And a desktop whose clock is ahead
        // must not keep a row fresh for longer than it is.
        let has_chain = result.conclusion.class() != Class::Skipped && !result.hops.is_empty();
        let checked_at = has_chain.then_some(result.checked_at.min(self.now));
        [
            (&self.end.account).into(),
            self.environment.into(),
            (&self.source).into(),
            (&self.row_id).into(),
            (&self.end.job_id).into(),
            result.conclusion.code().into(),
            result.final_url.as_deref().into(),
            (&result.detail).into(),
            checked_at.into(),
            self.context_used.into(),
            (&self.checked.0).into(),
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
