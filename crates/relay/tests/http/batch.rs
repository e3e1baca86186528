//! Many fetch requests under one signature: the items stand alone, the signature does not.

use serde_json::{Value, json};

use crate::stage::{Key, Stage, payload};
use crate::wire::{Request, refused};

const TARGET: &str = "/api/links/fetch/batch";

fn signed(stage: &Stage, key: &Key, body: &Value) -> Request {
    stage.signed_by(key, "POST", TARGET, body.to_string().as_bytes())
}

/// Status and code of each answer; the code is empty for a job.
fn outcomes(answer: &Value) -> Vec<(u64, String)> {
    let answers = answer["answers"].as_array().unwrap().iter();
    answers.map(|item| (item["status"].as_u64().unwrap(), item["problem"]["code"].as_str().unwrap_or_default().to_owned())).collect()
}

#[tokio::test]
async fn items_stand_alone_and_are_answered_in_order() {
    let stage = Stage::new().await;
    let key = stage.key_on("ten_a_month").await;
    let mut other = payload("a");
    other["rowId"] = json!("another row");
    let wrong = json!({"idempotencyKey": "w", "trackingUrl": "ftp://x/", "source": "platform_api", "rowId": "r"});
    let body = json!({"jobs": [payload("a"), payload("a"), other, wrong, payload("b")]});
    let answer = stage.send(&signed(&stage, &key, &body)).await.read::<Value>(200);
    let (accepted, code) = (202, String::new());
    let expected = [
        (accepted, code.clone()),
        (accepted, code.clone()),
        (422, "idempotency_mismatch".to_owned()),
        (422, "invalid_payload".to_owned()),
        (accepted, code),
    ];
    assert_eq!(outcomes(&answer), expected);
    let jobs = answer["answers"].as_array().unwrap();
    assert_eq!(jobs[0]["job"]["jobId"], jobs[1]["job"]["jobId"]);
    assert_eq!(jobs[3]["problem"]["errors"][0]["pointer"], "/trackingUrl");
}

#[tokio::test]
async fn the_same_bytes_again_are_refused_and_a_retry_makes_nothing_new() {
    let stage = Stage::new().await;
    let key = stage.key_on("ten_a_month").await;
    let body = json!({"jobs": (0..10).map(|n| payload(&format!("offer-{n}"))).collect::<Vec<_>>()});
    let request = signed(&stage, &key, &body);
    let first = stage.send(&request).await.read::<Value>(200);
    assert_eq!(stage.send(&request).await.refusal(), refused(409, "nonce_reused"));
    let again = stage.send(&signed(&stage, &key, &body)).await.read::<Value>(200);
    for (first, again) in first["answers"].as_array().unwrap().iter().zip(again["answers"].as_array().unwrap()) {
        assert_eq!((&again["job"]["jobId"], &again["job"]["replayed"]), (&first["job"]["jobId"], &json!(true)));
    }
    let over = stage.send(&signed(&stage, &key, &json!({"jobs": [payload("one too many")]}))).await.read::<Value>(200);
    assert_eq!(outcomes(&over), [(429, "quota_exceeded".to_owned())]);
}

#[tokio::test]
async fn a_batch_off_shape_is_refused_as_a_whole() {
    let stage = Stage::new().await;
    let key = stage.key_on("ten_a_month").await;
    let too_many = json!({"jobs": vec![json!(0); 501]});
    for (body, pointer) in [
        (json!({}), "/jobs"),
        (json!({"jobs": []}), "/jobs"),
        (json!({"jobs": {}}), "/jobs"),
        (too_many, "/jobs"),
        (json!({"jobs": [payload("a")], "more": 1}), "/more"),
    ] {
        let answer = stage.send(&signed(&stage, &key, &body)).await;
        assert_eq!(answer.refusal(), refused(422, "invalid_payload"));
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer);
    }
    let answer = stage.send(&signed(&stage, &key, &json!([]))).await;
    assert_eq!(answer.refusal(), refused(400, "malformed_json"));
}

#[tokio::test]
async fn each_item_is_a_request_to_the_burst_limit() {
    let stage = Stage::new().await;
    let key = stage.key_on("slow").await;
    let body = json!({"jobs": (0..5).map(|n| payload(&format!("offer-{n}"))).collect::<Vec<_>>()});
    let answer = stage.send(&signed(&stage, &key, &body)).await;
    assert!(answer.header("ratelimit").unwrap().contains("\"burst\";r=0"), "{:?}", answer.header("ratelimit"));
    assert_eq!(outcomes(&answer.read::<Value>(200)).len(), 5, "a batch goes through whole");
    let next = stage.send(&stage.fetch_by(&key, "next")).await;
    assert_eq!(next.refusal(), refused(429, "rate_limited"));
    assert!(next.header("retry-after").unwrap().parse::<u32>().unwrap() >= 3, "and is paid for: five at one a second, two at once");
}
