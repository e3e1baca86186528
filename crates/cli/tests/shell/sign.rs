//! `sign`, against signatures that two other implementations made.

use serde_json::Value;

use crate::program::{run_with, text};

const SIGNING: &str = include_str!("../../../../fixtures/signatures/signing.json");

/// Every vector that a relay accepts, as arguments and body.
fn accepted() -> (String, String, Vec<Value>) {
    let file: Value = serde_json::from_str(SIGNING).unwrap();
    let owned = |name: &str| file[name].as_str().unwrap().to_owned();
    let vectors: Vec<_> = file["vectors"].as_array().unwrap().iter().filter(|vector| vector["expect"] == "accepted").cloned().collect();
    assert!(vectors.len() >= 5);
    (owned("key"), owned("secret"), vectors)
}

fn header<'v>(vector: &'v Value, name: &str) -> &'v str {
    vector["headers"][format!("X-Link-Peeler-{name}")].as_str().unwrap()
}

#[test]
fn signatures_are_those_of_the_other_implementations() {
    let (key, secret, vectors) = accepted();
    for vector in vectors {
        let [method, target] = ["method", "target"].map(|name| vector[name].as_str().unwrap());
        let arguments = [
            "sign",
            "--json",
            "--key",
            &key,
            "--method",
            method,
            "--target",
            target,
            "--timestamp",
            header(&vector, "Timestamp"),
            "--nonce",
            header(&vector, "Nonce"),
        ];
        let body = vector["body"].as_str().unwrap_or_default();
        let signed = run_with(&arguments, &[("LINK_PEELER_SECRET", &secret)], body.as_bytes());
        assert_eq!(signed.code, 0, "{}", signed.err);
        let expected = header(&vector, "Signature").to_ascii_lowercase();
        assert_eq!(signed.json()["signature"], expected, "{}", vector["name"]);
        assert!(!signed.out.contains(&secret) && !signed.err.contains(&secret), "the secret is nobody's business");
    }
}

#[test]
fn a_check_tells_the_trailing_line_feed() {
    let (key, secret, vectors) = accepted();
    let vector = &vectors[0];
    let folder = tempfile::tempdir().unwrap();
    let secret_file = folder.path().join("secret");
    std::fs::write(&secret_file, format!("{secret}\n")).unwrap();
    let arguments = [
        "sign",
        "--key",
        &key,
        "--secret-file",
        text(&secret_file),
        "--timestamp",
        header(vector, "Timestamp"),
        "--nonce",
        header(vector, "Nonce"),
        "--check",
        header(vector, "Signature"),
    ];
    let body = vector["body"].as_str().unwrap();
    assert_eq!(run_with(&arguments, &[], body.as_bytes()).code, 0);
    let differs = run_with(&arguments, &[], format!("{body}\n").as_bytes());
    assert_eq!(differs.code, 1);
    assert!(differs.out.contains("without the line feed at its end"), "{}", differs.out);
}
