//! Jobs that are put into the database by SQL, as admission would have, and what they weigh.

use anyhow::Context;
use protocol::{AccountId, Clock, SystemClock};
use testkit::postgres::sql;

/// Jobs of one statement: a transaction of some seconds.
const SLICE: u64 = 200_000;
/// The tables that jobs pass through.
const HOT: &str = "'ready', 'leased', 'delayed', 'backlog', 'usage'";

/// An account of this name without limits.
pub(super) fn account(url: &str, name: &str) -> anyhow::Result<AccountId> {
    let id = sql(
        url,
        &format!(
            "INSERT INTO accounts (id, name, plan, created_at) VALUES (decode(md5('{name}'), 'hex'), '{name}', 'unlimited', 0)
             ON CONFLICT (name) DO UPDATE SET plan = excluded.plan RETURNING encode(id, 'hex')"
        ),
    )?;
    let mut bytes = [0; 16];
    for (byte, digits) in bytes.iter_mut().zip(id.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits)?, 16)?;
    }
    Ok(AccountId::from_bytes(bytes))
}

/// Adds so many waiting jobs of one account.
pub(super) fn add(url: &str, account: AccountId, jobs: u64) -> anyhow::Result<()> {
    let account = hex(account);
    slices(url, jobs, &format!("'\\x{account}'::bytea"))
}

/// Adds so many waiting jobs, spread over so many accounts.
pub(super) fn spread(url: &str, jobs: u64, accounts: u64) -> anyhow::Result<()> {
    sql(
        url,
        &format!(
            "INSERT INTO accounts (id, name, plan, created_at)
             SELECT decode(md5('bench-' || n), 'hex'), 'bench-' || n, 'unlimited', 0 FROM generate_series(1, {accounts}) n
             ON CONFLICT DO NOTHING"
        ),
    )?;
    slices(url, jobs, &format!("decode(md5('bench-' || (1 + n % {accounts})), 'hex')"))?;
    // As autovacuum would have done by the time that so many jobs have come.
    sql(url, "VACUUM (ANALYZE) ready, jobs, rows, idempotency")?;
    Ok(())
}

/// `account` is an expression over the job's number `n`.
fn slices(url: &str, jobs: u64, account: &str) -> anyhow::Result<()> {
    let mut from = 0;
    while from < jobs {
        let to = (from + SLICE).min(jobs);
        let now = SystemClock.now().0;
        sql(url, &format!(
            "WITH new AS MATERIALIZED (
                 SELECT {account} AS account, decode(lpad(to_hex({now} + n / 1000), 12, '0') || substr(md5(random()::text || n), 1, 20), 'hex') AS id,
                        'sql-{now}-' || n AS name
                 FROM generate_series({from}::bigint, {to}::bigint - 1) n),
             of_jobs AS (
                 INSERT INTO jobs (account, id, environment, idempotency_key, source, row_id, tracking_url, created_at, expires_at)
                 SELECT account, id, 0, name, 'platform_api', name, 'https://trk.example/click?offer=' || name || '&sub=0123456789abcdef', {now}, {now} + 86400000
                 FROM new),
             of_keys AS (
                 INSERT INTO idempotency (account, environment, key, job_id, fingerprint)
                 SELECT account, 0, name, id, sha256(id) FROM new),
             of_rows AS (
                 INSERT INTO rows (account, environment, source, row_id, tracking_url, job_id)
                 SELECT account, 0, 'platform_api', name, 'https://trk.example/click?offer=' || name || '&sub=0123456789abcdef', id FROM new),
             of_queue AS (
                 INSERT INTO ready (account, priority, ready_at, job_id, environment, fence, attempts, expires_at)
                 SELECT account, 100, {now}, id, 0, 0, 0, {now} + 86400000 FROM new)
             INSERT INTO backlog (account, waiting) SELECT account, count(*) FROM new GROUP BY account ORDER BY account
             ON CONFLICT (account) DO UPDATE SET waiting = backlog.waiting + excluded.waiting"
        ))?;
        from = to;
    }
    Ok(())
}

/// Takes an account's waiting jobs away.
pub(super) fn clear(url: &str, account: AccountId) -> anyhow::Result<()> {
    let account = hex(account);
    sql(url, &format!("DELETE FROM ready WHERE account = '\\x{account}'; UPDATE backlog SET waiting = 0 WHERE account = '\\x{account}'"))?;
    sql(url, "VACUUM ready")?;
    Ok(())
}

/// How many jobs wait.
pub(super) fn waiting(url: &str) -> anyhow::Result<u64> {
    number(url, "SELECT count(*) FROM ready")
}

/// What the hot tables weigh, indexes included, while millions pass through.
pub(super) struct Sizes {
    pub(super) passed: u64,
    pub(super) first_mib: u64,
    pub(super) largest_mib: u64,
    pub(super) last_mib: u64,
    pub(super) dead_rows: u64,
}

impl Sizes {
    pub(super) fn begin(url: &str) -> anyhow::Result<Self> {
        let first_mib = hot_mib(url)?;
        Ok(Self { passed: 0, first_mib, largest_mib: first_mib, last_mib: first_mib, dead_rows: 0 })
    }

    pub(super) fn weigh(&mut self, url: &str, passed: u64) -> anyhow::Result<()> {
        self.passed += passed;
        self.last_mib = hot_mib(url)?;
        self.largest_mib = self.largest_mib.max(self.last_mib);
        self.dead_rows = number(url, &format!("SELECT sum(n_dead_tup) FROM pg_stat_user_tables WHERE relname IN ({HOT})"))?;
        Ok(())
    }
}

fn hot_mib(url: &str) -> anyhow::Result<u64> {
    number(
        url,
        &format!("SELECT (sum(pg_total_relation_size(oid)) / 1048576)::bigint FROM pg_class WHERE relname IN ({HOT}) AND relkind = 'r'"),
    )
}

fn number(url: &str, query: &str) -> anyhow::Result<u64> {
    sql(url, query)?.parse().with_context(|| format!("no number: {query}"))
}

fn hex(account: AccountId) -> String {
    account.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}
