//! The admission transaction: spends nonces, gathers facts, lets `domain::admission` decide, and applies the decisions
//! of a whole batch together.

use std::collections::{BTreeMap, BTreeSet};

use domain::admission::{Decision, Earlier, Ledger, LogicalJob, Request, Standing};
use domain::{Month, Plan};
use protocol::fetch_request::Fingerprint;
use protocol::{AccountId, Environment, FetchRequest, JobId, JobState, UnixMillis};
use tokio::sync::oneshot;

use crate::error::StoreError;
use crate::job::{self, JobRecord};
use crate::nonce::{self, NonceHash};
use crate::operation::Transaction;
use crate::session::Value;
use crate::statement;

/// Every job of a caller has this priority; the lower, the sooner.
pub(crate) const PRIORITY: i64 = 100;

/// A verified request, with everything that can be computed before the transaction.
#[derive(Debug)]
pub struct AdmissionRequest {
    account: AccountId,
    environment: Environment,
    nonce_hash: NonceHash,
    timestamp_seconds: i64,
    fetch: FetchRequest,
    fingerprint: Fingerprint,
    context_json: Option<String>,
    new_job_id: JobId,
    received_at: UnixMillis,
    expires_at: UnixMillis,
}

impl AdmissionRequest {
    /// A request as it was verified: who signed it, under which nonce and timestamp, when it came.
    #[must_use]
    pub fn new(
        (account, environment): (AccountId, Environment),
        (key_id, nonce, timestamp_seconds): (&str, &str, i64),
        fetch: FetchRequest,
        received_at: UnixMillis,
    ) -> Self {
        Self {
            account,
            environment,
            nonce_hash: nonce::hash(key_id, nonce),
            timestamp_seconds,
            fingerprint: fetch.fingerprint(),
            context_json: (!fetch.context.is_empty()).then(|| serde_json::to_string(&fetch.context).unwrap_or_default()),
            new_job_id: JobId::random(received_at),
            received_at,
            expires_at: received_at.plus_seconds(fetch.deadline_seconds.into()),
            fetch,
        }
    }

    fn logical(&self) -> LogicalJob<'_> {
        LogicalJob { account: self.account, environment: self.environment, idempotency_key: &self.fetch.idempotency_key }
    }

    fn new_record(&self) -> JobRecord {
        JobRecord {
            job_id: self.new_job_id,
            state: JobState::Queued,
            environment: self.environment,
            source: self.fetch.source.clone(),
            row_id: self.fetch.row_id.clone(),
            tracking_url: self.fetch.tracking_url.clone(),
            created_at: self.received_at,
            expires_at: self.expires_at,
            result: None,
        }
    }
}

/// What became of a request. Refusals are answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Admission {
    /// A job was made.
    Accepted(Box<JobRecord>),
    /// It repeats an earlier admission; here is that job as it is now.
    Replayed(Box<JobRecord>),
    /// The key has used this nonce within the window.
    NonceReused,
    /// The nonces of its time have been forgotten: it is too old, whatever the clock says now.
    NonceForgotten,
    /// The idempotency key belongs to another payload.
    IdempotencyMismatch {
        /// The job that the key made first.
        first: JobId,
    },
    /// The account's plan has no signed requests.
    PlanRequired,
    /// The month's fetches are used up.
    QuotaExceeded,
    /// Too many jobs wait.
    BacklogFull {
        /// How many wait.
        waiting: u64,
        /// How many may.
        limit: u64,
    },
}

/// What became of a request, and how its account stands.
#[derive(Clone, Debug, PartialEq)]
pub struct AdmissionAnswer {
    /// What became of it.
    pub admission: Admission,
    /// The account's monthly quota after it.
    pub standing: Standing,
}

/// A request that waits for its answer.
pub(crate) struct PendingAdmission {
    pub(crate) request: AdmissionRequest,
    pub(crate) answer: Option<AdmissionAnswer>,
    pub(crate) reply: oneshot::Sender<Result<AdmissionAnswer, StoreError>>,
}

