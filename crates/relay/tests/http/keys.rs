//! The API key inventory: keys are made on desktops, work at once, and stop working at once.

use std::time::Duration;

use domain::audit::Actor;
use protocol::device::PullAnswer;
use protocol::key::{KeyInfo, KeyList, Verified};
use protocol::{Environment, KeyId, Secret};
use serde_json::json;

use crate::console::rights::send_around;
use crate::desk::{of, pull, valid};
use crate::stage::{Key, NOW, Stage};
use crate::wire::{Connection, refused};

const KEYS: &str = "/api/device/keys";

fn new_key(stage: &Stage) -> Key {
    Key { id: KeyId::generate(Environment::Live), secret: Secret::generate(), account: stage.relay.account() }
}

fn message(key: &Key, label: &str) -> serde_json::Value {
    json!({"keyId": key.id, "secret": key.secret.expose(), "label": label})
}

#[tokio::test]
async fn a_key_that_a_desktop_has_made_signs_at_once() {
    let stage = Stage::new().await;
    let desk = stage.desk().await;
    let key = new_key(&stage);
    assert_eq!(stage.send(&stage.fetch_by(&key, "a")).await.refusal(), refused(401, "invalid_credentials"));
    let made = desk.send(&stage, KEYS, &message(&key, "sheet")).await;
    let info: KeyInfo = made.read(201);
    assert_eq!((&info.key_id, info.label.as_str(), info.environment), (&key.id, "sheet", Environment::Live));
    assert_eq!((info.created_at, info.revoked_at), (NOW, None));
    assert!(!made.text().contains(key.secret.expose()));
    assert_eq!(stage.send(&stage.fetch_by(&key, "a")).await.status, 202);
}

#[tokio::test]
async fn a_revoked_key_is_worth_nothing_at_once_and_stays_listed() {
    let stage = Stage::new().await;
    let desk = stage.desk().await;
    let key = new_key(&stage);
    desk.send(&stage, KEYS, &message(&key, "sheet")).await.read::<KeyInfo>(201);
    let waiting = stage.fetch_by(&key, "signed before");
    let path = format!("{KEYS}/{}/revoke", key.id);
    let revoked: KeyInfo = stage.send(&desk.signed_at(NOW, "POST", &path, b"")).await.read(200);
    assert_eq!(revoked.revoked_at, Some(NOW));
    assert_eq!(stage.send(&waiting).await.refusal(), refused(401, "invalid_credentials"));
    let listed = stage.send(&desk.signed_at(NOW, "GET", KEYS, b"")).await;
    assert!(!listed.text().contains("lps_"), "no secret is ever told");
    let listed: KeyList = listed.read(200);
    assert_eq!(listed.keys.iter().find(|known| known.key_id == key.id), Some(&revoked));
    assert_eq!(desk.send(&stage, KEYS, &message(&key, "sheet")).await.refusal(), refused(409, "key_exists"), "nothing brings it back");
    assert_eq!(stage.send(&desk.signed_at(NOW, "POST", &path, b"")).await.read::<KeyInfo>(200), revoked, "again is harmless");
}

#[tokio::test]
async fn a_message_that_was_begun_before_its_desktop_was_revoked_does_nothing() {
    for stage in [Stage::new().await, Stage::on_postgres().await] {
        let maker = stage.desk().await;
        let known = new_key(&stage);
        maker.send(&stage, KEYS, &message(&known, "sheet")).await.read::<KeyInfo>(201);
        let secret = Secret::generate();
        let messages = [
            (KEYS.to_owned(), message(&new_key(&stage), "mine for ever")),
            (format!("{KEYS}/{}/rename", known.id), json!({"label": "another"})),
            (format!("{KEYS}/{}/rotate", known.id), json!({"secret": secret.expose(), "rotation": 1, "overlapSeconds": 0})),
        ];
        for (path, message) in messages {
            let desk = stage.desk().await;
            let before = stage.relay.store().keys(stage.relay.account()).await.unwrap().1;
            let revoked = async {
                assert!(stage.relay.store().revoke_device(stage.relay.account(), desk.id, Actor::Machine, NOW).await.unwrap());
            };
            let answer = send_around(&stage, desk.post(&path, &message), revoked).await;
            assert_eq!(answer.refusal(), refused(401, "invalid_credentials"), "{path}");
            assert_eq!(stage.relay.store().keys(stage.relay.account()).await.unwrap().1, before, "{path}");
            let again = maker.send(&stage, &path, &message).await;
            assert!(again.status < 300, "{path} would have done something: {}", again.text());
        }
    }
}

