//! A relay on a free port with a clock of the test's, an account with a key, and as many further ones as a test wants.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use domain::Plans;
use domain::audit::Actor;
use protocol::device_signature::DeviceKey;
use protocol::signature::{self, SignedTarget, UnsignedRequest};
use protocol::{AccountId, Clock, Environment, Job, KeyId, ManualClock, Secret, UnixMillis};
use relay::{Config, InstallSecrets, Relay};
use store::{ApprovedLink, DatabaseUrl, NewKeyRecord};

use crate::desk::Desk;
use crate::wire::{Answer, Connection, Request};

/// Where the clock stands at first: 2026-05-26T00:00:00Z, as in the signing cases.
pub(crate) const NOW: UnixMillis = UnixMillis(1_779_753_600_000);

const PLANS: &str = "
[shell_only]
api_links = false

[ten_a_month]
api_links = true
monthly_fetches = 10

[one_a_month]
api_links = true
monthly_fetches = 1

[two_waiting]
api_links = true
jobs_waiting = 2

[metered]
api_links = true
monthly_fetches = 1_000
requests_per_second = 100
burst = 500
jobs_waiting = 400

[slow]
api_links = true
requests_per_second = 1
burst = 2
";

pub(crate) struct Stage {
    pub(crate) relay: Relay,
    pub(crate) clock: Arc<ManualClock>,
    /// A live key of the relay's own account, which has no limits.
    pub(crate) key: Key,
    pub(crate) folder: tempfile::TempDir,
    database: DatabaseUrl,
    next: AtomicU32,
}