impl PendingAdmission {
    pub(crate) fn answer(self, committed: Result<(), StoreError>) {
        let answer = committed.and_then(|()| self.answer.ok_or(StoreError::Closed));
        // A caller that hung up has its job all the same; its retry will find it.
        let _ = self.reply.send(answer);
    }
}

/// Admits a batch. The answers stand in the batch; they count once the transaction has committed.
pub(crate) async fn admit(transaction: &mut Transaction<'_>, batch: &mut [PendingAdmission]) -> Result<(), StoreError> {
    if batch.is_empty() {
        return Ok(());
    }
    let requests: Vec<&AdmissionRequest> = batch.iter().map(|pending| &pending.request).collect();
    let answers = decide_and_apply(transaction, &requests).await?;
    for (pending, answer) in batch.iter_mut().zip(answers) {
        pending.answer = Some(answer);
    }
    Ok(())
}

async fn decide_and_apply(transaction: &mut Transaction<'_>, requests: &[&AdmissionRequest]) -> Result<Vec<AdmissionAnswer>, StoreError> {
    let terms = account_terms(transaction, requests).await?;
    let nonces: Vec<_> = requests.iter().map(|request| (&request.account, &request.nonce_hash, request.timestamp_seconds)).collect();
    let received_at = requests.iter().map(|request| request.received_at).max().unwrap_or_default();
    let nonces = nonce::spend(transaction, &nonces, received_at).await?;
    let mut ledger = Ledger::default();
    for (account, (plan, waiting)) in &terms {
        if let Some(plan) = plan {
            ledger.enter_account(*account, plan, *waiting);
        }
    }
    enter_usage(transaction, requests, &mut ledger).await?;
    enter_earlier(transaction, requests, &mut ledger).await?;

    let decisions: Vec<Decision> = (requests.iter().zip(nonces))
        .map(|(request, nonce)| {
            let (logical, fingerprint, new_job_id) = (request.logical(), request.fingerprint, request.new_job_id);
            ledger.decide(&Request { logical, fingerprint, new_job_id, nonce })
        })
        .collect();

    let accepted: Vec<_> =
        (requests.iter().zip(&decisions)).filter(|(_, decision)| **decision == Decision::Accept).map(|(request, _)| *request).collect();
    insert(transaction, &accepted).await?;
    let mut replays = replayed_jobs(transaction, requests, &decisions).await?;

    let mut answers = Vec::with_capacity(requests.len());
    for (number, (request, decision)) in requests.iter().zip(decisions).enumerate() {
        let admission = match decision {
            Decision::Accept => Admission::Accepted(Box::new(request.new_record())),
            Decision::Replay(job_id) => {
                let record =
                    replays.remove(&number).ok_or_else(|| StoreError::Corrupt(format!("{job_id} is remembered but not stored")))?;
                Admission::Replayed(Box::new(record))
            }
            Decision::NonceReused => Admission::NonceReused,
            Decision::NonceForgotten => Admission::NonceForgotten,
            Decision::IdempotencyMismatch(first) => Admission::IdempotencyMismatch { first },
            Decision::PlanRequired => Admission::PlanRequired,
            Decision::QuotaExceeded => Admission::QuotaExceeded,
            Decision::BacklogFull => {
                let (waiting, limit) = ledger.backlog(request.account);
                Admission::BacklogFull { waiting, limit: limit.unwrap_or(waiting) }
            }
        };
        let standing = ledger.standing(request.account, request.environment, Month::of(request.received_at));
        answers.push(AdmissionAnswer { admission, standing });
    }
    Ok(answers)
}