#[tokio::test]
async fn a_key_that_is_revoked_while_it_waits_for_a_job_is_not_told_how_it_ended() {
    let stage = Stage::new().await;
    let desk = stage.desk().await;
    let key = new_key(&stage);
    desk.send(&stage, KEYS, &message(&key, "sheet")).await.read::<KeyInfo>(201);
    let job: protocol::Job = stage.send(&stage.fetch_by(&key, "a")).await.read(202);
    let leased = desk.pull(&stage, 1).await.remove(0);
    let mut waiting = Connection::open(stage.address()).await;
    let wait = stage.signed_by(&key, "GET", &format!("/api/links/jobs/{}?wait=50", job.job_id), b"");
    waiting.write(&wait.to_bytes()).await.unwrap();
    stage.get_known(&desk).await;
    stage.send(&desk.signed_at(NOW, "POST", &format!("{KEYS}/{}/revoke", key.id), b"")).await.read::<KeyInfo>(200);
    assert_eq!(desk.report(&stage, vec![of(&leased, valid())]).await, ["applied"]);
    assert_eq!(waiting.answer().await.refusal(), refused(401, "invalid_credentials"));
}

#[tokio::test]
async fn keys_that_work_do_not_stop_when_others_change() {
    let stage = Stage::new().await;
    let desk = stage.desk().await;
    for number in 0..5 {
        let key = new_key(&stage);
        desk.send(&stage, KEYS, &message(&key, "sheet")).await.read::<KeyInfo>(201);
        stage.send(&desk.signed_at(NOW, "POST", &format!("{KEYS}/{}/revoke", key.id), b"")).await.read::<KeyInfo>(200);
        assert_eq!(stage.send(&stage.fetch(&format!("offer-{number}"))).await.status, 202);
    }
}

#[tokio::test]
async fn the_same_key_again_is_harmless_and_another_secret_is_refused() {
    let stage = Stage::new().await;
    let desk = stage.desk().await;
    let key = new_key(&stage);
    for _ in 0..2 {
        desk.send(&stage, KEYS, &message(&key, "sheet")).await.read::<KeyInfo>(201);
    }
    let other = Key { secret: Secret::generate(), ..key.clone() };
    assert_eq!(desk.send(&stage, KEYS, &message(&other, "sheet")).await.refusal(), refused(409, "key_exists"));
    assert_eq!(stage.send(&stage.fetch_by(&key, "a")).await.status, 202);
}

#[tokio::test]
async fn a_key_off_its_rules_is_refused() {
    let stage = Stage::new().await;
    let desk = stage.desk().await;
    let key = new_key(&stage);
    for (member, value) in [
        ("keyId", json!("lp_live_short")),
        ("secret", json!("short")),
        ("secret", json!("a".repeat(257))),
        ("label", json!("")),
        ("label", json!("a\nb")),
        ("label", json!("a".repeat(101))),
        ("plan", json!("unlimited")),
        ("scopes", json!([])),
        ("scopes", json!(["admin"])),
        ("addresses", json!(["192.0.2.1/24"])),
        ("addresses", json!(vec!["192.0.2.0/24"; 33])),
        ("expiresAt", json!(NOW)),
    ] {
        let mut message = message(&key, "sheet");
        message[member] = value.clone();
        let answer = desk.send(&stage, KEYS, &message).await;
        assert_eq!(answer.refusal(), refused(422, "invalid_payload"), "{member}: {value}");
        assert!(!answer.text().contains(key.secret.expose()));
    }
}

