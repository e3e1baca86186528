//! Bodies: their size, their media type, their form, their shape.

use serde_json::json;

use crate::stage::{Stage, payload};
use crate::wire::{Connection, refused};

/// Bytes that a body may have.
const LIMIT: usize = 64 * 1_024;

fn padded(bytes: usize) -> Vec<u8> {
    let mut body = payload("padded").to_string().into_bytes();
    body.resize(bytes, b' ');
    body
}

#[tokio::test]
async fn a_body_may_fill_its_bound_and_no_byte_more() {
    let stage = Stage::new().await;
    for chunked in [false, true] {
        let framed = |bytes| {
            let request = stage.fetch_of(&padded(bytes));
            if chunked { request.chunked(1_000) } else { request }
        };
        assert_eq!(stage.send(&framed(LIMIT)).await.status, 202, "chunked: {chunked}");
        assert_eq!(stage.send(&framed(LIMIT + 1)).await.refusal(), refused(413, "body_too_large"), "chunked: {chunked}");
    }
}

#[tokio::test]
async fn a_body_far_over_its_bound_is_refused_before_it_arrives() {
    let stage = Stage::new().await;
    let mut connection = Connection::open(stage.address()).await;
    let head = String::from_utf8(stage.fetch_of(b"").to_bytes()).unwrap().replace("Content-Length: 0", "Content-Length: 10000000000");
    connection.write(head.as_bytes()).await.unwrap();
    assert_eq!(connection.answer().await.refusal(), refused(413, "body_too_large"));
}

#[tokio::test]
async fn a_sender_of_a_far_too_large_body_can_still_read_why() {
    let stage = Stage::new().await;
    for chunked in [false, true] {
        for _ in 0..10 {
            let request = stage.fetch_of(&padded(3 * 1_024 * 1_024));
            let request = if chunked { request.chunked(50_000) } else { request };
            assert_eq!(stage.send(&request).await.refusal(), refused(413, "body_too_large"));
        }
    }
}

#[tokio::test]
async fn a_connection_is_of_use_after_a_refused_body_that_was_small() {
    let stage = Stage::new().await;
    let mut connection = Connection::open(stage.address()).await;
    assert_eq!(
        connection.send(&stage.fetch("a").with("Content-Type", "text/plain")).await.refusal(),
        refused(415, "unsupported_media_type")
    );
    assert_eq!(connection.send(&stage.fetch("a")).await.status, 202);
}

#[tokio::test]
async fn the_media_type_is_json_once() {
    let stage = Stage::new().await;
    for accepted in ["application/json", "Application/JSON", "application/json; charset=utf-8", "application/json ;charset=\"utf-8\""] {
        assert_eq!(stage.send(&stage.fetch("a").with("Content-Type", accepted)).await.status, 202, "{accepted}");
    }
    for refused_type in
        ["text/plain", "text/json", "application/x-www-form-urlencoded", "application/jsonx", "application/json, text/plain", ""]
    {
        let answer = stage.send(&stage.fetch("a").with("Content-Type", refused_type)).await;
        assert_eq!(answer.refusal(), refused(415, "unsupported_media_type"), "{refused_type}");
    }
    assert_eq!(stage.send(&stage.fetch("a").without("Content-Type")).await.refusal(), refused(415, "unsupported_media_type"));
    let twice = stage.fetch("a").header("Content-Type", "application/json");
    assert_eq!(stage.send(&twice).await.refusal(), refused(415, "unsupported_media_type"));
}

#[tokio::test]
async fn a_body_is_one_json_object_without_duplicates() {
    let stage = Stage::new().await;
    let mut connection = Connection::open(stage.address()).await;
    let plain = payload("a").to_string();
    let nested = |depth: usize| plain.replace("{\"idem", &format!("{{\"context\":{}{},\"idem", "[".repeat(depth), "]".repeat(depth)));
    let bodies: Vec<Vec<u8>> = vec![
        b"".into(),
        b" ".into(),
        b"null".into(),
        b"[]".into(),
        format!("[{plain}]").into(),
        b"\"text\"".into(),
        b"{".into(),
        b"{'idempotencyKey':1}".into(),
        plain.trim_end_matches('}').into(),
        format!("{plain}{plain}").into(),
        format!("{plain}x").into(),
        format!("\u{feff}{plain}").into(),
        plain.replace("\"rowId\":\"a\"", "\"rowId\":\"a\",\"rowId\":\"a\"").into(),
        plain.replace("\"rowId\":\"a\"", "\"rowId\":\"a\",\"\\u0072owId\":\"b\"").into(),
        plain.replace("{\"idem", "{\"context\":{\"proxy\":\"a\",\"proxy\":\"a\"},\"idem").into(),
        plain.replace("\"a\"", "\"\\ud800\"").into(),
        [plain.as_bytes(), b"\xff"].concat(),
        plain.as_bytes().iter().map(|byte| if *byte == b'a' { 0xe4 } else { *byte }).collect(),
        nested(16).into(),
        nested(30_000).into(),
        b"\0".into(),
    ];
    for body in bodies {
        let answer = connection.send(&stage.fetch_of(&body)).await;
        assert_eq!(answer.refusal(), refused(400, "malformed_json"), "{}", String::from_utf8_lossy(&body[..body.len().min(200)]));
    }
    assert_eq!(
        connection.send(&stage.fetch_of(nested(15).as_bytes())).await.refusal(),
        refused(422, "invalid_payload"),
        "deep, but not too deep"
    );
}