/// Plan and waiting jobs of every account of the batch. On PostgreSQL this takes the accounts' row locks, in sorted
/// order: quota and idempotency are decided under them.
async fn account_terms<'p>(
    transaction: &mut Transaction<'p>,
    requests: &[&AdmissionRequest],
) -> Result<BTreeMap<AccountId, (Option<&'p Plan>, u64)>, StoreError> {
    let accounts: Vec<AccountId> = requests.iter().map(|request| request.account).collect::<BTreeSet<_>>().into_iter().collect();
    let batch: Vec<[Value<'_>; 1]> = accounts.iter().map(|account| [account.into()]).collect();
    let rows = transaction.session.rows_of_each(&statement::ACCOUNT_TERMS, &batch).await?;
    let plans = &transaction.settings.plans;
    let mut terms = BTreeMap::new();
    for (number, row) in rows {
        let plan = plans.get(&row.get::<String>(0)?);
        terms.insert(accounts[number], (plan, row.get::<i64>(1)?.max(0).unsigned_abs()));
    }
    Ok(terms)
}

async fn enter_usage<'r>(
    transaction: &mut Transaction<'_>,
    requests: &[&'r AdmissionRequest],
    ledger: &mut Ledger<'r>,
) -> Result<(), StoreError> {
    let counted: Vec<_> = usage_keys(requests).into_iter().collect();
    let batch: Vec<[Value<'_>; 3]> =
        counted.iter().map(|(account, environment, month)| [account.into(), (*environment).into(), (*month).into()]).collect();
    for (number, row) in transaction.session.rows_of_each(&statement::USAGE_OF, &batch).await? {
        let (account, environment, _) = counted[number];
        ledger.enter_usage(account, environment, row.get(0)?);
    }
    Ok(())
}

/// A batch spans milliseconds; should they be the last of a month, its requests count to the month in which each came.
fn usage_keys(requests: &[&AdmissionRequest]) -> BTreeSet<(AccountId, Environment, Month)> {
    requests.iter().map(|request| (request.account, request.environment, Month::of(request.received_at))).collect()
}

async fn enter_earlier<'r>(
    transaction: &mut Transaction<'_>,
    requests: &[&'r AdmissionRequest],
    ledger: &mut Ledger<'r>,
) -> Result<(), StoreError> {
    let batch: Vec<[Value<'_>; 3]> = requests
        .iter()
        .map(|request| [(&request.account).into(), request.environment.into(), (&request.fetch.idempotency_key).into()])
        .collect();
    for (number, row) in transaction.session.rows_of_each(&statement::FIND_EARLIER, &batch).await? {
        let earlier = Earlier { job_id: row.get(0)?, fingerprint: Fingerprint(row.get(1)?) };
        ledger.enter_earlier(requests[number].logical(), earlier);
    }
    Ok(())
}

async fn insert(transaction: &mut Transaction<'_>, accepted: &[&AdmissionRequest]) -> Result<(), StoreError> {
    let session = &mut transaction.session;
    let jobs: Vec<[Value<'_>; 11]> = (accepted.iter())
        .map(|request| {
            let fetch = &request.fetch;
            [
                (&request.account).into(),
                (&request.new_job_id).into(),
                request.environment.into(),
                (&fetch.idempotency_key).into(),
                (&fetch.source).into(),
                (&fetch.row_id).into(),
                (&fetch.tracking_url).into(),
                fetch.expected_domain.as_deref().into(),
                request.context_json.as_deref().into(),
                request.received_at.into(),
                request.expires_at.into(),
            ]
        })
        .collect();
    session.each(&statement::INSERT_JOB, &jobs).await?;

    let remembered: Vec<[Value<'_>; 5]> = (accepted.iter())
        .map(|request| {
            let fetch = &request.fetch;
            let fingerprint = &request.fingerprint.0;
            [
                (&request.account).into(),
                request.environment.into(),
                (&fetch.idempotency_key).into(),
                (&request.new_job_id).into(),
                fingerprint.into(),
            ]
        })
        .collect();
    session.each(&statement::INSERT_IDEMPOTENCY, &remembered).await?;

    let ready: Vec<[Value<'_>; 8]> = (accepted.iter())
        .map(|request| {
            [
                (&request.account).into(),
                PRIORITY.into(),
                request.received_at.into(),
                (&request.new_job_id).into(),
                request.environment.into(),
                0_i64.into(),
                0_i64.into(),
                request.expires_at.into(),
            ]
        })
        .collect();
    session.each(&statement::INSERT_READY, &ready).await?;

    // The newest job of a row wins; a batch may hold several.
    let newest: BTreeMap<_, _> = (accepted.iter())
        .map(|request| ((request.account, request.environment, &request.fetch.source, &request.fetch.row_id), *request))
        .collect();
    let rows: Vec<[Value<'_>; 7]> = (newest.values())
        .map(|request| {
            let fetch = &request.fetch;
            [
                (&request.account).into(),
                request.environment.into(),
                (&fetch.source).into(),
                (&fetch.row_id).into(),
                (&fetch.tracking_url).into(),
                fetch.expected_domain.as_deref().into(),
                (&request.new_job_id).into(),
            ]
        })
        .collect();
    session.each(&statement::UPSERT_ROW, &rows).await?;
    count(transaction, accepted).await
}

async fn count(transaction: &mut Transaction<'_>, accepted: &[&AdmissionRequest]) -> Result<(), StoreError> {
    let mut used: BTreeMap<_, i64> = BTreeMap::new();
    let mut waiting: BTreeMap<_, usize> = BTreeMap::new();
    for request in accepted {
        *used.entry((request.account, request.environment, Month::of(request.received_at))).or_default() += 1;
        *waiting.entry(request.account).or_default() += 1;
    }
    let used: Vec<[Value<'_>; 4]> = (used.iter())
        .map(|((account, environment, month), count)| [account.into(), (*environment).into(), (*month).into(), (*count).into()])
        .collect();
    transaction.session.each(&statement::ADD_USAGE, &used).await?;
    add_backlog(transaction, &waiting.iter().map(|(account, count)| (*account, i64::try_from(*count).unwrap_or(i64::MAX))).collect())
        .await?;
    transaction.effects.ready.extend(waiting);
    Ok(())
}

/// Changes how many jobs wait.
pub(crate) async fn add_backlog(transaction: &mut Transaction<'_>, changes: &BTreeMap<AccountId, i64>) -> Result<(), StoreError> {
    let changes: Vec<[Value<'_>; 2]> = changes.iter().map(|(account, change)| [account.into(), (*change).into()]).collect();
    transaction.session.each(&statement::ADD_BACKLOG, &changes).await
}

/// The jobs that replays answer with, as they are now, by the replay's position in the batch.
async fn replayed_jobs(
    transaction: &mut Transaction<'_>,
    requests: &[&AdmissionRequest],
    decisions: &[Decision],
) -> Result<BTreeMap<usize, JobRecord>, StoreError> {
    let replays: Vec<(usize, AccountId, JobId, Environment)> = (requests.iter().zip(decisions).enumerate())
        .filter_map(|(number, (request, decision))| match decision {
            Decision::Replay(job_id) => Some((number, request.account, *job_id, request.environment)),
            Decision::Accept
            | Decision::NonceReused
            | Decision::NonceForgotten
            | Decision::IdempotencyMismatch(_)
            | Decision::PlanRequired
            | Decision::QuotaExceeded
            | Decision::BacklogFull => None,
        })
        .collect();
    let batch: Vec<[Value<'_>; 3]> =
        replays.iter().map(|(_, account, job_id, environment)| [account.into(), job_id.into(), (*environment).into()]).collect();
    let rows = transaction.session.rows_of_each(&statement::JOB, &batch).await?;
    rows.into_iter().map(|(number, row)| Ok((replays[number].0, job::record(&row)?))).collect()
}
