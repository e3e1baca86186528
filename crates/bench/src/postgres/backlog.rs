//! Jobs that are put into the database by SQL, as admission would have, and what they weigh.

use anyhow::Context;
use protocol::{AccountId, Clock, SystemClock};
use testkit::postgres::{create_database, sql};

use super::claims::Claims;

/// Jobs of one statement: a transaction of some seconds.
const SLICE: u64 = 200_000;
/// The tables that jobs pass through.
const HOT: &str = "'ready', 'leased', 'delayed', 'backlog', 'usage'";

/// The database that is filled: a new one, or one of this name that stays.
pub(super) fn database(server: &str, kept: Option<&str>) -> anyhow::Result<String> {
    let Some(name) = kept else { return Ok(create_database(server)?) };
    let there = number(&format!("{server}/postgres"), &format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'"))?;
    if there == 0 {
        sql(&format!("{server}/postgres"), &format!("CREATE DATABASE {name}"))?;
    }
    Ok(format!("{server}/{name}"))
}

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
    let account = format!("'\\x{}'::bytea", hex(account));
    slices(url, (0, jobs), &account)?;
    count(url, &account)
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
    let account = format!("decode(md5('bench-' || (1 + n % {accounts})), 'hex')");
    let indexes = Indexes::take_away(url)?;
    // By two connections: one would leave half of a small machine idle.
    let half = jobs / 2;
    let loaded = std::thread::scope(|scope| {
        let first = scope.spawn(|| slices(url, (0, half), &account));
        slices(url, (half, jobs), &account)?;
        first.join().map_err(|_| anyhow::anyhow!("the loader failed"))?
    });
    indexes.make_again(url)?;
    loaded?;
    count(url, "account")?;
    // As autovacuum would have done by the time that so many jobs have come.
    sql(url, "VACUUM (ANALYZE) ready, jobs, rows, idempotency")?;
    Ok(())
}

/// The indexes of the tables that are loaded, as the migrations have made them. Made again over all rows at once they cost a
/// third of what they cost row by row.
struct Indexes(String);

impl Indexes {
    fn take_away(url: &str) -> anyhow::Result<Self> {
        let of_loaded = "JOIN pg_class t ON t.oid = i.indrelid AND t.relname IN ('jobs', 'idempotency', 'rows', 'ready')
             JOIN pg_class x ON x.oid = i.indexrelid LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid";
        let make = sql(url, &format!(
            "SELECT string_agg(CASE WHEN c.oid IS NULL THEN pg_get_indexdef(i.indexrelid)
                                    ELSE format('ALTER TABLE %I ADD CONSTRAINT %I %s', t.relname, c.conname, pg_get_constraintdef(c.oid)) END, '; ')
             FROM pg_index i {of_loaded}"
        ))?;
        let drop = sql(
            url,
            &format!(
                "SELECT string_agg(CASE WHEN c.oid IS NULL THEN format('DROP INDEX %I', x.relname)
                                    ELSE format('ALTER TABLE %I DROP CONSTRAINT %I', t.relname, c.conname) END, '; ')
             FROM pg_index i {of_loaded}"
            ),
        )?;
        sql(url, &drop)?;
        Ok(Self(make))
    }

    fn make_again(&self, url: &str) -> anyhow::Result<()> {
        sql(url, &format!("SET maintenance_work_mem = '1GB'; {}", self.0)).map(|_| ()).map_err(Into::into)
    }
}

/// Counts the waiting jobs of an account, or of all (`account`), as admission would have counted them.
fn count(url: &str, account: &str) -> anyhow::Result<()> {
    let counted = format!(
        "INSERT INTO backlog (account, waiting) SELECT account, count(*) FROM ready WHERE account = {account} GROUP BY account ORDER BY account
         ON CONFLICT (account) DO UPDATE SET waiting = excluded.waiting"
    );
    sql(url, &counted).map(|_| ()).map_err(Into::into)
}

/// `account` is an expression over the job's number `n`.
fn slices(url: &str, (mut from, end): (u64, u64), account: &str) -> anyhow::Result<()> {
    while from < end {
        let to = (from + SLICE).min(end);
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
                 SELECT account, 0, 'platform_api', name, 'https://trk.example/click?offer=' || name || '&sub=0123456789abcdef', id FROM new)
             INSERT INTO ready (account, priority, ready_at, job_id, environment, fence, attempts, expires_at)
             SELECT account, 100, {now}, id, 0, 0, 0, {now} + 86400000 FROM new"
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

/// Lets the files of the server's log that are not needed any more be used again.
pub(super) fn checkpoint(url: &str) -> anyhow::Result<()> {
    sql(url, "CHECKPOINT").map(|_| ()).map_err(Into::into)
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
    /// The largest during the first half.
    pub(super) halfway_mib: u64,
    pub(super) last_mib: u64,
    pub(super) dead_rows: u64,
}

impl Sizes {
    pub(super) fn begin(url: &str) -> anyhow::Result<Self> {
        let first_mib = hot_mib(url)?;
        Ok(Self { passed: 0, first_mib, largest_mib: first_mib, halfway_mib: first_mib, last_mib: first_mib, dead_rows: 0 })
    }

    pub(super) fn to_text(&self) -> String {
        let Self { passed, first_mib, largest_mib, last_mib, dead_rows, .. } = self;
        format!(
            "\nhot tables with their indexes: {first_mib} MiB at first, {largest_mib} MiB at most and {last_mib} MiB ({dead_rows} dead rows) \
             after {passed} jobs have passed through\n"
        )
    }

    /// Claims that the tables have stopped growing.
    pub(super) fn claim(&self, claims: &mut Claims) {
        let Self { halfway_mib, largest_mib, passed, .. } = self;
        let claim =
            format!("hot tables no larger than {largest_mib} MiB after {passed} jobs, and {halfway_mib} MiB after the first half of them");
        // A fifth: what autovacuum finds between two of its rounds.
        claims.add(*largest_mib <= halfway_mib + halfway_mib / 5, claim);
    }

    /// Weighs after so many more jobs, of which `all` are to pass.
    pub(super) fn weigh(&mut self, url: &str, passed: u64, all: u64) -> anyhow::Result<()> {
        self.passed += passed;
        self.last_mib = hot_mib(url)?;
        self.largest_mib = self.largest_mib.max(self.last_mib);
        if self.passed <= all / 2 {
            self.halfway_mib = self.largest_mib;
        }
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
