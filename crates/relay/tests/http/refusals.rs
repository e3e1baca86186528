//! Refused requests as the account's owner reads them: the exact reason, where the caller got a uniform answer.

use std::time::Duration;

use domain::audit::Entry;
use protocol::Environment;
use store::BlockRange;

use crate::stage::{Stage, payload};
use crate::wire::{Connection, refused};

/// Refusals are written within seconds.
const SOON: Duration = Duration::from_secs(60);

/// What the audit of the relay's own account says of refused requests: code, target, how many.
async fn recorded(stage: &Stage) -> Vec<(String, String, u64)> {
    let blocks = stage.relay.store().audit_blocks(stage.relay.account(), BlockRange::After(0), 1_000).await.unwrap();
    let lines = blocks.iter().flat_map(|block| block.lines().unwrap());
    let refused = lines.filter_map(|line| match line.entry {
        Entry::Refused { code, target, times, .. } => Some((code, target, times)),
        _ => None,
    });
    refused.collect()
}

#[tokio::test]
async fn what_a_known_caller_was_refused_is_recorded_with_its_reason_and_many_alike_as_one() {
    let stage = Stage::new().await;
    let used = stage.fetch("a");
    assert_eq!(stage.send(&used).await.status, 202);
    for _ in 0..20 {
        assert_eq!(stage.send(&used).await.refusal(), refused(409, "nonce_reused"));
    }
    assert_eq!(stage.send(&stage.fetch_of(b"{}")).await.refusal(), refused(422, "invalid_payload"));
    let items = serde_json::json!({"jobs": [payload("b"), {}]}).to_string();
    assert_eq!(stage.send(&stage.signed_by(&stage.key, "POST", "/api/links/fetch/batch", items.as_bytes())).await.status, 200);
    assert_eq!(stage.send(&stage.get("/api/links/jobs?limit=x")).await.refusal(), refused(400, "invalid_parameter"));
    assert_eq!(stage.send(&stage.get("/api/links/jobs/job_00000000000070008000000000000000")).await.status, 404);
    let times = |all: &[(String, String, u64)], code: &str| all.iter().filter(|one| one.0 == code).map(|one| one.2).sum::<u64>();
    let complete = async {
        loop {
            let all = recorded(&stage).await;
            if times(&all, "nonce_reused") == 20 && times(&all, "invalid_payload") == 2 && times(&all, "invalid_parameter") == 1 {
                return all;
            }
            tokio::task::yield_now().await;
        }
    };
    let all = tokio::time::timeout(SOON, complete).await.unwrap();
    assert!(all.len() <= 8, "{all:?}");
    assert!(all.iter().any(|one| one.1 == "GET /api/links/jobs"));
    assert_eq!(times(&all, "not_found"), 0, "nothing was decided");
}

#[tokio::test]
async fn what_waits_to_be_recorded_is_written_before_the_relay_ends() {
    let stage = Stage::new().await;
    for number in 0..5 {
        assert_eq!(stage.send(&stage.fetch_of(b"{}")).await.status, 422, "{number}");
    }
    let stage = stage.restart().await;
    let all = recorded(&stage).await;
    assert_eq!(all.iter().map(|one| one.2).sum::<u64>(), 5);
}

#[tokio::test]
async fn a_wrong_signature_writes_nothing_and_its_mistake_is_shown_to_the_owner_alone() {
    let stage = Stage::new().await;
    let mut owner = stage.owner("ada").await;
    let before = stage.relay.store().audit_ends(stage.relay.account()).await.unwrap();
    for _ in 0..50 {
        // Signed with a line feed at the end, sent without.
        let signed = format!("{}\n", payload("a"));
        let request = stage.fetch_of(signed.as_bytes()).body(payload("a").to_string());
        let answer = stage.send(&request).await;
        assert_eq!(answer.refusal(), refused(401, "invalid_credentials"));
        assert!(!answer.text().contains("line feed"), "the caller is told what came, not what would have been right");
    }
    assert_eq!(stage.relay.store().audit_ends(stage.relay.account()).await.unwrap(), before);

    let page = owner.get(&stage.console("/requests")).await;
    assert_eq!(page.status, 200);
    let text = page.text();
    assert!(text.contains("with a line feed after it") && text.contains("timestamp.nonce.body"), "{text}");
    assert_eq!(text.matches("with a line feed after it").count(), 32, "the last of them, and no more");
    assert!(text.contains(stage.key.id.as_str()) && !text.contains(stage.key.secret.expose()));
    assert_eq!(stage.relay.store().audit_ends(stage.relay.account()).await.unwrap().head.seq, before.head.seq);
}

