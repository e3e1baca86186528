//! A fresh database for each test, and the few calls that every test makes.

use std::sync::atomic::{AtomicU32, Ordering};

use domain::Plans;
use domain::audit::Actor;
use protocol::device::{LeasedJob, Outcome};
use protocol::device_signature::DeviceKey;
use protocol::{AccountId, DeviceId, Environment, JobId, UnixMillis};
use store::{
    Admission, AdmissionAnswer, ApprovedLink, DatabaseUrl, JobRecord, PreparedResult, Pulled, Sealing, SealingKey, Settings, Store, Upkeep,
};

use crate::words::{NOW, Pull, Submission};

/// The databases that everything must hold on. A further one is a variant here and a test function in
/// `on_every_database`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Backend {
    /// The embedded database, in a file.
    Sqlite,
    /// A PostgreSQL server.
    Postgres,
}

/// The plans that accounts of the tests have.
const PLANS: &str = "
[shell_only]
api_links = false

[ten_a_month]
api_links = true
monthly_fetches = 10

[one_a_month]
api_links = true
monthly_fetches = 1

[ten_and_four]
api_links = true
monthly_fetches = 10
jobs_waiting = 4

[three_waiting]
api_links = true
jobs_waiting = 3

[two_of_each]
api_links = true
keys = 2
devices = 2

[a_week]
api_links = true
retention_days = 7

[a_decade]
api_links = true
retention_days = 3_650
";

/// An open store on a database of its own.
pub(crate) struct Fixture {
    pub(crate) store: Store,
    /// An account without limits; most tests need no other.
    pub(crate) account: AccountId,
    pub(crate) database: Database,
    next_nonce: AtomicU32,
}

/// A database that goes when the test is over.
pub(crate) enum Database {
    Sqlite { folder: tempfile::TempDir },
    Postgres { url: String },
}

impl Database {
    fn fresh(backend: Backend) -> Self {
        match backend {
            Backend::Sqlite => Self::Sqlite { folder: tempfile::tempdir().unwrap() },
            Backend::Postgres => Self::Postgres { url: testkit::postgres::new_database() },
        }
    }

    pub(crate) fn url(&self) -> DatabaseUrl {
        match self {
            Self::Sqlite { folder } => DatabaseUrl::Sqlite(folder.path().join("link-peeler.db")),
            Self::Postgres { url } => DatabaseUrl::Postgres(url.clone()),
        }
    }

    /// Keeps every write from going on until [`HeldWrites::release`]: what is asked of the store meanwhile queues.
    pub(crate) async fn hold_writes(&self) -> HeldWrites {
        match self.url() {
            DatabaseUrl::Sqlite(path) => {
                let connection = rusqlite::Connection::open(path).unwrap();
                connection.execute_batch("BEGIN IMMEDIATE").unwrap();
                HeldWrites::Sqlite(connection)
            }
            DatabaseUrl::Postgres(url) => {
                let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
                tokio::spawn(connection);
                client.batch_execute("BEGIN").await.unwrap();
                // Lets others read, but neither write nor lock a row.
                let every_table = "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public' ORDER BY 1";
                for row in client.query(every_table, &[]).await.unwrap() {
                    client.batch_execute(&format!("LOCK TABLE {} IN EXCLUSIVE MODE", row.get::<_, String>(0))).await.unwrap();
                }
                HeldWrites::Postgres(client)
            }
        }
    }
}

/// Writes wait while this lives.
pub(crate) enum HeldWrites {
    Sqlite(rusqlite::Connection),
    Postgres(tokio_postgres::Client),
}

impl HeldWrites {
    pub(crate) async fn release(self) {
        match self {
            Self::Sqlite(connection) => connection.execute_batch("ROLLBACK").unwrap(),
            Self::Postgres(client) => client.batch_execute("ROLLBACK").await.unwrap(),
        }
    }
}

/// The settings of every store in these tests.
pub(crate) fn settings() -> Settings {
    Settings { plans: Plans::from_toml(PLANS).unwrap(), ..Settings::with(Sealing::with(SealingKey::new(&[7; 32]))) }
}

impl Fixture {
    pub(crate) async fn open(backend: Backend) -> Self {
        let database = Database::fresh(backend);
        let store = Store::open(&database.url(), settings()).await.unwrap();
        let account = store.ensure_account("default", Plans::UNLIMITED, NOW).await.unwrap().id;
        Self { store, account, database, next_nonce: AtomicU32::new(0) }
    }

    /// Closes the store and opens its database again, as a restart does.
    pub(crate) async fn restart(&mut self) {
        self.store.close().await;
        self.store = Store::open(&self.database.url(), settings()).await.unwrap();
    }

