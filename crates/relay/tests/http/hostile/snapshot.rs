//! Rows of the database as they are, for comparing. They are read by `psql`, as a person would from outside; an SQLite file
//! is backed up beside the running relay and copied to PostgreSQL first, whole, as an operator would.

use protocol::{AccountId, JobId};
use store::DatabaseUrl;
use store::admin::{self, Tools};

use super::Scene;

/// Every row of an account, a line each, in a fixed order.
pub(super) struct Snapshot {
    neighbour: String,
    others_work: String,
}

impl Snapshot {
    /// The neighbour's account whole, and what belongs to jobs of the hostile desktop's account that are not its own.
    pub(super) async fn of(scene: &Scene) -> Self {
        let database = match &scene.database {
            DatabaseUrl::Postgres(url) => url.clone(),
            file @ DatabaseUrl::Sqlite(_) => copied(file).await,
        };
        let jobs = [scene.ours.finished.job_id, scene.ours.leased.job_id, scene.ours.queued.job_id];
        let others_work = rows_of_jobs(&database, scene.stage.relay.account(), &jobs);
        let neighbour = rows_of_account(&database, scene.neighbour.account);
        assert!(neighbour.lines().count() > 10 && others_work.lines().count() >= 8, "{neighbour}\n\n{others_work}");
        Self { neighbour, others_work }
    }

    /// Holds this one against a later one.
    pub(super) fn expect_unchanged(&self, later: &Self, after: &str) {
        assert_eq!(self.neighbour, later.neighbour, "the neighbour's rows after {after}");
        assert_eq!(self.others_work, later.others_work, "rows of others' jobs after {after}");
    }
}

/// A copy of an SQLite file, as a PostgreSQL database.
async fn copied(file: &DatabaseUrl) -> String {
    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("backup.db");
    admin::backup(file, &backup, &Tools::default()).await.unwrap();
    let url = testkit::postgres::new_database();
    admin::copy(&backup, &url, |_| ()).await.unwrap();
    url
}

fn rows_of_account(database: &str, account: AccountId) -> String {
    select(database, "account", &format!("account = {}", bytes(account.as_bytes())))
}

fn rows_of_jobs(database: &str, account: AccountId, jobs: &[JobId]) -> String {
    let ids: Vec<String> = jobs.iter().map(|job| bytes(job.as_bytes())).collect();
    let ids = ids.join(", ");
    let account = bytes(account.as_bytes());
    let named = select(database, "job_id", &format!("account = {account} AND job_id IN ({ids})"));
    let jobs =
        testkit::postgres::sql(database, &format!("SELECT j::text FROM jobs j WHERE account = {account} AND id IN ({ids}) ORDER BY 1"));
    format!("{named}\n{}", jobs.unwrap())
}

/// The rows that match in every table that has such a column; whichever tables there are.
fn select(database: &str, column: &str, matches: &str) -> String {
    let tables =
        format!("SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = '{column}' ORDER BY 1");
    let tables = testkit::postgres::sql(database, &tables).unwrap();
    let of_each = |table: &str| format!("SELECT '{table} ' || t::text FROM {table} t WHERE {matches}");
    let all: Vec<String> = tables.lines().map(of_each).collect();
    testkit::postgres::sql(database, &format!("{} ORDER BY 1", all.join(" UNION ALL "))).unwrap()
}

fn bytes(id: &[u8]) -> String {
    format!("'\\x{}'::bytea", id.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}