#[tokio::test]
async fn another_account_s_keys_are_not_there() {
    let stage = Stage::new().await;
    let stranger = stage.key_on("metered").await;
    let desk = stage.desk_of(stranger.account).await;
    let path = format!("{KEYS}/{}/revoke", stage.key.id);
    assert_eq!(stage.send(&desk.signed_at(NOW, "POST", &path, b"")).await.refusal(), refused(404, "not_found"));
    let nonsense = format!("{KEYS}/nonsense/revoke");
    assert_eq!(stage.send(&desk.signed_at(NOW, "POST", &nonsense, b"")).await.refusal(), refused(404, "not_found"));
    let listed: KeyList = stage.send(&desk.signed_at(NOW, "GET", KEYS, b"")).await.read(200);
    assert_eq!(listed.keys.iter().map(|key| &key.key_id).collect::<Vec<_>>(), [&stranger.id]);
    assert_eq!(stage.send(&stage.fetch("a")).await.status, 202);
}

/// A key that a desktop has handed in with these members beside the usual ones.
async fn key_with(stage: &Stage, members: serde_json::Value) -> Key {
    let key = new_key(stage);
    let mut message = message(&key, "sheet");
    message.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    stage.desk().await.send(stage, KEYS, &message).await.read::<KeyInfo>(201);
    key
}

#[tokio::test]
async fn a_key_may_do_what_its_scopes_say_and_nothing_else() {
    let stage = Stage::new().await;
    let job = stage.job("a").await;
    let (one, all) = (format!("/api/links/jobs/{}", job.job_id), "/api/links/jobs");
    for (scopes, submits, reads, cancels) in [
        (json!(["submit"]), true, false, false),
        (json!(["read"]), false, true, false),
        (json!(["cancel"]), false, false, true),
        (json!(["read", "submit"]), true, true, false),
    ] {
        let key = key_with(&stage, json!({"scopes": scopes})).await;
        let signed = |method, path| stage.signed_by(&key, method, path, b"");
        let batch = json!({"jobs": [crate::stage::payload("b")]}).to_string();
        for (request, allowed, needed) in [
            (stage.fetch_by(&key, "a"), submits, "submit"),
            (stage.signed_by(&key, "POST", "/api/links/fetch/batch", batch.as_bytes()), submits, "submit"),
            (signed("GET", &one), reads, "read"),
            (signed("GET", all), reads, "read"),
            (signed("GET", "/api/rows"), reads, "read"),
            (signed("GET", "/api/rows/platform_api/a"), reads, "read"),
            (signed("DELETE", &one), cancels, "cancel"),
            (signed("GET", "/api/links/verify"), true, ""),
        ] {
            let answer = stage.send(&request).await;
            if allowed {
                assert!(answer.status < 300, "{scopes}: {needed}: {}", answer.text());
            } else {
                assert_eq!(answer.refusal(), refused(403, "insufficient_scope"), "{scopes}: {needed}");
                assert_eq!(answer.json()["needed"], needed);
            }
        }
    }
}

#[tokio::test]
async fn a_key_is_worth_nothing_from_another_address_or_after_its_end() {
    let stage = Stage::new().await;
    let nowhere = key_with(&stage, json!({"addresses": ["192.0.2.0/24", "::/0"]})).await;
    let here = key_with(&stage, json!({"addresses": ["192.0.2.0/24", "127.0.0.0/8"]})).await;
    let ends = key_with(&stage, json!({"expiresAt": NOW.plus_seconds(60)})).await;
    // In whatever way a key is not valid, its caller hears the same.
    let refusal = |answer: &crate::wire::Answer| {
        let mut problem = answer.json();
        problem.as_object_mut().unwrap().remove("requestId");
        (answer.status, problem)
    };
    let wrong = refusal(&stage.send(&stage.fetch("a").with(protocol::signature::SIGNATURE_HEADER, "0".repeat(64))).await);
    assert_eq!(wrong.0, 401);
    assert_eq!(refusal(&stage.send(&stage.fetch_by(&nowhere, "a")).await), wrong);
    assert_eq!(stage.send(&stage.fetch_by(&here, "a")).await.status, 202);
    assert_eq!(stage.send(&stage.fetch_by(&ends, "b")).await.status, 202);
    stage.clock.set(NOW.plus_seconds(60));
    assert_eq!(refusal(&stage.send(&stage.fetch_by(&ends, "a")).await), wrong);
}

