//! Limits: told on every answer to whoever has proven who they are, and enforced.

use domain::audit::Actor;
use protocol::signature::SIGNATURE_HEADER;

use crate::stage::{NOW, Stage, payload};
use crate::wire::{Answer, Connection, Request, refused};

/// The parameters of one policy in a structured list (`"burst";q=5;w=1, "monthly";…`).
fn policy(answer: &Answer, header: &str, name: &str) -> Option<Vec<(String, u64)>> {
    let wanted = format!("\"{name}\"");
    let entry = answer.header(header)?.split(", ").find(|entry| entry.split(';').next() == Some(&wanted))?;
    Some(entry.split(';').skip(1).map(|part| part.split_once('=').map(|(k, v)| (k.to_owned(), v.parse().unwrap())).unwrap()).collect())
}

#[tokio::test]
async fn every_answer_to_an_authenticated_request_tells_both_limits() {
    let stage = Stage::new().await;
    let key = stage.key_on("metered").await;
    let signed = |method: &str, target: &str, body: &[u8]| stage.signed_by(&key, method, target, body);
    let fetch = |name: &str| signed("POST", "/api/links/fetch", payload(name).to_string().as_bytes());
    let used = fetch("used");
    let mut other = payload("used");
    other["rowId"] = "other".into();
    // The very first answer knows no standing from an earlier one.
    let cases: Vec<(Request, u16)> = vec![
        (signed("POST", "/api/links/fetch", b"x"), 400),
        (signed("POST", "/api/links/fetch", b"{}"), 422),
        (stage.signed_at(&key, NOW.plus_seconds(-301), &stage.fresh_nonce(), ("POST", "/api/links/fetch", b"{}")), 401),
        (used.clone(), 202),
        (used, 409),
        (fetch("used"), 202),
        (signed("POST", "/api/links/fetch", other.to_string().as_bytes()), 422),
        (signed("GET", "/api/links/jobs", b""), 200),
        (signed("GET", "/api/links/jobs?limit=0", b""), 400),
        (signed("GET", "/api/links/jobs/job_x", b""), 404),
        (signed("GET", "/api/links/verify", b""), 200),
        (signed("GET", "/api/rows", b""), 200),
        (signed("GET", "/api/rows/platform_api/none", b""), 404),
    ];
    let mut connection = Connection::open(stage.address()).await;
    for (request, status) in cases {
        let answer = connection.send(&request).await;
        let what = format!("{} {} → {}", request.method, request.target, answer.status);
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
        assert_eq!(policy(&answer, "ratelimit-policy", "burst"), Some(vec![("q".to_owned(), 500), ("w".to_owned(), 5)]), "{what}");
        assert_eq!(policy(&answer, "ratelimit-policy", "monthly").unwrap()[0], ("q".to_owned(), 1_000), "{what}");
        let burst = policy(&answer, "ratelimit", "burst").unwrap_or_else(|| panic!("{what}: {:?}", answer.headers));
        assert!(burst[0].0 == "r" && burst[0].1 <= 500, "{what}: {burst:?}");
        let monthly = policy(&answer, "ratelimit", "monthly").unwrap_or_else(|| panic!("{what}: {:?}", answer.headers));
        assert!(monthly[0].1 == 999 || monthly[0].1 == 1_000, "{what}: {monthly:?}");
        // From May 26 to June 1.
        assert_eq!(monthly[1], ("t".to_owned(), 6 * 86_400), "{what}");
    }
}

#[tokio::test]
async fn whoever_is_not_authenticated_is_told_no_limits() {
    let stage = Stage::new().await;
    let key = stage.key_on("metered").await;
    stage.send(&stage.fetch_by(&key, "a")).await;
    for request in [stage.fetch_by(&key, "b").with(SIGNATURE_HEADER, "0".repeat(64)), stage.fetch_by(&key, "b").without(SIGNATURE_HEADER)] {
        let answer = stage.send(&request).await;
        assert_eq!((answer.status, answer.header("ratelimit"), answer.header("ratelimit-policy")), (401, None, None));
    }
}

#[tokio::test]
async fn a_plan_without_limits_tells_none() {
    let stage = Stage::new().await;
    let answer = stage.send(&stage.fetch("a")).await;
    assert_eq!((answer.header("ratelimit"), answer.header("ratelimit-policy")), (None, None));
}

