//! Who called: header grammar, key and signature, freshness, nonce.

use domain::audit::Actor;
use protocol::Environment;
use protocol::signature::{KEY_HEADER, NONCE_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER};
use sha2::{Digest, Sha256};

use crate::stage::{Key, NOW, Stage};
use crate::wire::{Answer, Connection, Request, refused};

const HEADERS: [&str; 4] = [KEY_HEADER, TIMESTAMP_HEADER, NONCE_HEADER, SIGNATURE_HEADER];

/// The header that a refusal names.
fn header_of(answer: &Answer) -> String {
    answer.json()["header"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_signing_header_that_is_missing_is_named() {
    let stage = Stage::new().await;
    for header in HEADERS {
        let answer = stage.send(&stage.fetch("a").without(header)).await;
        assert_eq!(answer.refusal(), refused(401, "missing_header"));
        assert_eq!(header_of(&answer), header);
    }
}

#[tokio::test]
async fn a_signing_header_that_comes_twice_is_refused_even_when_both_are_equal() {
    let stage = Stage::new().await;
    for header in HEADERS {
        let request = stage.fetch("a");
        let value = request.value(header).to_owned();
        let answer = stage.send(&request.clone().header(&header.to_lowercase(), &value)).await;
        assert_eq!(answer.refusal(), refused(401, "malformed_header"), "{header}");
        assert_eq!(header_of(&answer), header);
        let joined = stage.send(&request.with(header, format!("{value}, {value}"))).await;
        assert_eq!(joined.refusal(), refused(401, "malformed_header"), "{header}");
    }
}

#[tokio::test]
async fn a_signing_header_off_its_grammar_is_named() {
    let stage = Stage::new().await;
    let mut connection = Connection::open(stage.address()).await;
    let (nonces, digits) = ([&"n".repeat(15), &"n".repeat(129)], [&"a".repeat(63), &"a".repeat(65), &"g".repeat(64)]);
    let off_grammar: Vec<(&str, Vec<&[u8]>)> = vec![
        (KEY_HEADER, vec![b"", b"lp_live_", b"lp_live_short", b"lp_prod_0123456789abcdef", b"lp_live_0123456789abcde.", b"\xff\xfe"]),
        (TIMESTAMP_HEADER, vec![b"", b"-1", b"+1", b"1e9", b"1.5", b"0x10", b"1779753600000", b"17797536 00", "１７".as_bytes()]),
        (
            NONCE_HEADER,
            vec![
                b"",
                nonces[0].as_bytes(),
                nonces[1].as_bytes(),
                b"nonce.with.dots.in.it",
                b"nonce with spaces",
                b"n\xc3\xbcnce-0123456789",
            ],
        ),
        (SIGNATURE_HEADER, vec![b"", digits[0].as_bytes(), digits[1].as_bytes(), digits[2].as_bytes(), b"sha256=aaaa"]),
    ];
    for (header, values) in off_grammar {
        for value in values {
            let answer = connection.send(&stage.fetch("a").with(header, value)).await;
            assert_eq!(answer.refusal(), refused(401, "malformed_header"), "{header}: {}", String::from_utf8_lossy(value));
            assert_eq!(header_of(&answer), header);
        }
    }
}

#[tokio::test]
async fn header_names_have_no_case_and_white_space_around_values_is_none_of_them() {
    let stage = Stage::new().await;
    let mut request = stage.fetch("a");
    for (name, value) in &mut request.headers {
        *name = name.to_uppercase();
        *value = [b" \t", value.as_slice(), b"  "].concat();
    }
    assert_eq!(stage.send(&request).await.status, 202);
    let upper = stage.fetch("b");
    let signature = upper.value(SIGNATURE_HEADER).to_uppercase();
    assert_eq!(stage.send(&upper.with(SIGNATURE_HEADER, signature)).await.status, 202);
}

#[tokio::test]
async fn unknown_key_revoked_key_and_wrong_signature_get_one_answer() {
    let stage = Stage::new().await;
    let revoked = stage.new_key(Environment::Live).await;
    assert!(stage.relay.store().revoke_key(revoked.account, revoked.id.clone(), Actor::Machine, NOW).await.unwrap().done().is_some());
    let stranger = Key { id: "lp_live_00000000000000000000".parse().unwrap(), ..stage.key.clone() };
    let mut wrong = stage.fetch("a");
    wrong = wrong.with(SIGNATURE_HEADER, "0".repeat(64));
    let answers =
        [stage.send(&wrong).await, stage.send(&stage.fetch_by(&stranger, "a")).await, stage.send(&stage.fetch_by(&revoked, "a")).await];
    for answer in &answers {
        assert_eq!(answer.refusal(), refused(401, "invalid_credentials"));
        assert_eq!(anonymous(answer), anonymous(&answers[0]));
    }
}

/// An answer but for what names the one request and the moment.
fn anonymous(answer: &Answer) -> (Vec<(String, String)>, serde_json::Value) {
    let headers = answer.headers.iter().filter(|(name, _)| name != "x-request-id" && name != "date").cloned().collect();
    let mut body = answer.json();
    body["requestId"] = "".into();
    (headers, body)
}

#[tokio::test]
async fn a_wrong_signature_is_told_what_arrived_and_never_what_was_expected() {
    let stage = Stage::new().await;
    let request = stage.fetch("a");
    let right = request.value(SIGNATURE_HEADER).to_owned();
    let answer = stage.send(&request.clone().with(SIGNATURE_HEADER, "f".repeat(64))).await;
    let body = answer.json();
    assert_eq!(body["bodyBytes"], request.body.len());
    assert_eq!(body["bodySha256"], data_encoding::HEXLOWER.encode(&Sha256::digest(&request.body)));
    assert!(body["base"].as_str().unwrap().contains("timestamp"), "{body}");
    assert!(!answer.text().contains(&right) && !answer.text().contains(stage.key.secret.expose()));
    assert!(answer.header("www-authenticate").is_some());
}

#[tokio::test]
async fn the_signature_covers_method_path_and_query_of_every_other_endpoint() {
    let stage = Stage::new().await;
    let job = stage.job("a").await;
    let path = format!("/api/links/jobs/{}", job.job_id);
    assert_eq!(stage.send(&stage.get(&path)).await.status, 200);
    let elsewhere = [
        Request { target: format!("{path}?wait=1"), ..stage.get(&path) },
        Request { method: "DELETE".to_owned(), ..stage.get(&path) },
        Request { target: "/api/links/verify".to_owned(), ..stage.get(&path) },
        Request { target: "/api/links/jobs?limit=2".to_owned(), ..stage.get("/api/links/jobs?limit=1") },
        Request { method: "HEAD".to_owned(), ..stage.get(&path) },
    ];
    for request in elsewhere {
        let mut connection = Connection::open(stage.address()).await;
        connection.write(&request.to_bytes()).await.unwrap();
        if request.method == "HEAD" {
            assert_eq!(connection.head().await, 401);
        } else {
            assert_eq!(connection.answer().await.refusal(), refused(401, "invalid_credentials"), "{} {}", request.method, request.target);
        }
    }
}

#[tokio::test]
async fn a_signature_of_the_fetch_endpoint_is_worth_nothing_with_a_query() {
    let stage = Stage::new().await;
    let request = Request { target: "/api/links/fetch?x=1".to_owned(), ..stage.fetch("a") };
    assert_eq!(stage.send(&request).await.refusal(), refused(401, "invalid_credentials"));
}

#[tokio::test]
async fn a_timestamp_outside_the_window_is_told_the_relay_s_time() {
    let stage = Stage::new().await;
    let body = crate::stage::payload("a").to_string();
    for (seconds, fresh) in [(-301, false), (-300, true), (300, true), (301, false)] {
        let call = ("POST", "/api/links/fetch", body.as_bytes());
        let request = stage.signed_at(&stage.key, NOW.plus_seconds(seconds), &stage.fresh_nonce(), call);
        let answer = stage.send(&request).await;
        if fresh {
            assert_eq!(answer.status, 202, "{seconds} s off: {}", answer.text());
        } else {
            assert_eq!(answer.refusal(), refused(401, "stale_timestamp"), "{seconds} s off");
            assert_eq!(answer.json()["serverTime"], "2026-05-26T00:00:00.000Z");
        }
    }
}

#[tokio::test]
async fn absurd_timestamps_are_stale_and_nothing_worse() {
    let stage = Stage::new().await;
    for timestamp in [0, 1, 999_999_999_999] {
        let at = protocol::UnixMillis::from_seconds(timestamp);
        let request = stage.signed_at(&stage.key, at, &stage.fresh_nonce(), ("POST", "/api/links/fetch", b"{}"));
        assert_eq!(stage.send(&request).await.refusal(), refused(401, "stale_timestamp"), "{timestamp}");
    }
}

#[tokio::test]
async fn the_same_bytes_work_once() {
    let stage = Stage::new().await;
    let mut connection = Connection::open(stage.address()).await;
    for request in [stage.fetch("a"), stage.get("/api/links/verify"), stage.get("/api/links/jobs"), stage.get("/api/rows")] {
        assert!(connection.send(&request).await.status < 300);
        for _ in 0..2 {
            assert_eq!(connection.send(&request).await.refusal(), refused(409, "nonce_reused"), "{}", request.target);
        }
    }
}

#[tokio::test]
async fn the_same_bytes_after_a_restart_do_not_work_either() {
    let stage = Stage::new().await;
    let request = stage.fetch("a");
    assert_eq!(stage.send(&request).await.status, 202);
    let stage = stage.restart().await;
    assert_eq!(stage.send(&request).await.refusal(), refused(409, "nonce_reused"));
}

#[tokio::test]
async fn a_nonce_is_spent_by_a_request_that_was_understood_and_by_no_other() {
    let stage = Stage::new().await;
    let body = crate::stage::payload("a").to_string();
    let nonce = "the-nonce-of-this-test";
    let sign = |body: &[u8]| stage.signed_at(&stage.key, NOW, nonce, ("POST", "/api/links/fetch", body));
    assert_eq!(stage.send(&sign(b"{")).await.refusal(), refused(400, "malformed_json"));
    assert_eq!(stage.send(&sign(b"{}")).await.refusal(), refused(422, "invalid_payload"));
    assert_eq!(
        stage.send(&sign(body.as_bytes()).with(SIGNATURE_HEADER, "0".repeat(64))).await.refusal(),
        refused(401, "invalid_credentials")
    );
    assert_eq!(stage.send(&sign(body.as_bytes())).await.status, 202);
    assert_eq!(stage.send(&sign(b"{}")).await.refusal(), refused(422, "invalid_payload"), "its shape is looked at first");
    assert_eq!(stage.send(&sign(body.as_bytes())).await.refusal(), refused(409, "nonce_reused"));
}

#[tokio::test]
async fn a_clock_that_steps_back_reopens_nothing() {
    let stage = Stage::new().await;
    let captured = stage.fetch("a");
    assert_eq!(stage.send(&captured).await.status, 202);
    for minutes in 1..=60 {
        stage.clock.set(NOW.plus_seconds(minutes * 60));
        assert_eq!(stage.send(&stage.fetch(&format!("later-{minutes}"))).await.status, 202);
    }
    stage.clock.set(NOW.plus_seconds(5));
    let (status, code) = stage.send(&captured).await.refusal();
    assert!((status, code.as_str()) == (409, "nonce_reused") || (status, code.as_str()) == (401, "stale_timestamp"), "{status} {code}");
}
