//! The admission transaction: spends nonces, gathers facts, lets `domain::admission` decide, and applies the decisions
//! of a whole batch together.

use std::collections::{BTreeMap, BTreeSet};

use domain::admission::{Decision, Earlier, Ledger, LogicalJob, NonceFact, Request, Standing};
use domain::audit::{Actor, Entry, Received};
use domain::{Month, Plans};
use protocol::fetch_request::{DEFAULT_DEADLINE_SECONDS, Fingerprint};
use protocol::{AccountId, Context, Environment, FetchRequest, JobId, JobState, KeyId, UnixMillis};
use tokio::sync::oneshot;

use crate::counters::{Backlog, Usage, backlog_changes, usage_changes};
use crate::error::StoreError;
use crate::heads::{self, Place};
use crate::job::{self, JobRecord};
use crate::nonce::{self, NonceHash, Spending};
use crate::operation::Transaction;
use crate::session::{Batch, Value};
use crate::skip::{self, Skipped};
use crate::statement;

/// Every job of a caller has this priority; the lower, the sooner.
pub(crate) const PRIORITY: i64 = 100;

/// A verified request, with everything that can be computed before the transaction.
#[derive(Debug)]
pub struct AdmissionRequest {
    account: AccountId,
    environment: Environment,
    asked_by: AskedBy,
    nonce_hash: NonceHash,
    timestamp_seconds: i64,
    fetch: FetchRequest,
    fingerprint: Fingerprint,
    context_json: Option<String>,
    new_job_id: JobId,
    received_at: UnixMillis,
    expires_at: UnixMillis,
    received: Option<Received>,
}

impl AdmissionRequest {
    /// A request as it was verified: who signed it, under which nonce and timestamp, when it came.
    #[must_use]
    pub fn new(
        (account, environment): (AccountId, Environment),
        (key_id, nonce, timestamp_seconds): (&KeyId, &str, i64),
        fetch: FetchRequest,
        received_at: UnixMillis,
    ) -> Self {
        Self {
            account,
            environment,
            nonce_hash: nonce::hash(key_id.as_str(), nonce),
            asked_by: AskedBy::Key(key_id.clone()),
            timestamp_seconds,
            fingerprint: fetch.fingerprint(),
            context_json: context_json(&fetch),
            new_job_id: JobId::random(received_at),
            received_at,
            expires_at: received_at.plus_seconds(fetch.deadline_seconds.into()),
            fetch,
            received: None,
        }
    }

    /// With what came over the wire, for the audit.
    #[must_use]
    pub fn received_as(self, received: Received) -> Self {
        Self { received: Some(received), ..self }
    }

    /// A row that a person named, admitted as a caller's is: the same quota, the same backlog. Its idempotency key is its
    /// nonce: the same wish twice is one.
    #[must_use]
    pub fn of_person((account, environment): (AccountId, Environment), fetch: FetchRequest, by: Actor, now: UnixMillis) -> Self {
        Self {
            account,
            environment,
            nonce_hash: nonce::hash(BY_HAND, &fetch.idempotency_key),
            asked_by: AskedBy::Person(by),
            timestamp_seconds: now.seconds(),
            fingerprint: fetch.fingerprint(),
            context_json: context_json(&fetch),
            new_job_id: JobId::random(now),
            received_at: now,
            expires_at: now.plus_seconds(fetch.deadline_seconds.into()),
            fetch,
            received: None,
        }
    }

    /// A wish of a person to check a row again, admitted as a caller's is: the same quota, the same backlog.
    #[must_use]
    pub(crate) fn recheck((account, environment): (AccountId, Environment), row: RecheckedRow, by: Actor, now: UnixMillis) -> Self {
        let RecheckedRow { source, row_id, tracking_url, context } = row;
        let new_job_id = JobId::random(now);
        let fetch = FetchRequest {
            // No two jobs have one id, and no API key has this name: neither idempotency key nor nonce meets another.
            idempotency_key: format!("{RECHECK}/{new_job_id}"),
            tracking_url,
            source,
            row_id,
            // The row's own is used.
            expected_domain: None,
            context,
            deadline_seconds: DEFAULT_DEADLINE_SECONDS,
        };
        Self {
            account,
            environment,
            nonce_hash: nonce::hash(RECHECK, &new_job_id.to_string()),
            asked_by: AskedBy::Person(by),
            timestamp_seconds: now.seconds(),
            fingerprint: fetch.fingerprint(),
            context_json: context_json(&fetch),
            new_job_id,
            received_at: now,
            expires_at: now.plus_seconds(fetch.deadline_seconds.into()),
            fetch,
            received: None,
        }
    }

