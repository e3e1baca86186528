//! The API keys in memory: a signature is checked without asking the database, so that a flood of forged requests
//! costs it nothing.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::Plan;
use domain::admission::Standing;
use protocol::signature::VerifyingSecret;
use protocol::{AccountId, Environment, KeyId};
use store::{KeyRecord, Store, StoreError};

use crate::mirror::{Entries, Mirror};
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
    keys: Mirror<KeyId, CachedKey>,
    dummy: VerifyingSecret,
}

impl Keys {
    pub(crate) async fn load(store: Store) -> Result<Self, StoreError> {
        let keys = Self { store, keys: Mirror::new("keys"), dummy: VerifyingSecret::dummy() };
        keys.reread().await?;
        Ok(keys)
    }

    /// The key of this id, if it may sign now.
    pub(crate) async fn find(&self, key_id: &str) -> Option<Arc<CachedKey>> {
        self.keys.follow(|| self.store.keys_version(), || self.read()).await;
        self.keys.get(key_id)
    }

    /// What unknown keys are checked against.
    pub(crate) const fn dummy(&self) -> &VerifyingSecret {
        &self.dummy
    }

    /// Reads the keys again although nobody said that they have changed.
    pub(crate) async fn reread(&self) -> Result<(), StoreError> {
        self.keys.reread(Duration::ZERO, || self.store.keys_version(), || self.read()).await
    }

    async fn read(&self) -> Result<Entries<KeyId, CachedKey>, StoreError> {
        let known = self.keys.entries();
        let records = self.store.all_keys().await?;
        let keys = records.into_iter().filter(|record| record.revoked_at.is_none()).map(|record| self.cached(record, &known));
        Ok(keys.map(|key| (key.key_id.clone(), key)).collect())
    }

    /// Keeps what is known as long as nothing about it has changed: its burst limit must not begin anew.
    fn cached(&self, record: KeyRecord, known: &Entries<KeyId, CachedKey>) -> Arc<CachedKey> {
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
}

impl CachedKey {
    pub(crate) fn remember(&self, standing: Standing) {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner) = Some(standing);
    }

    pub(crate) fn last_standing(&self) -> Option<Standing> {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