/// A key that signs.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) id: KeyId,
    pub(crate) secret: Secret,
    pub(crate) account: AccountId,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with(|_| ()).await
    }

    /// With a configuration that differs from the usual one.
    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::on(tempfile::tempdir().unwrap(), change).await
    }

    /// On a PostgreSQL database of its own.
    pub(crate) async fn on_postgres() -> Self {
        let url = testkit::postgres::new_database();
        Self::with(|config| config.database = DatabaseUrl::Postgres(url)).await
    }

    /// On a folder that may hold the data of an earlier relay.
    pub(crate) async fn on(folder: tempfile::TempDir, change: impl FnOnce(&mut Config)) -> Self {
        let clock = Arc::new(ManualClock::at(NOW));
        let secrets = InstallSecrets::load_or_create(folder.path()).unwrap();
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut config = Config::new(any_port, DatabaseUrl::Sqlite(folder.path().join("relay.db")), secrets);
        config.metrics_listen = Some(any_port);
        config.plans = Plans::from_toml(PLANS).unwrap();
        config.link_interval_seconds = 0;
        config.clock = Arc::<ManualClock>::clone(&clock);
        change(&mut config);
        let database = config.database.clone();
        let relay = Relay::start(config).await.unwrap();
        let key = make_key(&relay, relay.account(), Environment::Live).await;
        Self { relay, clock, key, folder, database, next: AtomicU32::new(0) }
    }

    /// Stops the relay and starts one on the same data.
    pub(crate) async fn restart(self) -> Self {
        self.restart_with(|_| ()).await
    }

    /// As [`Self::restart`], with a configuration that differs from the usual one.
    pub(crate) async fn restart_with(self, change: impl FnOnce(&mut Config)) -> Self {
        let Self { relay, clock, key, folder, database, next } = self;
        relay.shutdown().await;
        let again = Self::on(folder, |config| {
            config.database = database;
            change(config);
        });
        let again = again.await;
        again.clock.set(clock.now());
        Self { key, next, ..again }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.relay.address()
    }

    pub(crate) fn now(&self) -> UnixMillis {
        self.clock.now()
    }

    /// A new key of the relay's own account.
    pub(crate) async fn new_key(&self, environment: Environment) -> Key {
        make_key(&self.relay, self.relay.account(), environment).await
    }

    /// A live key of another account, on the plan of this name.
    pub(crate) async fn key_on(&self, plan: &str) -> Key {
        let name = format!("account {}", self.count());
        let account = self.relay.store().ensure_account(&name, plan, self.now()).await.unwrap().id;
        make_key(&self.relay, account, Environment::Live).await
    }

    /// A desktop of the account, linked as desktops are.
    pub(crate) async fn desk_of(&self, account: AccountId) -> Desk {
        let key = DeviceKey::generate();
        let device_code = format!("code-{}", self.count());
        let link = ApprovedLink {
            account,
            device_code: device_code.clone(),
            public_key: key.public(),
            name: "desk".to_owned(),
            platform: "linux".to_owned(),
            expires_at: self.now().plus_seconds(600),
        };
        self.relay.store().approve_link(link, Actor::Machine, self.now()).await.unwrap();
        let linked = self.relay.store().consume_link(device_code, self.now()).await.unwrap().unwrap();
        Desk { id: linked.device_id, key, address: self.address() }
    }

    pub(crate) async fn desk(&self) -> Desk {
        self.desk_of(self.relay.account()).await
    }

    /// A number that this stage has not given out before.
    pub(crate) fn count(&self) -> u32 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn fresh_nonce(&self) -> String {
        format!("nonce-{:016}", self.count())
    }

    /// A request that `key` has signed at this moment under a fresh nonce.
    pub(crate) fn signed_by(&self, key: &Key, method: &str, target: &str, body: &[u8]) -> Request {
        self.signed_at(key, self.now(), &self.fresh_nonce(), (method, target, body))
    }

    pub(crate) fn signed_at(&self, key: &Key, at: UnixMillis, nonce: &str, (method, target, body): (&str, &str, &[u8])) -> Request {
        let unsigned =
            UnsignedRequest { target: SignedTarget::of(method, target), body, timestamp_seconds: at.seconds(), nonce: nonce.into() };
        let headers = signature::sign(&key.id, &key.secret, &unsigned);
        let mut request = Request::new(method, target).header("Host", self.address().to_string()).body(body);
        for (name, value) in headers.pairs() {
            request = request.header(name, value);
        }
        if method == "POST" { request.header("Content-Type", "application/json") } else { request }
    }

    pub(crate) fn get(&self, target: &str) -> Request {
        self.signed_by(&self.key, "GET", target, b"")
    }

    pub(crate) fn delete(&self, target: &str) -> Request {
        self.signed_by(&self.key, "DELETE", target, b"")
    }

    /// A signed wish to resolve, with `name` as idempotency key and row id.
    pub(crate) fn fetch(&self, name: &str) -> Request {
        self.fetch_by(&self.key, name)
    }

    pub(crate) fn fetch_by(&self, key: &Key, name: &str) -> Request {
        self.signed_by(key, "POST", "/api/links/fetch", payload(name).to_string().as_bytes())
    }

    /// A wish with this body.
    pub(crate) fn fetch_of(&self, body: &[u8]) -> Request {
        self.signed_by(&self.key, "POST", "/api/links/fetch", body)
    }

    /// Sends a request on a connection of its own.
    pub(crate) async fn send(&self, request: &Request) -> Answer {
        Connection::open(self.address()).await.send(request).await
    }

    /// Has a job made.
    pub(crate) async fn job(&self, name: &str) -> Job {
        self.send(&self.fetch(name)).await.read(202)
    }
}

/// The payload of a plain wish.
pub(crate) fn payload(name: &str) -> serde_json::Value {
    serde_json::json!({"idempotencyKey": name, "trackingUrl": "https://trk.example/a1", "source": "platform_api", "rowId": name})
}

async fn make_key(relay: &Relay, account: AccountId, environment: Environment) -> Key {
    let key = Key { id: KeyId::generate(environment), secret: Secret::generate(), account };
    store_key(relay, &key, NOW).await;
    key
}

pub(crate) async fn store_key(relay: &Relay, key: &Key, now: UnixMillis) {
    let record = NewKeyRecord::new(key.account, key.id.clone(), key.secret.clone(), "test", Actor::Machine, now);
    assert!(relay.store().insert_key(record).await.unwrap().done().is_some());
}
