//! The order of the checks: a request that is wrong in every way is told of one wrong after the other, as each is mended.

use domain::audit::Actor;
use protocol::signature::{KEY_HEADER, SIGNATURE_HEADER};

use crate::stage::{NOW, Stage, payload};
use crate::wire::{Connection, refused};

const FETCH: &str = "/api/links/fetch";

#[tokio::test]
async fn header_grammar_comes_before_media_type_and_size_and_those_before_the_key_is_looked_up() {
    let stage = Stage::new().await;
    let oversize = vec![b' '; 65 * 1_024];
    let worst = stage.fetch_of(&oversize).without(KEY_HEADER).with("Content-Type", "text/plain").with(SIGNATURE_HEADER, "0".repeat(64));
    assert_eq!(stage.send(&worst).await.refusal(), refused(401, "missing_header"));
    let known_header = worst.with(KEY_HEADER, "not a key id");
    assert_eq!(stage.send(&known_header).await.refusal(), refused(401, "malformed_header"));
    let grammatical = known_header.with(KEY_HEADER, "lp_live_00000000000000000000");
    assert_eq!(stage.send(&grammatical).await.refusal(), refused(415, "unsupported_media_type"));
    let json = grammatical.with("Content-Type", "application/json");
    assert_eq!(stage.send(&json).await.refusal(), refused(413, "body_too_large"));
    let small = json.body("not JSON");
    assert_eq!(stage.send(&small).await.refusal(), refused(401, "invalid_credentials"));
}

#[tokio::test]
async fn the_signature_comes_before_freshness_and_both_before_anything_is_parsed() {
    let stage = Stage::new().await;
    let stale = stage.signed_at(&stage.key, NOW.plus_seconds(-301), &stage.fresh_nonce(), ("POST", FETCH, b"not JSON"));
    assert_eq!(stage.send(&stale.clone().with(SIGNATURE_HEADER, "0".repeat(64))).await.refusal(), refused(401, "invalid_credentials"));
    assert_eq!(stage.send(&stale).await.refusal(), refused(401, "stale_timestamp"));
    assert_eq!(stage.send(&stage.fetch_of(b"not JSON")).await.refusal(), refused(400, "malformed_json"));
    assert_eq!(stage.send(&stage.fetch_of(b"{}")).await.refusal(), refused(422, "invalid_payload"));
}

#[tokio::test]
async fn the_rate_limit_comes_after_freshness_and_before_parsing() {
    let stage = Stage::new().await;
    let key = stage.key_on("slow").await;
    let mut connection = Connection::open(stage.address()).await;
    let mut codes = Vec::new();
    // Two may come at once, and one more each second: a few hundred in a row cannot all pass.
    while codes.len() < 500 && !codes.contains(&"rate_limited".to_owned()) {
        codes.push(connection.send(&stage.signed_by(&key, "POST", FETCH, b"not JSON")).await.refusal().1);
    }
    let limited = codes.pop().unwrap();
    assert_eq!(limited, "rate_limited", "after {} requests", codes.len());
    assert!(codes.len() >= 2 && codes.iter().all(|code| code == "malformed_json"), "{codes:?}");
    let stale = stage.signed_at(&key, NOW.plus_seconds(-301), &stage.fresh_nonce(), ("POST", FETCH, b"not JSON"));
    assert_eq!(connection.send(&stale).await.refusal(), refused(401, "stale_timestamp"), "a stale one takes nothing");
}

#[tokio::test]
async fn nonce_then_idempotency_then_plan_then_quota_then_backlog() {
    let stage = Stage::new().await;
    let key = stage.key_on("ten_a_month").await;
    let store = stage.relay.store();
    for number in 0..10 {
        assert_eq!(stage.send(&stage.fetch_by(&key, &format!("offer-{number}"))).await.status, 202);
    }
    store.set_plan(key.account, "shell_only", Actor::Machine, NOW).await.unwrap();
    let mut other = payload("offer-0");
    other["trackingUrl"] = "https://trk.example/other".into();
    let other = stage.signed_by(&key, "POST", FETCH, other.to_string().as_bytes());
    assert_eq!(stage.send(&other).await.refusal(), refused(422, "idempotency_mismatch"));
    assert_eq!(stage.send(&other).await.refusal(), refused(409, "nonce_reused"));
    assert_eq!(stage.send(&stage.fetch_by(&key, "new")).await.refusal(), refused(403, "plan_required"));
    store.set_plan(key.account, "ten_a_month", Actor::Machine, NOW).await.unwrap();
    assert_eq!(stage.send(&stage.fetch_by(&key, "new")).await.refusal(), refused(429, "quota_exceeded"));
    store.set_plan(key.account, "two_waiting", Actor::Machine, NOW).await.unwrap();
    assert_eq!(stage.send(&stage.fetch_by(&key, "new")).await.refusal(), refused(429, "backlog_full"));
    assert_eq!(stage.send(&stage.fetch_by(&key, "offer-0")).await.status, 202, "a replay needs none of it");
}