#[tokio::test]
async fn a_rotated_key_signs_with_both_secrets_for_as_long_as_was_asked() {
    let stage = Stage::new().await;
    let desk = stage.desk().await;
    let old = key_with(&stage, json!({})).await;
    let new = Key { secret: Secret::generate(), ..old.clone() };
    let path = format!("{KEYS}/{}/rotate", old.id);
    let rotate = |secret: &Secret, rotation, overlap| json!({"secret": secret.expose(), "rotation": rotation, "overlapSeconds": overlap});
    let answer = desk.send(&stage, &path, &rotate(&new.secret, 1, 60)).await;
    assert!(!answer.text().contains("lps_"), "no secret is ever told");
    let rotated: KeyInfo = answer.read(200);
    assert_eq!((rotated.rotation, rotated.previous_ends_at), (1, Some(NOW.plus_seconds(60))));
    assert_eq!(desk.send(&stage, &path, &rotate(&new.secret, 1, 60)).await.read::<KeyInfo>(200), rotated, "again is harmless");
    assert_eq!(desk.send(&stage, &path, &rotate(&Secret::generate(), 1, 60)).await.refusal(), refused(409, "key_changed"));
    assert_eq!(desk.send(&stage, &path, &rotate(&Secret::generate(), 2, 31 * 86_400 + 1)).await.refusal(), refused(422, "invalid_payload"));

    let verified = async |key: &Key| stage.send(&stage.signed_by(key, "GET", "/api/links/verify", b"")).await;
    assert_eq!(verified(&new).await.read::<Verified>(200).secret_ends_at, None);
    assert_eq!(verified(&old).await.read::<Verified>(200).secret_ends_at, Some(NOW.plus_seconds(60)));
    stage.clock.set(NOW.plus_seconds(59));
    assert_eq!(verified(&old).await.status, 200);
    stage.clock.set(NOW.plus_seconds(60));
    assert_eq!(verified(&old).await.refusal(), refused(401, "invalid_credentials"));
    assert_eq!(verified(&new).await.status, 200);
}

#[tokio::test]
async fn a_desktop_hears_with_its_pulls_that_the_keys_have_changed() {
    let stage = Stage::new().await;
    let (desk, other) = (stage.desk().await, stage.desk().await);
    let version = async || stage.send(&other.pull_request(&pull(0))).await.read::<PullAnswer>(200).keys_version.unwrap();
    let mut known = version().await;
    let key = new_key(&stage);
    for (path, message) in [
        (KEYS.to_owned(), message(&key, "sheet")),
        (format!("{KEYS}/{}/rename", key.id), json!({"label": "other"})),
        (format!("{KEYS}/{}/revoke", key.id), json!({})),
    ] {
        assert!(desk.send(&stage, &path, &message).await.status < 300);
        let now = version().await;
        assert!(now > known, "{path}");
        known = now;
        let listed: KeyList = stage.send(&other.signed_at(NOW, "GET", KEYS, b"")).await.read(200);
        assert_eq!(listed.version, known);
    }
    assert_eq!(version().await, known);
}

#[tokio::test]
async fn when_a_key_was_last_used_is_written_down() {
    let stage = Stage::with(|config| config.key_use_interval = Duration::from_millis(5)).await;
    let desk = stage.desk().await;
    let listed = async || {
        let listed: KeyList = stage.send(&desk.signed_at(stage.now(), "GET", KEYS, b"")).await.read(200);
        listed.keys.into_iter().find(|key| key.key_id == stage.key.id).unwrap().last_used_at
    };
    assert_eq!(listed().await, None);
    stage.send(&stage.fetch("a").with(protocol::signature::SIGNATURE_HEADER, "0".repeat(64))).await;
    stage.job("b").await;
    let began = std::time::Instant::now();
    while listed().await != Some(NOW) {
        assert!(began.elapsed() < Duration::from_secs(20), "it was never written down");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_label_can_be_changed_and_follows_the_rules_of_labels() {
    let stage = Stage::new().await;
    let desk = stage.desk().await;
    let path = format!("{KEYS}/{}/rename", stage.key.id);
    assert_eq!(desk.send(&stage, &path, &json!({"label": "night shift"})).await.read::<KeyInfo>(200).label, "night shift");
    for label in ["", "a\nb"] {
        assert_eq!(desk.send(&stage, &path, &json!({ "label": label })).await.refusal(), refused(422, "invalid_payload"));
    }
    let verified: Verified = stage.send(&stage.get("/api/links/verify")).await.read(200);
    assert_eq!(verified.label, "night shift");
}