#[tokio::test]
async fn too_many_requests_are_told_when_to_come_again() {
    let stage = Stage::new().await;
    let key = stage.key_on("slow").await;
    let mut connection = Connection::open(stage.address()).await;
    let limited = loop {
        let answer = connection.send(&stage.fetch_by(&key, &format!("offer-{}", stage.count()))).await;
        if answer.status != 202 {
            break answer;
        }
    };
    assert_eq!(limited.refusal(), refused(429, "rate_limited"));
    assert!((1..=2).contains(&limited.header("retry-after").unwrap().parse::<u64>().unwrap()));
    assert_eq!(limited.json()["violated-policies"], serde_json::json!(["burst"]));
    assert_eq!(limited.json()["type"], "https://iana.org/assignments/http-problem-types#quota-exceeded");
    assert_eq!(policy(&limited, "ratelimit", "burst").unwrap()[0], ("r".to_owned(), 0));
    // Another key of another account is not concerned.
    assert_eq!(connection.send(&stage.fetch("a")).await.status, 202);
}

#[tokio::test]
async fn a_used_up_quota_tells_when_it_renews_and_then_does() {
    let stage = Stage::new().await;
    let key = stage.key_on("ten_a_month").await;
    for number in 0..10 {
        assert_eq!(stage.send(&stage.fetch_by(&key, &format!("offer-{number}"))).await.status, 202);
    }
    let refusal = stage.send(&stage.fetch_by(&key, "one too many")).await;
    assert_eq!(refusal.refusal(), refused(429, "quota_exceeded"));
    assert_eq!(refusal.json()["renewsAt"], "2026-06-01T00:00:00.000Z");
    assert_eq!(refusal.json()["violated-policies"], serde_json::json!(["monthly"]));
    let seconds: i64 = refusal.header("retry-after").unwrap().parse().unwrap();
    assert!((6 * 86_400..=6 * 86_400 + 1).contains(&seconds), "{seconds}");
    assert_eq!(policy(&refusal, "ratelimit", "monthly").unwrap()[0], ("r".to_owned(), 0));
    stage.clock.set(NOW.plus_seconds(seconds));
    let renewed = stage.send(&stage.fetch_by(&key, "in June")).await;
    assert_eq!(renewed.status, 202);
    assert_eq!(policy(&renewed, "ratelimit", "monthly").unwrap()[0], ("r".to_owned(), 9));
}

#[tokio::test]
async fn last_month_s_standing_is_not_told_in_the_new_one() {
    let stage = Stage::new().await;
    let key = stage.key_on("ten_a_month").await;
    for number in 0..10 {
        stage.send(&stage.fetch_by(&key, &format!("offer-{number}"))).await;
    }
    stage.clock.set("2026-06-02T00:00:00Z".parse().unwrap());
    // Refused before the database is asked how the account stands.
    let answer = stage.send(&stage.signed_by(&key, "POST", "/api/links/fetch", b"{}")).await;
    assert_eq!(answer.refusal(), refused(422, "invalid_payload"));
    let monthly = policy(&answer, "ratelimit", "monthly").unwrap();
    assert_eq!(monthly, [("r".to_owned(), 10), ("t".to_owned(), 29 * 86_400)]);
}

#[tokio::test]
async fn a_full_backlog_is_told_how_full() {
    let stage = Stage::new().await;
    let key = stage.key_on("two_waiting").await;
    for number in 0..2 {
        assert_eq!(stage.send(&stage.fetch_by(&key, &format!("offer-{number}"))).await.status, 202);
    }
    let refusal = stage.send(&stage.fetch_by(&key, "one too many")).await;
    assert_eq!(refusal.refusal(), refused(429, "backlog_full"));
    assert_eq!((&refusal.json()["waiting"], &refusal.json()["limit"]), (&2.into(), &2.into()));
    stage.desk_of(key.account).await.pull(&stage, 1).await;
    assert_eq!(stage.send(&stage.fetch_by(&key, "one too many")).await.status, 202);
}

#[tokio::test]
async fn another_plan_counts_from_the_next_request() {
    let stage = Stage::new().await;
    let key = stage.key_on("shell_only").await;
    assert_eq!(stage.send(&stage.fetch_by(&key, "a")).await.refusal(), refused(403, "plan_required"));
    stage.relay.store().set_plan(key.account, "metered", Actor::Machine, NOW).await.unwrap();
    let answer = stage.send(&stage.fetch_by(&key, "a")).await;
    assert_eq!(answer.status, 202);
    assert!(policy(&answer, "ratelimit-policy", "burst").is_some());
}
