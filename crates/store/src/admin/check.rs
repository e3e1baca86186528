//! Checks what must always hold, over everything there is, at one moment. Beside running relays, or on a standby: it
//! reads long, and a long snapshot holds back what PostgreSQL can clean up.

use std::collections::{BTreeMap, BTreeSet};

use domain::Month;
use protocol::{AccountId, JobId, UnixMillis};
use serde::Serialize;

use super::AdminError;
use super::open::{Access, Open};
use crate::database::DatabaseUrl;
use crate::error::StoreError;
use crate::session::Session;
use crate::statement::{self, Statement};

/// What a check has found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckReport {
    /// `sqlite` or `postgres`.
    pub backend: &'static str,
    /// Every invariant, with what was found against it.
    pub checks: Vec<Checked>,
    /// What else an operator should know.
    pub notes: Vec<String>,
    /// Counters that were counted anew; none: nobody asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repaired_counters: Option<u64>,
}

/// One invariant, and how often it does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Checked {
    /// What scripts and tickets call it.
    pub name: &'static str,
    /// What must hold.
    pub meaning: &'static str,
    /// How often it does not.
    pub violations: u64,
}

impl CheckReport {
    /// Whether everything holds.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.checks.iter().all(|check| check.violations == 0)
    }

    /// The invariants that do not hold.
    pub fn violations(&self) -> impl Iterator<Item = &Checked> {
        self.checks.iter().filter(|check| check.violations > 0)
    }
}

/// Invariants that one statement counts the violations of.
const COUNTED: &[(&str, &str, &Statement)] = &[
    ("job_nowhere", "a job that has not ended is ready, delayed or leased", &statement::JOB_NOWHERE),
    ("job_in_two_places", "a job is in one of ready, delayed and leased, once", &statement::JOB_IN_TWO_PLACES),
    ("ended_job_queued", "a job that has ended is in none of ready, delayed and leased", &statement::ENDED_JOB_QUEUED),
    ("queued_without_job", "what is ready, delayed or leased has a job", &statement::QUEUED_WITHOUT_JOB),
    ("concluded_without_result", "a concluded job has a result", &statement::CONCLUDED_WITHOUT_RESULT),
    ("result_without_conclusion", "a result belongs to a concluded job", &statement::RESULT_WITHOUT_CONCLUSION),
    ("row_without_job", "a row's newest job exists, unless it was pruned", &statement::ROW_WITHOUT_JOB),
    ("row_against_job", "a row has the conclusion of its newest job once that has one", &statement::ROW_AGAINST_JOB),
    ("key_without_job", "an idempotency key leads to a job", &statement::KEY_WITHOUT_JOB),
    ("job_without_key", "a job's idempotency key leads to it, unless it was pruned", &statement::JOB_WITHOUT_KEY),
    ("unknown_account", "whatever belongs to an account belongs to one that exists", &statement::UNKNOWN_ACCOUNT),
];

/// Checks a database. With `repair_counters`, backlog and usage counters that differ are counted anew; nothing else is
/// ever changed.
///
/// # Errors
/// When the database cannot be reached, or its schema is not this program's. What does not hold is no error, nor is a file
/// that is too damaged to be read.
pub async fn check(url: &DatabaseUrl, repair_counters: bool) -> Result<CheckReport, AdminError> {
    let backend = if matches!(url, DatabaseUrl::Sqlite(_)) { "sqlite" } else { "postgres" };
    let mut report = CheckReport { backend, checks: Vec::new(), notes: Vec::new(), repaired_counters: None };
    match look(url, repair_counters, &mut report).await {
        // What cannot even be read does not hold, and ends the look: whatever else was found stays.
        Err(AdminError::Store(StoreError::Damaged(why))) => {
            if report.violations().all(|check| check.name != INTEGRITY) {
                report.checks.retain(|check| check.name != INTEGRITY);
                report.checks.insert(0, pages_are_whole(1));
            }
            report.notes.push(format!("{url:?}: {why}; nothing further could be checked"));
            Ok(report)
        }
        looked => looked.map(|()| report),
    }
}

async fn look(url: &DatabaseUrl, repair_counters: bool, report: &mut CheckReport) -> Result<(), AdminError> {
    let access = if repair_counters { Access::Write } else { Access::Read };
    let mut open = Open::connect(url, access).await?;
    open.expect_current_schema().await?;
    let CheckReport { checks, notes, .. } = report;
    open.begin_snapshot()?;
    checks.push(integrity(&mut open, notes).await?);
    let mut session = open.session();
    for (name, meaning, counting) in COUNTED {
        let violations = session.row(counting, &[]).await?.map_or(Ok(0), |row| row.get(0))?;
        checks.push(Checked { name, meaning, violations });
    }
    let backlogs = backlogs_that_differ(&mut session).await?;
    let usages = usages_that_differ(&mut session).await?;
    session.rollback().await?;
    let counted = |violations: usize| u64::try_from(violations).unwrap_or(u64::MAX);
    checks.push(Checked {
        name: "backlog_counter",
        meaning: "an account's backlog counter is the number of its ready and delayed jobs",
        violations: counted(backlogs.len()),
    });
    checks.push(Checked {
        name: "usage_counter",
        meaning: "a month's usage is the number of its jobs, without those that were cancelled before a desktop had them",
        violations: counted(usages.len()),
    });
    if repair_counters {
        for account in &backlogs {
            recount_backlog(&mut session, *account).await?;
        }
        for key in &usages {
            recount_usage(&mut session, key).await?;
        }
        report.repaired_counters = Some(counted(backlogs.len() + usages.len()));
    }
    Ok(())
}

