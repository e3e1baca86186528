//! Relays in this process that share one database, with one account, one key and as many devices as a test wants.

use std::net::{Ipv4Addr, SocketAddr};

use domain::Plans;
use domain::audit::Actor;
use protocol::device_signature::DeviceKey;
use protocol::{AccountId, Clock, Environment, KeyId, Secret, SystemClock, UnixMillis};
use relay::{Config, InstallSecrets, Relay, StartError};
use store::{ApprovedLink, DatabaseUrl, NewKeyRecord};

use crate::caller::Caller;
use crate::desktop::Device;
use crate::patience::until;

/// A plan for the quota's races, beside those that every relay knows.
const PLANS: &str = "[ten_a_month]\napi_links = true\nmonthly_fetches = 10\n";

/// Relays of one installation.
pub(crate) struct Rig {
    pub(crate) relays: Vec<Relay>,
    pub(crate) account: AccountId,
    pub(crate) caller: Caller,
    installation: tempfile::TempDir,
}

impl Rig {
    /// So many relays on a new database of the shared test server.
    pub(crate) async fn new(relays: usize) -> Self {
        Self::on(&testkit::postgres::new_database(), relays).await
    }

    /// So many relays on the database of this URL.
    pub(crate) async fn on(url: &str, relays: usize) -> Self {
        let installation = tempfile::tempdir().unwrap();
        let first = start(installation.path(), url).await.unwrap();
        let account = first.account();
        let mut rig = Self { caller: new_caller(&first, account).await, relays: vec![first], account, installation };
        for _ in 1..relays {
            rig.relays.push(start(rig.installation.path(), url).await.unwrap());
        }
        rig
    }

    /// Where the relay of this number is reached.
    pub(crate) fn url(&self, relay: usize) -> String {
        self.relays[relay].public_url().to_owned()
    }

    /// Where each relay is reached.
    pub(crate) fn urls(&self) -> Vec<String> {
        self.relays.iter().map(|relay| relay.public_url().to_owned()).collect()
    }

    /// A key of another account, of this plan, which every relay knows.
    pub(crate) async fn caller_of_plan(&self, plan: &str) -> Caller {
        let account = self.new_account(plan).await;
        self.caller_of(account).await
    }

    /// Another account.
    pub(crate) async fn new_account(&self, plan: &str) -> AccountId {
        let name = format!("account-{}", KeyId::generate(Environment::Live));
        self.relays[0].store().ensure_account(&name, plan, SystemClock.now()).await.unwrap().id
    }

    /// A key of this account, which every relay knows.
    pub(crate) async fn caller_of(&self, account: AccountId) -> Caller {
        let caller = new_caller(&self.relays[0], account).await;
        for url in self.urls() {
            until("every relay knows the key", async || caller.verify(&url).await == 200).await;
        }
        caller
    }

    /// A device of the rig's account.
    pub(crate) async fn device(&self) -> Device {
        self.device_of(self.account).await
    }

    /// A device of this account, which every relay knows.
    pub(crate) async fn device_of(&self, account: AccountId) -> Device {
        let (key, now, store) = (DeviceKey::generate(), SystemClock.now(), self.relays[0].store());
        let code = KeyId::generate(Environment::Test).to_string();
        let link = ApprovedLink {
            account,
            device_code: code.clone(),
            public_key: key.public(),
            name: "device".to_owned(),
            platform: "test".to_owned(),
            expires_at: UnixMillis(now.0 + 60_000),
        };
        store.approve_link(link, Actor::Machine, now).await.unwrap();
        let linked = store.consume_link(code, now).await.unwrap().unwrap();
        let device = Device::new(linked.device_id, key);
        for url in self.urls() {
            until("every relay knows the device", async || device.is_known(&url).await).await;
        }
        device
    }

    pub(crate) async fn stop(self) {
        for relay in self.relays {
            relay.shutdown().await;
        }
    }
}

/// Starts a relay with the keys that lie in `installation`.
pub(crate) async fn start(installation: &std::path::Path, url: &str) -> Result<Relay, StartError> {
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let mut config = Config::new(listen, DatabaseUrl::Postgres(url.to_owned()), InstallSecrets::load_or_create(installation).unwrap());
    config.plans = Plans::from_toml(PLANS).unwrap();
    config.link_interval_seconds = 1;
    Relay::start(config).await
}

async fn new_caller(relay: &Relay, account: AccountId) -> Caller {
    let (key_id, secret) = (KeyId::generate(Environment::Live), Secret::generate());
    let new = NewKeyRecord::new(account, key_id.clone(), secret.clone(), "test", Actor::Machine, SystemClock.now());
    assert!(relay.store().insert_key(new).await.unwrap().done().is_some());
    Caller::new(key_id, secret)
}
