//! API keys: stored sealed, revoked for good.

use domain::audit::Actor;
use protocol::{AccountId, Environment, KeyId, Secret};
use store::NewKeyRecord;

use crate::fixture::Fixture;
use crate::words::{NOW, after};

on_every_database! {
    async fn a_key_is_stored_and_its_secret_opens(fixture) {
        let (new, key_id, secret) = key(fixture.account, Environment::Test);
        assert!(fixture.store.insert_key(new).await.unwrap());
        let [stored] = &fixture.store.all_keys().await.unwrap()[..] else { panic!() };
        assert_eq!((stored.account, &stored.key_id, stored.environment), (fixture.account, &key_id, Environment::Test));
        assert_eq!((stored.secret.expose(), stored.label.as_str()), (secret.expose(), "sheet"));
        assert_eq!((stored.created_at, stored.revoked_at, stored.plan.as_str()), (NOW, None, "unlimited"));
    }

    async fn the_very_same_key_again_is_harmless(fixture) {
        let (new, key_id, secret) = key(fixture.account, Environment::Live);
        assert!(fixture.store.insert_key(new).await.unwrap());
        assert!(fixture.store.insert_key(again(fixture.account, &key_id, &secret)).await.unwrap());
        assert_eq!(fixture.store.keys(fixture.account).await.unwrap().len(), 1);
    }

    async fn a_taken_id_is_refused_to_another_secret_and_to_another_account(fixture) {
        let other = fixture.account_on("ten_a_month").await;
        let (new, key_id, secret) = key(fixture.account, Environment::Live);
        assert!(fixture.store.insert_key(new).await.unwrap());
        assert!(!fixture.store.insert_key(again(fixture.account, &key_id, &Secret::generate())).await.unwrap());
        assert!(!fixture.store.insert_key(again(other, &key_id, &secret)).await.unwrap());
        assert_eq!(fixture.store.all_keys().await.unwrap()[0].secret.expose(), secret.expose());
        assert_eq!(fixture.store.keys(other).await.unwrap().len(), 0);
    }

    async fn a_revoked_key_stays_listed_and_cannot_come_back(fixture) {
        let (new, key_id, secret) = key(fixture.account, Environment::Live);
        fixture.store.insert_key(new).await.unwrap();
        assert!(fixture.store.revoke_key(fixture.account, key_id.clone(), Actor::Machine, after(5)).await.unwrap());
        assert_eq!(fixture.store.keys(fixture.account).await.unwrap()[0].revoked_at, Some(after(5)));
        assert!(fixture.store.revoke_key(fixture.account, key_id.clone(), Actor::Machine, after(9)).await.unwrap(), "again is harmless");
        assert_eq!(fixture.store.keys(fixture.account).await.unwrap()[0].revoked_at, Some(after(5)));
        assert!(!fixture.store.insert_key(again(fixture.account, &key_id, &secret)).await.unwrap());
        assert_eq!(fixture.store.keys(fixture.account).await.unwrap()[0].revoked_at, Some(after(5)));
    }

    async fn a_key_that_is_not_the_account_s_cannot_be_revoked(fixture) {
        let other = fixture.account_on("ten_a_month").await;
        let (new, key_id, _) = key(fixture.account, Environment::Live);
        fixture.store.insert_key(new).await.unwrap();
        assert!(!fixture.store.revoke_key(other, key_id, Actor::Machine, NOW).await.unwrap());
        assert!(!fixture.store.revoke_key(fixture.account, KeyId::generate(Environment::Live), Actor::Machine, NOW).await.unwrap());
        assert_eq!(fixture.store.keys(fixture.account).await.unwrap()[0].revoked_at, None);
    }

    async fn the_newest_key_is_listed_first(fixture) {
        for seconds in 0..3 {
            let (new, ..) = key(fixture.account, Environment::Live);
            fixture.store.insert_key(NewKeyRecord { now: after(seconds), ..new }).await.unwrap();
        }
        let listed: Vec<_> = fixture.store.keys(fixture.account).await.unwrap().iter().map(|key| key.created_at).collect();
        assert_eq!(listed, [after(2), after(1), NOW]);
    }

    async fn every_change_of_keys_or_plans_is_noticed(fixture) {
        let mut version = fixture.store.keys_version();
        let (new, key_id, _) = key(fixture.account, Environment::Live);
        fixture.store.insert_key(new).await.unwrap();
        assert_changed(&fixture, &mut version);
        fixture.store.set_plan(fixture.account, "ten_a_month", Actor::Machine, NOW).await.unwrap();
        assert_changed(&fixture, &mut version);
        assert_eq!(fixture.store.all_keys().await.unwrap()[0].plan, "ten_a_month");
        fixture.store.revoke_key(fixture.account, key_id, Actor::Machine, NOW).await.unwrap();
        assert_changed(&fixture, &mut version);
        fixture.job("a").await;
        assert_eq!(fixture.store.keys_version(), version, "an admission changes no key");
    }

    async fn keys_survive_a_restart(fixture) {
        let mut fixture = fixture;
        let (new, _, secret) = key(fixture.account, Environment::Live);
        fixture.store.insert_key(new).await.unwrap();
        fixture.restart().await;
        assert_eq!(fixture.store.all_keys().await.unwrap()[0].secret.expose(), secret.expose());
    }

    async fn an_account_is_made_once(fixture) {
        let again = fixture.store.ensure_account("default", "ten_a_month", after(5)).await.unwrap();
        assert_eq!((again.id, again.plan.as_str()), (fixture.account, "unlimited"), "as it was made first");
    }
}

fn key(account: AccountId, environment: Environment) -> (NewKeyRecord, KeyId, Secret) {
    let (key_id, secret) = (KeyId::generate(environment), Secret::generate());
    (again(account, &key_id, &secret), key_id, secret)
}

fn again(account: AccountId, key_id: &KeyId, secret: &Secret) -> NewKeyRecord {
    NewKeyRecord { account, key_id: key_id.clone(), label: "sheet".to_owned(), secret: secret.clone(), by: Actor::Machine, now: NOW }
}

fn assert_changed(fixture: &Fixture, version: &mut u64) {
    assert!(fixture.store.keys_version() > *version);
    *version = fixture.store.keys_version();
}