const INTEGRITY: &str = "integrity";

const fn pages_are_whole(violations: u64) -> Checked {
    Checked { name: INTEGRITY, meaning: "the database's pages are whole", violations }
}

/// Whether the pages are whole, as far as the database itself can tell.
async fn integrity(open: &mut Open, notes: &mut Vec<String>) -> Result<Checked, AdminError> {
    let violations = match open {
        Open::Sqlite(connection) => {
            let mut found = connection.prepare("PRAGMA integrity_check")?;
            let found: Vec<String> = found.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
            let faults: Vec<_> = found.into_iter().filter(|line| line != "ok").collect();
            notes.extend(faults.iter().take(FAULTS_SHOWN).cloned());
            faults.len() as u64
        }
        Open::Postgres(connection) => {
            let query = "SELECT current_setting('data_checksums') = 'on',
                (SELECT coalesce(checksum_failures, 0) FROM pg_stat_database WHERE datname = current_database())";
            let row = connection.client().query_one(query, &[]).await?;
            if !row.get::<_, bool>(0) {
                notes.push("page checksums are off: the server would not notice a damaged page (`pg_checksums --enable`)".to_owned());
            }
            u64::try_from(row.get::<_, i64>(1)).unwrap_or_default()
        }
    };
    Ok(pages_are_whole(violations))
}

/// Faults of one file that are shown; one damaged page is followed by thousands.
const FAULTS_SHOWN: usize = 10;

async fn backlogs_that_differ(session: &mut Session<'_>) -> Result<Vec<AccountId>, AdminError> {
    let rows = session.rows(&statement::BACKLOGS_THAT_DIFFER, &[]).await?;
    rows.iter().map(|row| Ok(row.get(0)?)).collect()
}

/// Account, environment as storage keeps it, month.
type UsageKey = (AccountId, i64, Month);

async fn usages_that_differ(session: &mut Session<'_>) -> Result<Vec<UsageKey>, AdminError> {
    let mut counted: BTreeMap<UsageKey, i64> = BTreeMap::new();
    for row in session.rows(&statement::JOBS_BY_DAY, &[]).await? {
        let month = Month::of(UnixMillis(row.get::<i64>(2)?.saturating_mul(DAY_MILLIS)));
        *counted.entry((row.get(0)?, row.get(1)?, month)).or_default() += row.get::<i64>(3)?;
    }
    let mut noted: BTreeMap<UsageKey, i64> = BTreeMap::new();
    for row in session.rows(&statement::USAGE_NOTED, &[]).await? {
        noted.insert((row.get(0)?, row.get(1)?, Month::from_number(row.get(2)?)), row.get(3)?);
    }
    let mut pruned: BTreeMap<AccountId, Month> = BTreeMap::new();
    for row in session.rows(&statement::PRUNED_THROUGH, &[]).await? {
        let through: JobId = row.get(1)?;
        pruned.insert(row.get(0)?, Month::of(through.made_at()));
    }
    // Of a month that pruning has reached, jobs are missing, and the counter is right.
    let is_whole = |(account, _, month): &UsageKey| pruned.get(account).is_none_or(|through| month > through);
    let keys: BTreeSet<UsageKey> = counted.keys().chain(noted.keys()).copied().collect();
    let differs = |key: &UsageKey| counted.get(key).copied().unwrap_or(0) != noted.get(key).copied().unwrap_or(0);
    Ok(keys.into_iter().filter(|key| is_whole(key) && differs(key)).collect())
}

const DAY_MILLIS: i64 = 86_400_000;

/// Counts under the counter's row lock: a relay that adds to it waits, and adds to what was counted.
async fn recount_backlog(session: &mut Session<'_>, account: AccountId) -> Result<(), AdminError> {
    session.begin().await?;
    session.rows(&statement::HOLD_BACKLOG, &[(&account).into()]).await?;
    session.rows(&statement::RECOUNT_BACKLOG, &[(&account).into()]).await?;
    Ok(session.commit().await?)
}

async fn recount_usage(session: &mut Session<'_>, (account, environment, month): &UsageKey) -> Result<(), AdminError> {
    let (account, environment) = (account.into(), (*environment).into());
    let previous = Month::from_number(month.number() - 1);
    let (first, end) = (JobId::new(previous.renews_at(), [0; 10]), JobId::new(month.renews_at(), [0; 10]));
    session.begin().await?;
    session.rows(&statement::HOLD_USAGE, &[account, environment, (*month).into()]).await?;
    let range = [account, environment, (*month).into(), (&first).into(), (&end).into()];
    session.rows(&statement::RECOUNT_USAGE, &range).await?;
    Ok(session.commit().await?)
}
