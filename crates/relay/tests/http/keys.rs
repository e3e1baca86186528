//! The API key inventory: keys are made on desktops, work at once, and stop working at once.

use protocol::key::{KeyInfo, KeyList};
use protocol::{Environment, KeyId, Secret};
use serde_json::json;

use crate::stage::{Key, NOW, Stage};
use crate::wire::refused;

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