    pub(crate) const fn account(&self) -> AccountId {
        self.account
    }

    fn logical(&self) -> LogicalJob<'_> {
        LogicalJob { account: self.account, environment: self.environment, idempotency_key: &self.fetch.idempotency_key }
    }

    fn job_values<'v>(&'v self, expected_domain: Option<&'v str>) -> [Value<'v>; 11] {
        let fetch = &self.fetch;
        [
            (&self.account).into(),
            (&self.new_job_id).into(),
            self.environment.into(),
            (&fetch.idempotency_key).into(),
            (&fetch.source).into(),
            (&fetch.row_id).into(),
            (&fetch.tracking_url).into(),
            expected_domain.into(),
            self.context_json.as_deref().into(),
            self.received_at.into(),
            self.expires_at.into(),
        ]
    }

    fn idempotency_values(&self) -> [Value<'_>; 5] {
        let key = &self.fetch.idempotency_key;
        [(&self.account).into(), self.environment.into(), key.into(), (&self.new_job_id).into(), (&self.fingerprint.0).into()]
    }

    fn ready_values(&self) -> [Value<'_>; 8] {
        let (nothing, since) = (Value::Int(0), self.received_at.into());
        let (fence, attempts) = (nothing, nothing);
        [
            (&self.account).into(),
            PRIORITY.into(),
            since,
            (&self.new_job_id).into(),
            self.environment.into(),
            fence,
            attempts,
            self.expires_at.into(),
        ]
    }

    fn row_values<'v>(&'v self, expected_domain: Option<&'v str>) -> [Value<'v>; 7] {
        let fetch = &self.fetch;
        [
            (&self.account).into(),
            self.environment.into(),
            (&fetch.source).into(),
            (&fetch.row_id).into(),
            (&fetch.tracking_url).into(),
            expected_domain.into(),
            (&self.new_job_id).into(),
        ]
    }

    /// What the audit says of it, when it made or found this job.
    fn entry(&self, decision: &Decision) -> Option<Entry> {
        let environment = self.environment;
        let received = || self.received.map(|received| (received, 1)).into_iter().collect();
        match (decision, &self.asked_by) {
            (Decision::Accept | Decision::AcceptSkipped, AskedBy::Key(key)) => {
                Some(Entry::Admitted { key: key.clone(), environment, jobs: vec![self.new_job_id], received: received() })
            }
            (Decision::Accept | Decision::AcceptSkipped, AskedBy::Person(by)) => {
                Some(Entry::Rechecked { by: by.clone(), environment, jobs: vec![self.new_job_id] })
            }
            (Decision::Replay(job_id), AskedBy::Key(key)) => {
                Some(Entry::Replayed { key: key.clone(), environment, jobs: vec![*job_id], received: received() })
            }
            // Whoever asked knows more of the request than is needed to refuse it, and has it recorded.
            (
                Decision::Replay(_)
                | Decision::NonceReused
                | Decision::NonceForgotten
                | Decision::IdempotencyMismatch(_)
                | Decision::PlanRequired
                | Decision::QuotaExceeded
                | Decision::BacklogFull,
                AskedBy::Key(_) | AskedBy::Person(_),
            ) => None,
        }
    }

    fn row_key(&self) -> RowKey<'_> {
        (self.account, self.environment, &self.fetch.source, &self.fetch.row_id)
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

/// Who asked for a job.
#[derive(Debug)]
enum AskedBy {
    /// A caller, by this key.
    Key(KeyId),
    /// A person who wants a row checked again.
    Person(Actor),
}

/// The context as it is stored; none for an empty one.
fn context_json(fetch: &FetchRequest) -> Option<String> {
    (!fetch.context.is_empty()).then(|| serde_json::to_string(&fetch.context).unwrap_or_default())
}

/// What a recheck takes over from its row.
#[derive(Debug)]
pub(crate) struct RecheckedRow {
    pub(crate) source: String,
    pub(crate) row_id: String,
    pub(crate) tracking_url: String,
    pub(crate) context: Context,
}

/// Under which name rechecks spend nonces and are remembered.
const RECHECK: &str = "recheck";
/// Under which name what people type or import spends nonces.
const BY_HAND: &str = "by hand";