    /// Another store on the same database, as another relay has: on SQLite, where only one may serve, as a command beside it.
    pub(crate) async fn another_relay(&self) -> Store {
        Store::open_beside(&self.database.url(), settings()).await.unwrap()
    }

    /// An account on the plan of this name.
    pub(crate) async fn account_on(&self, plan: &str) -> AccountId {
        self.store.ensure_account(&format!("on {plan}"), plan, NOW).await.unwrap().id
    }

    /// A device of the account, linked as devices are.
    pub(crate) async fn device_of(&self, account: AccountId) -> DeviceId {
        let device_code = self.fresh_nonce();
        let public_key = DeviceKey::generate().public();
        let (name, platform) = ("desk".to_owned(), "linux".to_owned());
        let expires_at = NOW.plus_seconds(600);
        self.store
            .approve_link(
                ApprovedLink { account, device_code: device_code.clone(), public_key, name, platform, expires_at },
                Actor::Machine,
                NOW,
            )
            .await
            .unwrap();
        self.store.consume_link(device_code, NOW).await.unwrap().unwrap().device_id
    }

    pub(crate) async fn device(&self) -> DeviceId {
        self.device_of(self.account).await
    }

    /// A value that no other request of this test has.
    pub(crate) fn fresh_nonce(&self) -> String {
        format!("nonce-{:016}", self.next_nonce.fetch_add(1, Ordering::Relaxed))
    }

    /// A request of the default account, with `name` as idempotency key and row id.
    pub(crate) fn submission(&self, name: &str) -> Submission {
        Submission::new(self.account, name, self.fresh_nonce())
    }

    pub(crate) fn submission_of(&self, account: AccountId, name: &str) -> Submission {
        Submission::new(account, name, self.fresh_nonce())
    }

    pub(crate) async fn answer(&self, submission: Submission) -> AdmissionAnswer {
        self.store.admit(submission.into_request()).await.unwrap()
    }

    pub(crate) async fn admit(&self, submission: Submission) -> Admission {
        self.answer(submission).await.admission
    }

    /// Admits a request that must be accepted.
    pub(crate) async fn accept(&self, submission: Submission) -> JobRecord {
        match self.admit(submission).await {
            Admission::Accepted(job) => *job,
            other => panic!("not accepted but {other:?}"),
        }
    }

    /// A queued job of the default account.
    pub(crate) async fn job(&self, name: &str) -> JobId {
        self.accept(self.submission(name)).await.job_id
    }

    /// Queued jobs `offer-0`, `offer-1`, …, a second apart, so that their order is certain. Returns their ids.
    pub(crate) async fn jobs(&self, count: u32) -> Vec<JobId> {
        let mut ids = Vec::new();
        for number in 0..count {
            let submission = self.submission(&format!("offer-{number}")).at(NOW.plus_seconds(i64::from(number) - i64::from(count)));
            ids.push(self.accept(submission).await.job_id);
        }
        ids
    }

    /// The job as it is now, in the live environment of the default account.
    pub(crate) async fn look(&self, job_id: JobId) -> JobRecord {
        self.store.job(self.account, Environment::Live, job_id).await.unwrap().unwrap()
    }

    pub(crate) async fn pull(&self, pull: Pull) -> Pulled {
        self.store.pull(pull.into_order(self.account)).await.unwrap()
    }

    /// Leases one job, which must be there.
    pub(crate) async fn lease(&self, device: DeviceId, at: UnixMillis) -> LeasedJob {
        self.pull(Pull::by(device).max(1).at(at)).await.jobs.remove(0)
    }

    /// Leases one job and renews the lease at once, so that it lasts and counts as an attempt.
    pub(crate) async fn lease_and_take_up(&self, device: DeviceId, at: UnixMillis) -> LeasedJob {
        let job = self.lease(device, at).await;
        let lost = self.pull(Pull::by(device).max(0).at(at).running(&[&job])).await.lost;
        assert_eq!(lost, []);
        job
    }

    pub(crate) async fn report(&self, device: DeviceId, results: Vec<PreparedResult>, at: UnixMillis) -> Vec<Outcome> {
        let outcomes = self.store.report(self.account, device, results, at).await.unwrap();
        outcomes.into_iter().map(|one| one.outcome).collect()
    }

    /// One step of upkeep without jitter of its own.
    pub(crate) async fn upkeep(&self, at: UnixMillis) -> Upkeep {
        self.store.upkeep(at, 0.0).await.unwrap()
    }

    /// Fetches that the account has used in the month of `at`.
    pub(crate) async fn used(&self, account: AccountId, environment: Environment, at: UnixMillis) -> u64 {
        let nonce = self.fresh_nonce();
        self.store.spend_nonce((account, environment), ("asks", &nonce, at.seconds()), at).await.unwrap().standing.used
    }
}
