//! The API keys in memory: a signature is checked without asking the database, so that a flood of forged requests
//! costs it nothing.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::Plan;
use domain::admission::Standing;
use protocol::key::KeyTerms;
use protocol::signature::{CallerHeaders, SignedTarget, VerifyingSecret};
use protocol::{AccountId, Environment, KeyId, UnixMillis};
use store::{SigningKey, Store, StoreError};

use crate::key_table::{Found, KeyTable};
use crate::mirror::{Held, Mirror};
use crate::rate::Burst;

/// A key that may sign, unless its terms say otherwise.
#[derive(Debug)]
pub(crate) struct CachedKey {
    pub(crate) key_id: KeyId,
    pub(crate) account: AccountId,
    pub(crate) environment: Environment,
    pub(crate) label: String,
    pub(crate) terms: KeyTerms,
    pub(crate) plan_name: String,
    pub(crate) plan: Option<Plan>,
    secret: VerifyingSecret,
    /// The secret before it, or one that signs nothing: wrong signatures take the same time either way.
    previous: VerifyingSecret,
    /// When the secret before it stops signing; `None`: there is none.
    previous_ends_at: Option<UnixMillis>,
    rotation: u32,
    pub(crate) burst: Option<Arc<Burst>>,
    /// How the account stood with its monthly quota when the database was last asked.
    standing: Mutex<Option<Standing>>,
    /// When it last signed, in milliseconds since 1970; 0: nothing that is not in the database yet.
    used_at: AtomicI64,
}

/// With which of a key's secrets a request was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignedWith {
    /// The present one.
    Current,
    /// The one before, which stops signing at this time.
    Previous(UnixMillis),
}

/// Every key that may sign, by id.
#[derive(Debug)]
pub(crate) struct Keys {
    store: Store,
    keys: Mirror<Known>,
    unknown: Arc<CachedKey>,
}

/// What is known of keys.
#[derive(Debug)]
struct Known {
    table: KeyTable<CachedKey>,
    versions: HashMap<AccountId, u64>,
}

impl Keys {
    pub(crate) async fn load(store: Store) -> Result<Self, StoreError> {
        let unknown = Arc::new(CachedKey::that_signs_nothing());
        let none = Known { table: KeyTable::new(Arc::clone(&unknown), []), versions: HashMap::new() };
        let keys = Self { store, keys: Mirror::new("keys", none), unknown };
        keys.reread().await?;
        Ok(keys)
    }

    /// The key of this id; for an id that nobody has, or that was revoked, one that signs nothing.
    pub(crate) async fn find(&self, key_id: &str) -> Found<CachedKey> {
        self.find_or_doubt(key_id).await.0
    }

    /// As [`Self::find`], and whether the database, which could not be asked, may know better: of this key or of others.
    pub(crate) async fn find_or_doubt(&self, key_id: &str) -> (Found<CachedKey>, bool) {
        self.keys.follow(|| self.store.keys_version(), || self.read()).await;
        let Held { table: known, in_doubt } = self.keys.held();
        (known.table.find(key_id), in_doubt)
    }

    /// Whether a key that has proven itself still signs: it may have been revoked since, or have come to its end.
    pub(crate) async fn still_signs(&self, key_id: &KeyId, now: UnixMillis) -> bool {
        let found = self.find(key_id.as_str()).await;
        found.is_known && found.value.terms.expires_at.is_none_or(|end| end > now)
    }

    /// The version of an account's inventory.
    pub(crate) async fn version(&self, account: AccountId) -> u64 {
        self.keys.follow(|| self.store.keys_version(), || self.read()).await;
        self.keys.table().versions.get(&account).copied().unwrap_or(0)
    }

    /// Reads the keys again although nobody said that they have changed.
    pub(crate) async fn reread(&self) -> Result<(), StoreError> {
        self.keys.reread(Duration::ZERO, || self.store.keys_version(), || self.read()).await
    }

    /// The keys that have signed since this was last asked, and when each did last.
    pub(crate) fn take_used(&self) -> Vec<(AccountId, KeyId, UnixMillis)> {
        let known = self.keys.table();
        let used = known.table.values().iter().map(|key| (key, key.used_at.swap(0, Ordering::Relaxed)));
        used.filter(|(_, at)| *at != 0).map(|(key, at)| (key.account, key.key_id.clone(), UnixMillis(at))).collect()
    }