/// Account, environment, source and row id.
type RowKey<'r> = (AccountId, Environment, &'r str, &'r str);

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
    let settings = transaction.settings;
    let received_at = requests.iter().map(|request| request.received_at).max().unwrap_or_default();
    let (mut ledger, nonces, skipped) = gather_facts(transaction, &settings.plans, requests, received_at).await?;
    let decisions: Vec<Decision> = (requests.iter().zip(nonces))
        .enumerate()
        .map(|(number, (request, nonce))| {
            let (logical, fingerprint, new_job_id) = (request.logical(), request.fingerprint, request.new_job_id);
            let (month, row_is_skipped) = (Month::of(request.received_at), skipped.contains_key(&number));
            ledger.decide(&Request { logical, fingerprint, new_job_id, month, nonce, row_is_skipped })
        })
        .collect();

    for (request, decision) in requests.iter().zip(&decisions) {
        if let Some(entry) = request.entry(decision) {
            transaction.audit.record(request.account, request.received_at, entry);
        }
    }
    let (mut accepted, mut queued, mut ending) = (Vec::new(), Vec::new(), Vec::new());
    for (number, (request, decision)) in requests.iter().zip(&decisions).enumerate() {
        match decision {
            Decision::Accept => queued.push(*request),
            Decision::AcceptSkipped => {
                ending.push(Skipped { account: request.account, job_id: request.new_job_id, reason: &skipped[&number] });
            }
            Decision::Replay(_)
            | Decision::NonceReused
            | Decision::NonceForgotten
            | Decision::IdempotencyMismatch(_)
            | Decision::PlanRequired
            | Decision::QuotaExceeded
            | Decision::BacklogFull => continue,
        }
        accepted.push(*request);
    }
    insert(transaction, &accepted, &queued).await?;
    skip::conclude(transaction, &ending, received_at).await?;
    let mut replays = replayed_jobs(transaction, requests, &decisions).await?;

    let mut answers = Vec::with_capacity(requests.len());
    for (number, (request, decision)) in requests.iter().zip(decisions).enumerate() {
        let admission = match decision {
            Decision::Accept => Admission::Accepted(Box::new(request.new_record())),
            Decision::AcceptSkipped => {
                let (state, result) = (JobState::Concluded, Some(skip::result(&skipped[&number], received_at).1));
                Admission::Accepted(Box::new(JobRecord { state, result, ..request.new_record() }))
            }
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

/// Why a person excluded the row, by the request's position in the batch.
type SkipReasons = BTreeMap<usize, String>;

/// What the decisions depend on: plan, backlog and usage of every account of the batch, what its idempotency keys remember,
/// which rows are excluded, and whether its nonces were fresh, which are spent by asking. All of it travels at once. On PostgreSQL the first of the
/// statements takes the accounts' row locks, and the others look afterwards.
async fn gather_facts<'r>(
    transaction: &mut Transaction<'_>,
    known: &'r Plans,
    requests: &[&'r AdmissionRequest],
    received_at: UnixMillis,
) -> Result<(Ledger<'r>, Vec<NonceFact>, SkipReasons), StoreError> {
    let accounts: Vec<AccountId> = requests.iter().map(|request| request.account).collect::<BTreeSet<_>>().into_iter().collect();
    // A batch spans milliseconds; should they be the last of a month, its requests count to the month in which each came.
    let months: BTreeSet<_> =
        requests.iter().map(|request| (request.account, request.environment, Month::of(request.received_at))).collect();
    let months: Vec<_> = months.into_iter().collect();
    let of_accounts: Vec<[Value<'_>; 1]> = accounts.iter().map(|account| [account.into()]).collect();
    let of_months = months.iter().map(|(account, environment, month)| [account.into(), (*environment).into(), (*month).into()]).collect();
    let keys = (requests.iter())
        .map(|request| [(&request.account).into(), request.environment.into(), (&request.fetch.idempotency_key).into()])
        .collect::<Vec<[Value<'_>; 3]>>();
    let rows = (requests.iter())
        .map(|request| {
            let fetch = &request.fetch;
            [(&request.account).into(), request.environment.into(), (&fetch.source).into(), (&fetch.row_id).into()]
        })
        .collect::<Vec<[Value<'_>; 4]>>();
    let nonces: Vec<_> = requests.iter().map(|request| (&request.account, &request.nonce_hash, request.timestamp_seconds)).collect();
    let spending = Spending::new(transaction, &nonces, received_at);
    let mut questions = vec![
        Batch::new(&statement::LOCK_ACCOUNT, of_accounts.clone()),
        Batch::new(&statement::BACKLOG_OF, of_accounts),
        Batch::new::<3>(&statement::USAGE_OF, of_months),
        Batch::new(&statement::FIND_EARLIER, keys),
        Batch::new(&statement::SKIPPED_ROW, rows),
    ];
    let of_ledger = questions.len();
    questions.extend(spending.questions());
    let mut answers = transaction.session.all_of(&questions).await?;
    let nonces = spending.facts(transaction, answers.split_off(of_ledger)).await?;
    let [plans, backlogs, usages, earlier, skipped] =
        answers.try_into().map_err(|_| StoreError::Corrupt("an answer is missing".to_owned()))?;

    let mut ledger = Ledger::default();
    for (number, row) in plans {
        if let Some(plan) = known.get(&row.get::<String>(0)?) {
            ledger.enter_account(accounts[number], plan);
        }
    }
    for (number, row) in backlogs {
        ledger.enter_backlog(accounts[number], row.get::<i64>(0)?.max(0).unsigned_abs());
    }
    for (number, row) in usages {
        let (account, environment, month) = months[number];
        ledger.enter_usage(account, environment, month, row.get::<i64>(0)?.max(0).unsigned_abs());
    }
    for (number, row) in earlier {
        let earlier = Earlier { job_id: row.get(0)?, fingerprint: Fingerprint(row.get(1)?) };
        ledger.enter_earlier(requests[number].logical(), earlier);
    }
    let skipped = skipped.into_iter().map(|(number, row)| Ok((number, row.get(0)?))).collect::<Result<_, StoreError>>()?;
    Ok((ledger, nonces, skipped))
}

/// Stores jobs: of `accepted` all, of which `queued` wait for a desktop.
async fn insert(transaction: &mut Transaction<'_>, accepted: &[&AdmissionRequest], queued: &[&AdmissionRequest]) -> Result<(), StoreError> {
    let (mut used, mut waiting) = (Usage::new(), Backlog::new());
    for request in queued {
        *used.entry((request.account, request.environment, Month::of(request.received_at))).or_default() += 1;
        *waiting.entry(request.account).or_default() += 1;
    }
    let domains = expected_domains(accepted);
    let with_domains = || accepted.iter().copied().zip(domains.iter().copied());
    let batches = [
        Batch::new(&statement::INSERT_JOB, with_domains().map(|(request, domain)| request.job_values(domain)).collect()),
        Batch::new(&statement::INSERT_IDEMPOTENCY, accepted.iter().map(|request| request.idempotency_values()).collect()),
        Batch::new(&statement::INSERT_READY, queued.iter().map(|request| request.ready_values()).collect()),
        Batch::new(
            &statement::UPSERT_ROW,
            newest_of_each_row(with_domains()).map(|(request, domain)| request.row_values(domain)).collect(),
        ),
        usage_changes(&used),
        backlog_changes(&waiting),
    ];
    transaction.session.write(&batches).await?;
    for request in queued {
        heads::note(&mut transaction.entered, request.account, Place::before(PRIORITY, request.received_at));
    }
    transaction.effects.ready.extend(waiting.iter().map(|(account, count)| (*account, usize::try_from(*count).unwrap_or(usize::MAX))));
    Ok(())
}

/// The domain that each job is checked against, as far as the batch knows it: its own, or else the one that an earlier job
/// of the same row brought along in this batch. What the row had before, the statements look up.
fn expected_domains<'r>(accepted: &[&'r AdmissionRequest]) -> Vec<Option<&'r str>> {
    let mut of_rows: BTreeMap<RowKey<'r>, &'r str> = BTreeMap::new();
    (accepted.iter())
        .map(|request| match request.fetch.expected_domain.as_deref() {
            Some(domain) => {
                of_rows.insert(request.row_key(), domain);
                Some(domain)
            }
            None => of_rows.get(&request.row_key()).copied(),
        })
        .collect()
}

/// A batch may hold several jobs of one row: the newest is the row's. In the order of the rows' keys, in which every
/// transaction locks them.
fn newest_of_each_row<'r>(
    accepted: impl Iterator<Item = (&'r AdmissionRequest, Option<&'r str>)>,
) -> impl Iterator<Item = (&'r AdmissionRequest, Option<&'r str>)> {
    accepted.map(|newest| (newest.0.row_key(), newest)).collect::<BTreeMap<_, _>>().into_values()
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
            | Decision::AcceptSkipped
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
