//! API keys: stored sealed, rotated with both secrets for a while, revoked for good.

use domain::audit::Actor;
use protocol::key::{KeyTerms, Scope, Scopes};
use protocol::{AccountId, Environment, KeyId, Secret, UnixMillis};
use store::{KeyChange, KeyRecord, KeyRotation, NewKeyRecord};

use crate::fixture::Fixture;
use crate::words::{NOW, after};

on_every_database! {
    async fn a_key_is_stored_and_its_secret_opens(fixture) {
        let (new, key_id, secret) = key(fixture.account, Environment::Test);
        let device = fixture.device().await;
        let (by, made_by) = (Actor::Device(device), Some(device));
        let terms = KeyTerms {
            scopes: Scopes::of(&[Scope::Read]).unwrap(),
            addresses: vec!["192.0.2.0/24".parse().unwrap(), "2001:db8::7".parse().unwrap()],
            expires_at: Some(after(60)),
        };
        let stored = done(fixture.store.insert_key(NewKeyRecord { terms: terms.clone(), by, ..new }).await.unwrap());
        let all = fixture.store.all_keys().await.unwrap();
        let [signing] = &all.keys[..] else { panic!() };
        assert_eq!((&signing.record, signing.secret.expose(), signing.plan.as_str()), (&stored, secret.expose(), "unlimited"));
        let KeyRecord { account, info } = stored;
        assert_eq!((account, &info.key_id, info.environment), (fixture.account, &key_id, Environment::Test));
        assert_eq!((info.label.as_str(), info.terms, info.made_by, info.created_at), ("sheet", terms, made_by, NOW));
        assert_eq!((info.revoked_at, info.last_used_at, info.rotation, info.previous_ends_at), (None, None, 0, None));
    }

    async fn the_very_same_key_again_is_harmless(fixture) {
        let (new, key_id, secret) = key(fixture.account, Environment::Live);
        done(fixture.store.insert_key(new).await.unwrap());
        let version = version(&fixture).await;
        done(fixture.store.insert_key(again(fixture.account, &key_id, &secret)).await.unwrap());
        assert_eq!((keys(&fixture).await.len(), self::version(&fixture).await), (1, version));
    }

    async fn a_taken_id_is_refused_to_another_secret_and_to_another_account(fixture) {
        let other = fixture.account_on("ten_a_month").await;
        let (new, key_id, secret) = key(fixture.account, Environment::Live);
        done(fixture.store.insert_key(new).await.unwrap());
        assert_eq!(fixture.store.insert_key(again(fixture.account, &key_id, &Secret::generate())).await.unwrap(), KeyChange::Taken);
        assert_eq!(fixture.store.insert_key(again(other, &key_id, &secret)).await.unwrap(), KeyChange::Taken);
        assert_eq!(secrets(&fixture).await, [(secret.expose().to_owned(), None)]);
        assert_eq!(fixture.store.keys(other).await.unwrap(), (0, vec![]));
    }

    async fn a_revoked_key_stays_listed_and_cannot_come_back(fixture) {
        let (new, key_id, secret) = key(fixture.account, Environment::Live);
        done(fixture.store.insert_key(new).await.unwrap());
        let revoked = done(fixture.store.revoke_key(fixture.account, key_id.clone(), Actor::Machine, after(5)).await.unwrap());
        assert_eq!(revoked.info.revoked_at, Some(after(5)));
        let again_revoked = done(fixture.store.revoke_key(fixture.account, key_id.clone(), Actor::Machine, after(9)).await.unwrap());
        assert_eq!(again_revoked, revoked, "again is harmless");
        assert_eq!(fixture.store.insert_key(again(fixture.account, &key_id, &secret)).await.unwrap(), KeyChange::Taken);
        assert_eq!(fixture.store.rotate_key(rotation(&fixture, &key_id, &secret, 1, 60)).await.unwrap(), KeyChange::Changed);
        assert_eq!(keys(&fixture).await, [revoked]);
        assert_eq!(secrets(&fixture).await, []);
    }

    async fn a_key_that_is_not_the_account_s_cannot_be_changed(fixture) {
        let other = fixture.account_on("ten_a_month").await;
        let (new, key_id, secret) = key(fixture.account, Environment::Live);
        let stored = done(fixture.store.insert_key(new).await.unwrap());
        let nobody = KeyId::generate(Environment::Live);
        for (account, key_id) in [(other, key_id), (fixture.account, nobody)] {
            assert_eq!(fixture.store.revoke_key(account, key_id.clone(), Actor::Machine, NOW).await.unwrap(), KeyChange::Unknown);
            assert_eq!(fixture.store.rename_key((account, key_id.clone()), "mine".to_owned(), Actor::Machine, NOW).await.unwrap(), KeyChange::Unknown);
            let rotation = KeyRotation { account, ..rotation(&fixture, &key_id, &secret, 1, 60) };
            assert_eq!(fixture.store.rotate_key(rotation).await.unwrap(), KeyChange::Unknown);
        }
        assert_eq!(keys(&fixture).await, [stored]);
    }

    async fn a_rotated_key_signs_with_both_secrets_until_the_overlap_is_over(fixture) {
        let (new, key_id, old) = key(fixture.account, Environment::Live);
        done(fixture.store.insert_key(new).await.unwrap());
        let newer = Secret::generate();
        let rotated = done(fixture.store.rotate_key(rotation(&fixture, &key_id, &newer, 1, 60)).await.unwrap());
        assert_eq!((rotated.info.rotation, rotated.info.previous_ends_at), (1, Some(after(60))));
        let both = (newer.expose().to_owned(), Some(old.expose().to_owned()));
        assert_eq!(secrets(&fixture).await, std::slice::from_ref(&both));
        assert_eq!(done(fixture.store.rotate_key(rotation(&fixture, &key_id, &newer, 1, 60)).await.unwrap()), rotated, "again is harmless");
        assert_eq!(fixture.store.rotate_key(rotation(&fixture, &key_id, &Secret::generate(), 1, 60)).await.unwrap(), KeyChange::Changed);
        assert_eq!(fixture.store.rotate_key(rotation(&fixture, &key_id, &old, 3, 60)).await.unwrap(), KeyChange::Changed);
        assert_eq!(secrets(&fixture).await, [both]);
        fixture.store.note_keys_used(vec![], after(60)).await.unwrap();
        assert_eq!(secrets(&fixture).await, [(newer.expose().to_owned(), None)]);
        assert_eq!(keys(&fixture).await[0].info.previous_ends_at, Some(after(60)), "when it stopped stays known");
    }

    async fn only_the_last_secret_but_one_signs_beside_the_present_one(fixture) {
        let (new, key_id, _) = key(fixture.account, Environment::Live);
        done(fixture.store.insert_key(new).await.unwrap());
        let (second, third, fourth) = (Secret::generate(), Secret::generate(), Secret::generate());
        done(fixture.store.rotate_key(rotation(&fixture, &key_id, &second, 1, 60)).await.unwrap());
        done(fixture.store.rotate_key(rotation(&fixture, &key_id, &third, 2, 60)).await.unwrap());
        assert_eq!(secrets(&fixture).await, [(third.expose().to_owned(), Some(second.expose().to_owned()))]);
        done(fixture.store.rotate_key(rotation(&fixture, &key_id, &fourth, 3, 0)).await.unwrap());
        assert_eq!(secrets(&fixture).await, [(fourth.expose().to_owned(), None)], "without an overlap the old one stops at once");
    }

    async fn two_who_rotate_at_once_do_not_both_win(fixture) {
        let (new, key_id, _) = key(fixture.account, Environment::Live);
        done(fixture.store.insert_key(new).await.unwrap());
        let other_relay = fixture.another_relay().await;
        let (one, other) = (Secret::generate(), Secret::generate());
        let (one, other) = tokio::join!(
            fixture.store.rotate_key(rotation(&fixture, &key_id, &one, 1, 60)),
            other_relay.rotate_key(rotation(&fixture, &key_id, &other, 1, 60)),
        );
        let won = [one.unwrap(), other.unwrap()].into_iter().filter(|change| *change != KeyChange::Changed).count();
        assert_eq!((won, keys(&fixture).await[0].info.rotation), (1, 1));
    }

    async fn a_key_gets_another_label(fixture) {
        let (new, key_id, _) = key(fixture.account, Environment::Live);
        done(fixture.store.insert_key(new).await.unwrap());
        let renamed = done(fixture.store.rename_key((fixture.account, key_id), "night shift".to_owned(), Actor::Machine, NOW).await.unwrap());
        assert_eq!((renamed.info.label.as_str(), keys(&fixture).await), ("night shift", vec![renamed.clone()]));
    }

    async fn when_a_key_was_used_is_noted_at_most_once_a_minute(fixture) {
        let mut ids = Vec::new();
        for seconds in 0..3 {
            let (new, key_id, _) = key(fixture.account, Environment::Live);
            done(fixture.store.insert_key(NewKeyRecord { now: after(-seconds), ..new }).await.unwrap());
            ids.push(key_id);
        }
        let version = version(&fixture).await;
        for (at, used, expected) in [
            (10, &ids[..2], [Some(10), Some(10), None]),
            (69, &ids[..1], [Some(10), Some(10), None]),
            (70, &ids[..], [Some(70), Some(70), Some(70)]),
            (60, &ids[..], [Some(70), Some(70), Some(70)]),
        ] {
            let used = used.iter().map(|key_id| (fixture.account, key_id.clone(), after(at))).collect();
            fixture.store.note_keys_used(used, after(at)).await.unwrap();
            let noted: Vec<_> = keys(&fixture).await.iter().map(|key| key.info.last_used_at).collect();
            assert_eq!(noted, expected.map(|seconds| seconds.map(after)));
        }
        assert_eq!(self::version(&fixture).await, version, "no desktop has to look for that");
    }

    async fn the_newest_key_is_listed_first(fixture) {
        for seconds in 0..3 {
            let (new, ..) = key(fixture.account, Environment::Live);
            done(fixture.store.insert_key(NewKeyRecord { now: after(seconds), ..new }).await.unwrap());
        }
        let listed: Vec<_> = keys(&fixture).await.iter().map(|key| key.info.created_at).collect();
        assert_eq!(listed, [after(2), after(1), NOW]);
    }

    async fn every_change_of_keys_or_plans_is_noticed(fixture) {
        let mut seen = fixture.store.keys_version();
        let (new, key_id, _) = key(fixture.account, Environment::Live);
        done(fixture.store.insert_key(new).await.unwrap());
        assert_changed(&fixture, &mut seen);
        fixture.store.set_plan(fixture.account, "ten_a_month", Actor::Machine, NOW).await.unwrap();
        assert_changed(&fixture, &mut seen);
        assert_eq!(fixture.store.all_keys().await.unwrap().keys[0].plan, "ten_a_month");
        done(fixture.store.rotate_key(rotation(&fixture, &key_id, &Secret::generate(), 1, 60)).await.unwrap());
        assert_changed(&fixture, &mut seen);
        done(fixture.store.rename_key((fixture.account, key_id.clone()), "other".to_owned(), Actor::Machine, NOW).await.unwrap());
        assert_changed(&fixture, &mut seen);
        done(fixture.store.revoke_key(fixture.account, key_id, Actor::Machine, NOW).await.unwrap());
        assert_changed(&fixture, &mut seen);
        fixture.job("a").await;
        assert_eq!(fixture.store.keys_version(), seen, "an admission changes no key");
        assert_eq!(version(&fixture).await, 4, "made, rotated, renamed, revoked");
        let other = fixture.account_on("ten_a_month").await;
        assert_eq!(fixture.store.keys(other).await.unwrap().0, 0, "and each account has a version of its own");
        assert_eq!(fixture.store.all_keys().await.unwrap().versions.get(&fixture.account), Some(&4));
    }

    async fn keys_survive_a_restart(fixture) {
        let mut fixture = fixture;
        let (new, _, secret) = key(fixture.account, Environment::Live);
        done(fixture.store.insert_key(new).await.unwrap());
        fixture.restart().await;
        assert_eq!(secrets(&fixture).await, [(secret.expose().to_owned(), None)]);
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
    NewKeyRecord::new(account, key_id.clone(), secret.clone(), "sheet", Actor::Machine, NOW)
}

fn rotation(fixture: &Fixture, key_id: &KeyId, secret: &Secret, rotation: u32, overlap_seconds: i64) -> KeyRotation {
    let previous_ends_at: UnixMillis = after(overlap_seconds);
    KeyRotation {
        account: fixture.account,
        key_id: key_id.clone(),
        secret: secret.clone(),
        rotation,
        previous_ends_at,
        by: Actor::Machine,
        now: NOW,
    }
}

fn done(change: KeyChange) -> KeyRecord {
    match change {
        KeyChange::Done(record) => *record,
        other => panic!("not done but {other:?}"),
    }
}

async fn keys(fixture: &Fixture) -> Vec<KeyRecord> {
    fixture.store.keys(fixture.account).await.unwrap().1
}

async fn version(fixture: &Fixture) -> u64 {
    fixture.store.keys(fixture.account).await.unwrap().0
}

/// The secrets that sign: of each key the present one, and the one before it.
async fn secrets(fixture: &Fixture) -> Vec<(String, Option<String>)> {
    let all = fixture.store.all_keys().await.unwrap();
    assert!(all.unopened.is_empty());
    let text = |secret: &Secret| secret.expose().to_owned();
    all.keys.iter().map(|key| (text(&key.secret), key.previous.as_ref().map(text))).collect()
}

fn assert_changed(fixture: &Fixture, version: &mut u64) {
    assert!(fixture.store.keys_version() > *version);
    *version = fixture.store.keys_version();
}