    async fn read(&self) -> Result<Known, StoreError> {
        let known = self.keys.table();
        let all = self.store.all_keys().await?;
        let mut keys: Vec<_> = all.keys.into_iter().map(|key| self.cached(key, &known)).collect();
        // A secret that does not open now (its sealing key has been changed, and has not reached this relay) is known from
        // before: nobody is shut out for it.
        let kept = all.unopened.iter().map(|key_id| known.table.find(key_id.as_str())).filter(|found| found.is_known);
        keys.extend(kept.map(|found| found.value));
        let table = KeyTable::new(Arc::clone(&self.unknown), keys.into_iter().map(|key| (key.key_id.clone(), key)));
        Ok(Known { table, versions: all.versions })
    }

    /// Keeps what is known as long as nothing about it has changed, and its burst limit in any case: it must not begin anew.
    fn cached(&self, key: SigningKey, known: &Known) -> Arc<CachedKey> {
        let Found { value: before, is_known } = known.table.find(key.record.info.key_id.as_str());
        if is_known && before.is_still(&key) {
            return before;
        }
        let SigningKey { record, secret, previous, plan: plan_name } = key;
        let plan = self.store.settings().plans.get(&plan_name).cloned();
        let same_limits = is_known && before.plan_name == plan_name;
        Arc::new(CachedKey {
            secret: VerifyingSecret::new(&secret),
            previous: previous.as_ref().map_or_else(VerifyingSecret::dummy, VerifyingSecret::new),
            previous_ends_at: previous.and(record.info.previous_ends_at),
            rotation: record.info.rotation,
            burst: if same_limits { before.burst.clone() } else { plan.as_ref().and_then(Burst::of).map(Arc::new) },
            key_id: record.info.key_id,
            account: record.account,
            environment: record.info.environment,
            label: record.info.label,
            terms: record.info.terms,
            plan_name,
            plan,
            standing: Mutex::new(if is_known { before.last_standing() } else { None }),
            used_at: AtomicI64::new(if is_known { before.used_at.load(Ordering::Relaxed) } else { 0 }),
        })
    }
}

impl CachedKey {
    /// What unknown ids get: its secrets are known to nobody.
    fn that_signs_nothing() -> Self {
        Self {
            key_id: KeyId::generate(Environment::Live),
            account: AccountId::from_bytes([0; 16]),
            environment: Environment::Live,
            label: String::new(),
            terms: KeyTerms::default(),
            plan_name: String::new(),
            plan: None,
            secret: VerifyingSecret::dummy(),
            previous: VerifyingSecret::dummy(),
            previous_ends_at: None,
            rotation: 0,
            burst: None,
            standing: Mutex::default(),
            used_at: AtomicI64::new(0),
        }
    }

    /// Which of its secrets has signed this. A wrong signature takes as long whether or not the key was rotated.
    pub(crate) fn verify(&self, target: SignedTarget<'_>, headers: &CallerHeaders<'_>, body: &[u8], now: UnixMillis) -> Option<SignedWith> {
        if self.secret.verify(target, headers, body).is_ok() {
            return Some(SignedWith::Current);
        }
        let by_previous = self.previous.verify(target, headers, body).is_ok();
        self.previous_ends_at.filter(|end| by_previous && now < *end).map(SignedWith::Previous)
    }

    fn is_still(&self, key: &SigningKey) -> bool {
        let info = &key.record.info;
        let previous_ends_at = key.previous.as_ref().and(info.previous_ends_at);
        (self.plan_name == key.plan && self.label == info.label && self.terms == info.terms)
            && (self.rotation == info.rotation && self.previous_ends_at == previous_ends_at && self.account == key.record.account)
    }

    /// Notes that it has signed.
    pub(crate) fn note_use(&self, at: UnixMillis) {
        self.used_at.fetch_max(at.0, Ordering::Relaxed);
    }

    pub(crate) fn remember(&self, standing: Standing) {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner) = Some(standing);
    }

    pub(crate) fn last_standing(&self) -> Option<Standing> {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
