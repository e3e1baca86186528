//! The shared signing cases, made with two other implementations, over HTTP with the clock set as each case says.

use protocol::{KeyId, Secret, UnixMillis};

use crate::stage::{Key, NOW, Stage, store_key};
use crate::wire::{Connection, Request};

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

#[tokio::test]
async fn every_signing_case_gets_the_answer_it_names() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/signatures/signing.json")).unwrap();
    let file: File = serde_json::from_str(&text).unwrap();
    assert!(file.vectors.len() >= 36, "the fixture lost cases");
    let mut wrong = Vec::new();
    for vector in &file.vectors {
        // A relay a case: several share their nonce, and would only meet its memory.
        let stage = Stage::new().await;
        let account = stage.relay.account();
        let key = Key { id: file.key.parse::<KeyId>().unwrap(), secret: Secret::new(file.secret.clone()), account };
        store_key(&stage.relay, &key, NOW).await;
        stage.clock.set(UnixMillis::from_seconds(vector.now));
        let got = answer(&stage, vector).await;
        if got != vector.expect {
            wrong.push(format!("{}: {got} instead of {}", vector.name, vector.expect));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

async fn answer(stage: &Stage, vector: &Vector) -> String {
    let mut request = Request::new(&vector.method, &vector.target).header("Host", "relay").body(vector.body.as_bytes());
    for (name, value) in &vector.headers {
        request = request.header(name, value);
    }
    if !vector.body.is_empty() {
        request = request.header("Content-Type", "application/json");
    }
    let answer = Connection::open(stage.address()).await.send(&request).await;
    match answer.status {
        202 => "accepted".to_owned(),
        401 => answer.refusal().1,
        // Who asks is proven, whatever there is to be had: a job that does not exist, say.
        200 => "authenticated".to_owned(),
        404 if vector.target.starts_with("/api/links/jobs/") => "authenticated".to_owned(),
        status => format!("{status} {}", answer.text()),
    }
}
