//! The API keys in memory: a signature is checked without asking the database, so that a flood of forged requests
//! costs it nothing.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use domain::Plan;
use domain::admission::Standing;
use protocol::signature::VerifyingSecret;
use protocol::{AccountId, Environment, KeyId};
use store::{KeyRecord, Store, StoreError};

use crate::rate::Burst;

/// A key that may sign.
#[derive(Debug)]
pub(crate) struct CachedKey {
    pub(crate) key_id: KeyId,
    pub(crate) account: AccountId,
    pub(crate) environment: Environment,
    pub(crate) label: String,
    pub(crate) plan_name: String,
    pub(crate) plan: Option<Plan>,
    pub(crate) secret: VerifyingSecret,
    pub(crate) burst: Option<Burst>,
    /// How the account stood with its monthly quota when the database was last asked.
    pub(crate) standing: Mutex<Option<Standing>>,
}

/// Every key that may sign, by id.
#[derive(Debug)]
pub(crate) struct Keys {
    store: Store,
    keys: RwLock<Arc<HashMap<KeyId, Arc<CachedKey>>>>,
    version: AtomicU64,
    reloading: tokio::sync::Mutex<()>,
    dummy: VerifyingSecret,
}

impl Keys {
    pub(crate) async fn load(store: Store) -> Result<Self, StoreError> {
        let keys = Self {
            store,
            keys: RwLock::default(),
            version: AtomicU64::new(u64::MAX),
            reloading: tokio::sync::Mutex::default(),
            dummy: VerifyingSecret::dummy(),
        };
        keys.reload_if_changed().await?;
        Ok(keys)
    }

    /// The key of this id, if it may sign now.
    pub(crate) async fn find(&self, key_id: &str) -> Result<Option<Arc<CachedKey>>, StoreError> {
        if self.version.load(Ordering::Acquire) != self.store.keys_version() {
            // What is known goes on being used while the database cannot be asked; a reread follows within seconds.
            if let Err(error) = self.reload_if_changed().await {
                tracing::warn!(%error, "the keys could not be read again");
            }
        }
        Ok(self.snapshot().get(key_id).cloned())
    }

    /// What unknown keys are checked against.
    pub(crate) const fn dummy(&self) -> &VerifyingSecret {
        &self.dummy
    }

    async fn reload_if_changed(&self) -> Result<(), StoreError> {
        let _one_at_a_time = self.reloading.lock().await;
        if self.version.load(Ordering::Acquire) == self.store.keys_version() {
            return Ok(());
        }
        self.reload().await
    }

    /// Reads the keys again although nobody said that they have changed: what says so is a hint, and hints get lost. Keys
    /// can be used meanwhile.
    pub(crate) async fn reread(&self) -> Result<(), StoreError> {
        let _one_at_a_time = self.reloading.lock().await;
        self.reload().await
    }

    async fn reload(&self) -> Result<(), StoreError> {
        // Read before the keys are: a change in between is then noticed by the next request.
        let version = self.store.keys_version();
        let known = self.snapshot();
        let records = self.store.all_keys().await?;
        let keys = records.into_iter().filter(|record| record.revoked_at.is_none()).map(|record| self.cached(record, &known));
        let keys = Arc::new(keys.map(|key| (key.key_id.clone(), key)).collect());
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        self.version.store(version, Ordering::Release);
        Ok(())
    }

    /// Keeps what is known as long as nothing about it has changed: its burst limit must not begin anew.
    fn cached(&self, record: KeyRecord, known: &HashMap<KeyId, Arc<CachedKey>>) -> Arc<CachedKey> {
        if let Some(same) = known.get(&record.key_id).filter(|key| key.plan_name == record.plan && key.label == record.label) {
            return Arc::clone(same);
        }
        let plan = self.store.settings().plans.get(&record.plan).cloned();
        Arc::new(CachedKey {
            secret: VerifyingSecret::new(&record.secret),
            burst: plan.as_ref().and_then(Burst::of),
            key_id: record.key_id,
            account: record.account,
            environment: record.environment,
            label: record.label,
            plan_name: record.plan,
            plan,
            standing: Mutex::default(),
        })
    }

    fn snapshot(&self) -> Arc<HashMap<KeyId, Arc<CachedKey>>> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl CachedKey {
    pub(crate) fn remember(&self, standing: Standing) {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner) = Some(standing);
    }

    pub(crate) fn last_standing(&self) -> Option<Standing> {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
