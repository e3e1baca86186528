//! Refusals: one shape (RFC 9457), a page behind each, and the headers that go with them.

use protocol::ProblemCode;
use protocol::signature::SIGNATURE_HEADER;

use crate::stage::Stage;
use crate::wire::{Answer, Request, refused};

fn assert_well_formed(answer: &Answer, public_url: &str) {
    let problem = answer.json();
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(problem["status"], answer.status);
    for member in ["type", "title", "detail", "code", "requestId"] {
        assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{member} in {problem}");
    }
    assert_eq!(problem["requestId"].as_str(), answer.header("x-request-id"));
    assert!(problem["requestId"].as_str().unwrap().starts_with("req_"));
    let known = ProblemCode::ALL.iter().find(|code| problem["code"] == code.as_str()).unwrap();
    assert_eq!(known.status(), answer.status);
    let type_uri = problem["type"].as_str().unwrap();
    assert!(type_uri.starts_with(public_url) || type_uri.starts_with("https://iana.org/assignments/http-problem-types#"), "{type_uri}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("www-authenticate").is_some(), answer.status == 401);
    assert_eq!(answer.header("retry-after").is_some(), matches!(answer.status, 429 | 503), "{problem}");
}

#[tokio::test]
async fn every_refusal_has_the_one_shape() {
    let stage = Stage::new().await;
    let url = stage.relay.public_url();
    let poor = stage.key_on("shell_only").await;
    let full = stage.key_on("two_waiting").await;
    let spent = stage.key_on("ten_a_month").await;
    for number in 0..2 {
        stage.send(&stage.fetch_by(&full, &format!("{number}"))).await;
    }
    for number in 0..10 {
        stage.send(&stage.fetch_by(&spent, &format!("{number}"))).await;
    }
    let used = stage.fetch("used");
    stage.send(&used).await;
    let mut other = crate::stage::payload("used");
    other["rowId"] = "another".into();
    let cases = [
        (stage.fetch("a").without(SIGNATURE_HEADER), 401, "missing_header"),
        (stage.fetch("a").with(SIGNATURE_HEADER, "x"), 401, "malformed_header"),
        (stage.fetch("a").with(SIGNATURE_HEADER, "0".repeat(64)), 401, "invalid_credentials"),
        (stage.fetch("a").with("Content-Type", "text/plain"), 415, "unsupported_media_type"),
        (stage.fetch_of(b"x"), 400, "malformed_json"),
        (stage.fetch_of(b"{}"), 422, "invalid_payload"),
        (stage.fetch_of(&vec![b' '; 70_000]), 413, "body_too_large"),
        (stage.fetch_of(other.to_string().as_bytes()), 422, "idempotency_mismatch"),
        (used, 409, "nonce_reused"),
        (stage.fetch_by(&poor, "a"), 403, "plan_required"),
        (stage.fetch_by(&full, "a"), 429, "backlog_full"),
        (stage.fetch_by(&spent, "a"), 429, "quota_exceeded"),
        (stage.get("/api/links/jobs?limit=0"), 400, "invalid_parameter"),
        (stage.get("/api/links/jobs/job_00000000000070008000000000000000"), 404, "not_found"),
        (Request::new("GET", "/nowhere").header("Host", "a"), 404, "not_found"),
        (Request::new("GET", "/api/links/fetch").header("Host", "a"), 405, "method_not_allowed"),
    ];
    for (request, status, code) in cases {
        let answer = stage.send(&request).await;
        assert_eq!(answer.refusal(), refused(status, code));
        assert_well_formed(&answer, url);
    }
}

#[tokio::test]
async fn every_code_has_a_page_and_other_pages_do_not_exist() {
    let stage = Stage::new().await;
    for code in ProblemCode::ALL {
        let page = stage.send(&Request::new("GET", &format!("/problems/{code}")).header("Host", "a")).await;
        assert_eq!(page.status, 200, "{code}");
        assert!(page.header("content-type").unwrap().starts_with("text/html"));
        assert!(page.text().contains(code.title()) && page.text().contains(code.as_str()));
    }
    for target in ["/problems/nonsense", "/problems/", "/problems/%3Cscript%3E"] {
        let answer = stage.send(&Request::new("GET", target).header("Host", "a")).await;
        assert_eq!(answer.refusal(), refused(404, "not_found"), "{target}");
        assert!(!answer.text().contains("<script>"));
    }
}

#[tokio::test]
async fn paths_that_are_not_there_are_404_whoever_asks() {
    let stage = Stage::new().await;
    for target in [
        "/api/links/fetch/",
        "//api/links/fetch",
        "/api/links",
        "/api/links/fetchx",
        "/API/links/fetch",
        "/api/links/%66etch",
        "/../etc/passwd",
    ] {
        let unsigned = stage.send(&Request::new("POST", target).header("Host", "a")).await;
        assert_eq!(unsigned.refusal(), refused(404, "not_found"), "{target}");
        let signed = stage.send(&stage.signed_by(&stage.key, "POST", target, b"{}")).await;
        assert_eq!(signed.refusal(), refused(404, "not_found"), "{target}");
    }
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let stage = Stage::new().await;
    for (method, target, allowed) in [
        ("GET", "/api/links/fetch", "POST"),
        ("PUT", "/api/links/fetch", "POST"),
        ("POST", "/api/links/verify", "GET"),
        ("POST", "/api/links/jobs", "GET"),
        ("PATCH", "/api/links/jobs/job_00000000000070008000000000000000", "DELETE"),
        ("GET", "/api/device/pull", "POST"),
        ("DELETE", "/healthz", "GET"),
    ] {
        let answer = stage.send(&Request::new(method, target).header("Host", "a")).await;
        assert_eq!(answer.refusal(), refused(405, "method_not_allowed"), "{method} {target}");
        assert!(answer.header("allow").is_some_and(|allow| allow.contains(allowed)), "{method} {target}: {:?}", answer.header("allow"));
    }
}

#[tokio::test]
async fn whoever_has_not_signed_is_told_how_to_sign_where_they_are() {
    let stage = Stage::new().await;
    for (method, target, scheme) in [
        ("POST", "/api/links/fetch", "LinkPeeler-HMAC-SHA256"),
        ("GET", "/api/rows", "LinkPeeler-HMAC-SHA256"),
        ("POST", "/api/device/pull", "Signature"),
        ("GET", "/api/device/keys", "Signature"),
    ] {
        let answer = stage.send(&Request::new(method, target).header("Host", "a").json("{}")).await;
        assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some(scheme)), "{method} {target}");
    }
}

#[tokio::test]
async fn what_went_well_is_no_problem_and_names_its_request_too() {
    let stage = Stage::new().await;
    let answer = stage.send(&stage.fetch("a")).await;
    assert_eq!((answer.status, answer.header("content-type")), (202, Some("application/json")));
    assert!(answer.header("x-request-id").unwrap().starts_with("req_"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}
