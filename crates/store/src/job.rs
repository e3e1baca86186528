//! Jobs as they are read: one, or a page of them.

use protocol::{AccountId, Conclusion, Environment, JobId, JobState, UnixMillis};

use crate::error::StoreError;
use crate::page_room::{Room, written};
use crate::session::{Row, Session, Value};
use crate::statement;
use crate::turns::Asker;

/// Jobs that one page looks at, so that a filter which fits few jobs costs no more than one that fits many. A page may
/// hold fewer than asked for, and still not be the last.
const SCANNED_JOBS: i64 = 2_000;
/// Results that are read at once: 12 MiB at most, of which a page keeps a third.
const RESULTS_AT_ONCE: usize = 50;

/// A job as storage knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct JobRecord {
    /// Its id.
    pub job_id: JobId,
    /// Where the work is.
    pub state: JobState,
    /// From the key that asked for it.
    pub environment: Environment,
    /// Where its row lives.
    pub source: String,
    /// The row's identity within its source.
    pub row_id: String,
    /// Where the chain begins.
    pub tracking_url: String,
    /// When it was admitted.
    pub created_at: UnixMillis,
    /// When it is given up.
    pub expires_at: UnixMillis,
    /// The result as JSON, once there is one.
    pub result: Option<String>,
}

/// Which jobs a page shows.
#[derive(Clone, Debug)]
pub struct JobFilter {
    /// Whose.
    pub account: AccountId,
    /// Who asks, where that is known.
    pub asker: Option<Asker>,
    /// Of which environment.
    pub environment: Environment,
    /// In this state.
    pub state: Option<JobState>,
    /// Of this source.
    pub source: Option<String>,
    /// Of this row.
    pub row_id: Option<String>,
    /// With this conclusion.
    pub conclusion: Option<Conclusion>,
    /// Older than this job.
    pub before: Option<JobId>,
    /// At most this many; 1 to 200.
    pub limit: usize,
}

impl JobFilter {
    /// The newest jobs of an account, whatever has become of them.
    #[must_use]
    pub const fn all_of(account: AccountId, environment: Environment, limit: usize) -> Self {
        Self { account, asker: None, environment, state: None, source: None, row_id: None, conclusion: None, before: None, limit }
    }
}

/// A page of jobs, newest first.
#[derive(Clone, Debug, PartialEq)]
pub struct JobRecordPage {
    /// The jobs.
    pub jobs: Vec<JobRecord>,
    /// Where the next page begins, if there is one.
    pub next: Option<JobId>,
}

/// Reads a row of `jobs/job`.
pub(crate) fn record(row: &Row) -> Result<JobRecord, StoreError> {
    Ok(JobRecord { result: row.get(9)?, ..record_without_result(row)? })
}

/// Reads the first columns of `jobs/job` and `jobs/page`, which are the same.
fn record_without_result(row: &Row) -> Result<JobRecord, StoreError> {
    let state = match row.get::<Option<i64>>(7)? {
        None if row.get::<Option<JobId>>(8)?.is_some() => JobState::Leased,
        None => JobState::Queued,
        Some(CONCLUDED) => JobState::Concluded,
        Some(CANCELLED) => JobState::Cancelled,
        Some(other) => return Err(StoreError::Corrupt(format!("{other} is no ended state"))),
    };
    Ok(JobRecord {
        job_id: row.get(0)?,
        environment: row.get(1)?,
        source: row.get(2)?,
        row_id: row.get(3)?,
        tracking_url: row.get(4)?,
        created_at: row.get(5)?,
        expires_at: row.get(6)?,
        state,
        result: None,
    })
}

/// `jobs.ended_state` of a concluded job.
pub(crate) const CONCLUDED: i64 = 2;
/// `jobs.ended_state` of a cancelled job.
pub(crate) const CANCELLED: i64 = 3;

/// One job of the account and environment.
pub(crate) async fn one(
    session: &mut Session<'_>,
    (account, environment, job_id): &(AccountId, Environment, JobId),
) -> Result<Option<JobRecord>, StoreError> {
    let rows = session.rows_of_each(&statement::JOB, &[[account.into(), job_id.into(), (*environment).into()]]).await?;
    rows.first().map(|(_, row)| record(row)).transpose()
}

/// A page of the account's jobs.
pub(crate) async fn page(session: &mut Session<'_>, filter: &JobFilter) -> Result<JobRecordPage, StoreError> {
    // No id is above this one: the first page begins before it.
    let mut before = filter.before.unwrap_or(JobId::from_bytes([0xff; 16]));
    let mut page = JobRecordPage { jobs: Vec::new(), next: None };
    let mut left = SCANNED_JOBS;
    // Most pages are full after a few more jobs than they show; only a filter that fits few looks at all that it may.
    let mut stretch = i64::try_from(filter.limit * 4 + 1).unwrap_or(SCANNED_JOBS).min(SCANNED_JOBS);
    let mut looked_through = Room::of_look();
    'looking: while left > 0 {
        let common = [(&filter.account).into(), (&before).into(), stretch.into()];
        let rows = match &filter.row_id {
            Some(row_id) => {
                let parameters = [common[0], common[1], common[2], row_id.into()];
                session.rows_within(&statement::JOB_PAGE_OF_ROW, &parameters, &mut looked_through).await?
            }
            None => session.rows_within(&statement::JOB_PAGE, &common, &mut looked_through).await?,
        };
        for row in &rows {
            if page.jobs.len() == filter.limit {
                page.next = page.jobs.last().map(|job| job.job_id);
                break 'looking;
            }
            let job = record_without_result(row)?;
            before = job.job_id;
            let conclusion: Option<String> = row.get(9)?;
            let fits = job.environment == filter.environment
                && filter.state.is_none_or(|state| state == job.state)
                && filter.source.as_ref().is_none_or(|source| *source == job.source)
                && filter.conclusion.is_none_or(|wanted| conclusion.as_deref() == Some(wanted.code()));
            if fits {
                page.jobs.push(job);
            }
        }
        if looked_through.is_full() {
            page.next = Some(before);
            break;
        }
        if i64::try_from(rows.len()).is_ok_and(|found| found < stretch) {
            break;
        }
        left -= stretch;
        stretch = left;
        page.next = (left == 0).then_some(before);
    }
    add_results(session, &filter.account, &mut page).await?;
    Ok(page)
}

/// Results may be large: only those of the page are read, not those of every job it looked at, and the page ends where they
/// are enough.
async fn add_results(session: &mut Session<'_>, account: &AccountId, page: &mut JobRecordPage) -> Result<(), StoreError> {
    let (mut room, mut fitting) = (Room::of_page(), 0);
    'results: for jobs in page.jobs.chunks_mut(RESULTS_AT_ONCE) {
        let ids: Vec<JobId> = jobs.iter().map(|job| job.job_id).collect();
        let batch: Vec<[Value<'_>; 2]> = ids.iter().map(|job_id| [account.into(), job_id.into()]).collect();
        for (number, row) in session.rows_of_each(&statement::RESULT, &batch).await? {
            jobs[number].result = row.get(0)?;
        }
        for job in jobs {
            let result = job.result.as_ref().map_or(0, String::len);
            if !room.take(result + written(&job.tracking_url) + written(&job.source) + written(&job.row_id)) {
                break 'results;
            }
            fitting += 1;
        }
    }
    if fitting < page.jobs.len() {
        page.jobs.truncate(fitting);
        page.next = page.jobs.last().map(|job| job.job_id);
    }
    Ok(())
}