#[tokio::test]
async fn everything_wrong_with_a_payload_is_told_at_once() {
    let stage = Stage::new().await;
    let body = json!({
        "idempotencyKey": "", "trackingUrl": "https://trk.example/?c={clickid}", "source": "nowhere", "rowId": 7,
        "expectedDomain": "https://shop.example/", "deadlineSeconds": 29, "extra": true,
        "context": {"device": "fridge", "userAgent": "a\r\nX-Injected: b", "a/b~c": null},
    });
    let answer = stage.send(&stage.fetch_of(body.to_string().as_bytes())).await;
    assert_eq!(answer.refusal(), refused(422, "invalid_payload"));
    let problem = answer.json();
    let errors = problem["errors"].as_array().unwrap();
    let mut pointers: Vec<&str> = errors.iter().map(|error| error["pointer"].as_str().unwrap()).collect();
    pointers.sort_unstable();
    assert_eq!(
        pointers,
        [
            "/context/a~1b~0c",
            "/context/device",
            "/context/userAgent",
            "/deadlineSeconds",
            "/expectedDomain",
            "/extra",
            "/idempotencyKey",
            "/rowId",
            "/source",
            "/trackingUrl"
        ]
    );
    assert!(errors.iter().all(|error| !error["detail"].as_str().unwrap().is_empty()));
}

#[tokio::test]
async fn each_rule_of_a_payload_s_members() {
    let stage = Stage::new().await;
    let mut connection = Connection::open(stage.address()).await;
    let long = |count: usize| "ü".repeat(count);
    let url = |bytes: usize| format!("https://trk.example/{}", "a".repeat(bytes - 20));
    let accepted = [
        ("rowId", json!(long(255))),
        ("idempotencyKey", json!("日本 / offer \"1\"")),
        ("trackingUrl", json!(url(8_192))),
        ("trackingUrl", json!("HTTP://trk.example:8080/ü?q={\"a\":1}")),
        ("expectedDomain", json!("Shop.Example")),
        ("deadlineSeconds", json!(30)),
        ("deadlineSeconds", json!(604_800)),
        ("context", json!({"engine": "browser", "device": "mobile", "proxy": "us-1", "referer": "https://a.example/"})),
    ];
    for (number, (member, value)) in accepted.into_iter().enumerate() {
        let mut body = payload(&format!("offer-{number}"));
        body[member] = value;
        let answer = connection.send(&stage.fetch_of(body.to_string().as_bytes())).await;
        assert_eq!(answer.status, 202, "{member}: {}", answer.text());
    }
    let rejected = [
        ("rowId", json!("")),
        ("rowId", json!(long(256))),
        ("rowId", json!("a\nb")),
        ("rowId", json!(null)),
        ("idempotencyKey", json!(["a"])),
        ("idempotencyKey", json!("a\u{0}")),
        ("trackingUrl", json!(url(8_193))),
        ("trackingUrl", json!("ftp://trk.example/")),
        ("trackingUrl", json!("//trk.example/a")),
        ("trackingUrl", json!("https://user:pass@trk.example/")),
        ("trackingUrl", json!("https://trk.example/{offer_id}")),
        ("expectedDomain", json!("shop.example:443")),
        ("expectedDomain", json!("")),
        ("deadlineSeconds", json!(604_801)),
        ("deadlineSeconds", json!(60.5)),
        ("deadlineSeconds", json!("60")),
        ("context", json!("mobile")),
        ("context", json!({"engine": "telepathy"})),
        ("source", json!("csv")),
    ];
    for (member, value) in rejected {
        let mut body = payload("rejected");
        body[member] = value.clone();
        let answer = connection.send(&stage.fetch_of(body.to_string().as_bytes())).await;
        assert_eq!(answer.refusal(), refused(422, "invalid_payload"), "{member}: {value}");
        assert!(answer.json()["errors"][0]["pointer"].as_str().unwrap().starts_with(&format!("/{member}")), "{}", answer.text());
    }
}