#[tokio::test]
async fn what_was_signed_long_ago_writes_nothing_and_is_shown_with_its_reason() {
    let stage = Stage::new().await;
    let mut owner = stage.owner("ada").await;
    let stale = stage.signed_at(&stage.key, stage.now().plus_seconds(-301), "nonce-of-a-stale-one", ("GET", "/api/links/verify", b""));
    for _ in 0..20 {
        assert_eq!(stage.send(&stale).await.refusal(), refused(401, "stale_timestamp"));
    }
    let text = owner.get(&stage.console("/requests")).await.text();
    assert!(text.contains("The signature is right; its timestamp is too far from"), "{text}");
    // What waits to be written is written when a relay ends.
    let stage = stage.restart().await;
    assert_eq!(recorded(&stage).await, []);
}

#[tokio::test]
async fn the_pages_of_requests_and_audit_show_filter_and_export() {
    let stage = Stage::new().await;
    let mut owner = stage.owner("ada").await;
    let job = stage.job("a").await;
    stage.send(&stage.fetch("a")).await;
    stage.send(&stage.fetch_of(b"{\"rowId\": \"<script>\"}")).await;
    let requests = owner.get(&stage.console("/requests")).await.text();
    assert!(requests.contains(&job.job_id.to_string()) && requests.contains("replayed"), "{requests}");
    assert!(requests.contains("invalid_payload"), "also before it is written");
    assert!(!requests.contains("<script>\""));
    let refused_only = owner.get(&stage.console("/requests?only=refused")).await.text();
    assert!(!refused_only.contains("replayed") && refused_only.contains("invalid_payload"));

    let audit = owner.get(&stage.console("/audit")).await.text();
    assert!(audit.contains("follow each other") && audit.contains("key_created"), "{audit}");
    let filtered = owner.get(&stage.console("/audit?kind=replayed&about=")).await.text();
    assert!(filtered.contains("asked again for") && !filtered.contains("made key"));
    let about = owner.get(&stage.console(&format!("/audit?kind=&about={}", job.job_id))).await.text();
    assert!(about.contains("admitted") && !about.contains("made key"));

    let mut connection = Connection::open(stage.address()).await;
    connection.write(&owner.request("GET", &stage.console("/audit/export")).to_bytes()).await.unwrap();
    let exported = String::from_utf8(connection.until_closed_or("0\r\n\r\n").await).unwrap();
    assert!(
        exported.contains("application/x-ndjson") && exported.contains("{\"chain\":{") && exported.contains("{\"record\":{"),
        "{exported}"
    );

    let stranger = stage.key_on("metered").await;
    for page in ["requests", "audit", "audit/export", "events"] {
        let path = format!("/console/{}/{page}", stranger.account);
        assert_eq!(owner.get(&path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn a_page_that_listens_hears_of_both_environments_until_its_reader_signs_out() {
    let stage = Stage::new().await;
    let mut owner = stage.owner("ada").await;
    let test = stage.new_key(Environment::Test).await;
    let mut connection = Connection::open(stage.address()).await;
    connection.write(&owner.request("GET", &stage.console("/events")).to_bytes()).await.unwrap();
    connection.read_until("id: ").await;
    let (live, of_test) = (stage.job("live").await, stage.send(&stage.fetch_by(&test, "of test")).await);
    assert_eq!(of_test.status, 202);
    connection.read_until(&live.job_id.to_string()).await;
    connection.read_until(of_test.json()["jobId"].as_str().unwrap()).await;
    assert_eq!(owner.post("/sign-out", &[]).await.status, 303);
    stage.job("afterwards").await;
    let rest = String::from_utf8(connection.until_closed_or("0\r\n\r\n").await).unwrap();
    assert!(!rest.contains("event: job"), "{rest}");
}
