//! The shared signing cases, made with two other implementations, against this one.

use super::{CallerHeaders, FreshnessWindow, HeaderFaultKind, SignedTarget, VerifyingSecret};
use crate::secret::Secret;

#[derive(serde::Deserialize)]
struct File {
    key: String,
    secret: String,
    vectors: Vec<Vector>,
}

#[derive(serde::Deserialize)]
struct Vector {
    name: String,
    method: String,
    target: String,
    headers: std::collections::BTreeMap<String, String>,
    body: String,
    now: i64,
    expect: String,
}

fn answer(file: &File, vector: &Vector) -> &'static str {
    let values = |name: &str| vector.headers.get(name).map(String::as_bytes).into_iter().collect::<Vec<_>>();
    let headers = match CallerHeaders::read(values) {
        Ok(headers) => headers,
        Err(fault) if fault.kind == HeaderFaultKind::Missing => return "missing_header",
        Err(_) => return "malformed_header",
    };
    let secret = if headers.key_id == file.key { Secret::new(file.secret.clone()) } else { Secret::generate() };
    let target = SignedTarget::of(&vector.method, &vector.target);
    if VerifyingSecret::new(&secret).verify(target, &headers, vector.body.as_bytes()).is_err() {
        return "invalid_credentials";
    }
    if FreshnessWindow::default().check(headers.timestamp_seconds(), vector.now).is_err() {
        return "stale_timestamp";
    }
    if target == SignedTarget::Fetch { "accepted" } else { "authenticated" }
}

#[test]
fn every_signing_case_gets_the_answer_it_names() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/signatures/signing.json")).unwrap();
    let file: File = serde_json::from_str(&text).unwrap();
    assert!(file.vectors.len() >= 36, "the fixture lost cases");
    let wrong: Vec<_> = (file.vectors.iter())
        .filter(|vector| answer(&file, vector) != vector.expect)
        .map(|vector| format!("{}: {} instead of {}", vector.name, answer(&file, vector), vector.expect))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
