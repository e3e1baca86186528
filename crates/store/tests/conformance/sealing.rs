//! Sealing keys: a relay with the wrong ones is noticed, and they can be changed while relays run.

use domain::Plans;
use domain::audit::Actor;
use protocol::{Environment, KeyId, Secret};
use store::{KeyRotation, NewKeyRecord, Sealing, SealingKey, SealingRing, Settings, Store, StoreError, admin};

use crate::fixture::{Fixture, settings};
use crate::words::{NOW, after};

/// The key of every store that the fixture opens.
const FIRST: [u8; 32] = [7; 32];
const SECOND: [u8; 32] = [8; 32];

on_every_database! {
    async fn a_relay_with_other_sealing_keys_is_noticed_even_before_anything_was_sealed(fixture) {
        fixture.store.settle_sealing(NOW).await.unwrap();
        fixture.store.settle_sealing(NOW).await.unwrap();
        let other = with_keys(&fixture, &[SECOND]).await;
        let StoreError::Setup(why) = other.settle_sealing(NOW).await.unwrap_err() else { panic!() };
        let (wanted, held) = (SealingKey::new(&FIRST).generation().to_string(), SealingKey::new(&SECOND).generation().to_string());
        assert!(why.contains(&wanted) && why.contains(&held) && why.contains("sealing.key"), "{why}");
    }

    async fn a_relay_that_lacks_one_of_the_sealing_keys_is_noticed(fixture) {
        fixture.store.settle_sealing(NOW).await.unwrap();
        make(&fixture.store, &fixture, 1).await;
        // The database goes on with the second key, but one secret still wants the first.
        let both = with_keys(&fixture, &[FIRST, SECOND]).await;
        both.settle_sealing(NOW).await.unwrap();
        let url = fixture.database.url();
        let first_alone = ring(&[FIRST]);
        admin::reseal(&url, &ring(&[FIRST, SECOND]), NOW, |_| ()).await.unwrap();
        make(&both, &fixture, 1).await;
        let lacking = with_keys(&fixture, &[FIRST]).await;
        assert!(matches!(lacking.settle_sealing(NOW).await, Err(StoreError::Setup(_))));
        assert!(admin::reseal(&url, &first_alone, NOW, |_| ()).await.is_err(), "nor does it seal anew with an older one");
        assert!(matches!(lacking.insert_key(new_key(&fixture).0).await, Err(StoreError::Unavailable(_))), "nor seal with it");
        assert!(lacking.settings().sealing.lacks_a_key());
        assert_eq!(lacking.all_keys().await.unwrap().unopened.len(), 2);
        lacking.settings().sealing.replace(ring(&[FIRST, SECOND]));
        assert!(lacking.all_keys().await.unwrap().unopened.is_empty(), "until it has them");
        lacking.insert_key(new_key(&fixture).0).await.unwrap().done().unwrap();
    }

    async fn every_secret_is_sealed_anew_while_a_relay_runs(fixture) {
        fixture.store.settle_sealing(NOW).await.unwrap();
        let mut secrets = make(&fixture.store, &fixture, 230).await;
        let key_id = fixture.store.all_keys().await.unwrap().keys[0].record.info.key_id.clone();
        let newest = Secret::generate();
        let rotation = KeyRotation {
            account: fixture.account,
            key_id,
            secret: newest.clone(),
            rotation: 1,
            previous_ends_at: after(60),
            by: Actor::Machine,
            now: NOW,
        };
        fixture.store.rotate_key(rotation).await.unwrap().done().unwrap();
        secrets.push(newest.expose().to_owned());
        secrets.sort();

        let both = with_keys(&fixture, &[FIRST, SECOND]).await;
        let url = fixture.database.url();
        let mut steps = Vec::new();
        let done = admin::reseal(&url, &ring(&[FIRST, SECOND]), after(9), |resealed| steps.push(resealed)).await.unwrap();
        assert_eq!((done.current, done.resealed, done.unopened), (SealingKey::new(&SECOND).generation(), 230, vec![]));
        assert!(steps.len() > 3 && steps.is_sorted(), "in steps: {steps:?}");
        assert_eq!(all_secrets(&both).await, secrets);
        let status = admin::sealing_status(&url, &ring(&[SECOND])).await.unwrap();
        let told: Vec<_> = status.generations.iter().map(|one| (one.since, one.is_current, one.is_held, one.secrets)).collect();
        assert_eq!(told, [(Some(NOW), false, false, 0), (Some(after(9)), true, true, 230)]);
        let again = admin::reseal(&url, &ring(&[FIRST, SECOND]), after(9), |_| ()).await.unwrap();
        assert_eq!(again.resealed, 0, "again is harmless");

        let alone = with_keys(&fixture, &[SECOND]).await;
        alone.settle_sealing(NOW).await.unwrap();
        assert_eq!(all_secrets(&alone).await, secrets, "the old key is not needed any more");
    }
}

fn ring(keys: &[[u8; 32]]) -> SealingRing {
    SealingRing::new(keys.iter().map(SealingKey::new).collect()).unwrap()
}

async fn with_keys(fixture: &Fixture, keys: &[[u8; 32]]) -> Store {
    let settings = Settings { sealing: Sealing::new(ring(keys)), ..settings() };
    let store = Store::open_beside(&fixture.database.url(), settings).await.unwrap();
    store.ensure_account("default", Plans::UNLIMITED, NOW).await.unwrap();
    store
}

fn new_key(fixture: &Fixture) -> (NewKeyRecord, Secret) {
    let secret = Secret::generate();
    (NewKeyRecord::new(fixture.account, KeyId::generate(Environment::Live), secret.clone(), "sheet", Actor::Machine, NOW), secret)
}

async fn make(store: &Store, fixture: &Fixture, count: usize) -> Vec<String> {
    let mut secrets = Vec::new();
    for _ in 0..count {
        let (new, secret) = new_key(fixture);
        store.insert_key(new).await.unwrap().done().unwrap();
        secrets.push(secret.expose().to_owned());
    }
    secrets
}

/// Every secret that signs, old ones within their overlap included.
async fn all_secrets(store: &Store) -> Vec<String> {
    let all = store.all_keys().await.unwrap();
    let mut secrets: Vec<_> = all
        .keys
        .iter()
        .flat_map(|key| [Some(&key.secret), key.previous.as_ref()])
        .flatten()
        .map(|secret| secret.expose().to_owned())
        .collect();
    secrets.sort();
    secrets
}
