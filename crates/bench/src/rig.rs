//! A relay to be measured: in this process, on a runtime of its own, with an empty database in a folder of its own or a
//! database that others have made.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use anyhow::{Context, bail};
use domain::audit::Actor;
use protocol::device_signature::DeviceKey;
use protocol::{AccountId, Clock, Environment, KeyId, Secret, SystemClock};
use relay::{Config, InstallSecrets, Relay};
use store::{ApprovedLink, DatabaseUrl, NewKeyRecord};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::caller::Caller;
use crate::device::Device;

/// How long an approved code of ours may take to become a device.
const LINK_MILLIS: i64 = 60_000;

/// A running relay, one account without limits, one key.
pub(crate) struct Rig {
    runtime: Runtime,
    relay: Relay,
    account: AccountId,
    key_id: KeyId,
    secret: Secret,
    // Last, so that the database is closed before its folder goes.
    folder: Option<TempDir>,
}

impl Rig {
    /// Starts a relay whose database lies in a new folder within `folder`.
    pub(crate) fn start(folder: &Path) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("link-peeler-bench-").tempdir_in(folder)?;
        let rig = Self::on(DatabaseUrl::Sqlite(folder.path().join("relay.db")), folder.path())?;
        Ok(Self { folder: Some(folder), ..rig })
    }

    /// Starts a relay on this database, with the keys that lie in `installation`.
    pub(crate) fn on(database: DatabaseUrl, installation: &Path) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let mut config = Config::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), database, InstallSecrets::load_or_create(installation)?);
        config.bench_noop = true;
        // What one desktop can do is measured, not what it may.
        config.device_limit = None;
        // A load may say that it comes from elsewhere: loopback has no limit.
        config.trusted_proxies.networks = vec![IpAddr::from(Ipv4Addr::LOCALHOST).into()];
        let (key_id, secret) = (KeyId::generate(Environment::Live), Secret::generate());
        let (relay, account) = runtime.block_on(async {
            let (account_name, plan) = (config.account.clone(), config.plan.clone());
            let relay = Relay::start(config).await.context("the relay did not start")?;
            let now = SystemClock.now();
            let account = relay.store().ensure_account(&account_name, &plan, now).await?.id;
            let new_key = NewKeyRecord::new(account, key_id.clone(), secret.clone(), "bench", Actor::Machine, now);
            if relay.store().insert_key(new_key).await?.done().is_none() {
                bail!("the key was not stored");
            }
            Ok((relay, account))
        })?;
        Ok(Self { runtime, relay, account, key_id, secret, folder: None })
    }

    /// Where the relay listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.relay.address()
    }

    /// The relay's store, for whoever asks it without HTTP.
    pub(crate) fn store(&self) -> &store::Store {
        self.relay.store()
    }

    /// The relay itself.
    pub(crate) fn relay(&self) -> &Relay {
        &self.relay
    }

    /// The runtime that the relay runs on.
    pub(crate) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Where its database lies, when that is a folder of its own.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.folder.as_ref().map(TempDir::path)
    }

    /// A caller with the rig's key. Callers of different names ask for different jobs.
    pub(crate) fn caller(&self, name: impl Into<String>) -> Caller {
        Caller { address: self.address(), key_id: self.key_id.clone(), secret: self.secret.clone(), name: name.into(), next: 0 }
    }

    /// The account of its key.
    pub(crate) fn account(&self) -> AccountId {
        self.account
    }

    /// Links a new device of its account.
    pub(crate) fn device(&self, name: &str) -> anyhow::Result<Device> {
        self.device_of(self.account, name)
    }

    /// Links a new device of another account.
    pub(crate) fn device_of(&self, account: AccountId, name: &str) -> anyhow::Result<Device> {
        let (key, now) = (DeviceKey::generate(), SystemClock.now());
        let link = ApprovedLink {
            account,
            device_code: format!("bench-{name}"),
            public_key: key.public(),
            name: name.to_owned(),
            platform: "bench".to_owned(),
            expires_at: now.plus_millis(LINK_MILLIS),
        };
        let linked = self.runtime.block_on(async {
            self.relay.store().approve_link(link, Actor::Machine, now).await?;
            self.relay.store().consume_link(format!("bench-{name}"), now).await
        })?;
        let linked = linked.context("the link was not consumed")?;
        Ok(Device { address: self.address(), id: linked.device_id, key })
    }

    /// Stops the relay and throws its data away.
    pub(crate) fn stop(self) {
        self.runtime.block_on(self.relay.shutdown());
    }
}
