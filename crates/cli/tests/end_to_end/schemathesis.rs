//! What the relay answers is what its OpenAPI document says: schemathesis makes requests from the document, good ones and
//! bad ones, `hooks.py` signs them as a caller or as a linked desktop, and every answer is held against the document.

use std::path::{Path, PathBuf};
use std::process::Command;

use protocol::device_signature::{self, DeviceKey};
use protocol::linking::{LinkPoll, LinkRequest, LinkStarted, Linked};
use protocol::{Clock as _, KeyId, Secret, SystemClock};
use serde_json::{Value, json};

use crate::process::{Process, until};

const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schemathesis");
/// What must hold. Not asked for: that whatever fits a schema is accepted (codes expire, keys are revoked) and that
/// requests without credentials are refused (the hook signs whatever goes out; tests of ours ask that of every endpoint).
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                      response_schema_conformance,unsupported_method,allow_header_conformance";
/// Requests made up for each operation, beside those from its examples.
const REQUESTS: &str = "40";

/// Where `cargo xtask test` puts it.
fn program() -> Option<PathBuf> {
    let target = std::env::current_exe().unwrap().ancestors().nth(3).map(Path::to_path_buf)?;
    Some(target.join("schemathesis/bin/schemathesis")).filter(|program| program.exists())
}

/// A desktop that is linked by hand.
struct Desk {
    id: protocol::DeviceId,
    key: DeviceKey,
}

async fn link(http: &reqwest::Client, relay: &str, folder: &str) -> Desk {
    let key = DeviceKey::generate();
    let ask = LinkRequest { public_key: key.public().to_hex(), name: "schemathesis".to_owned(), platform: "test".to_owned() };
    let started: LinkStarted = http.post(format!("{relay}/api/device/link")).json(&ask).send().await.unwrap().json().await.unwrap();
    let mut approve = Command::new(env!("CARGO_BIN_EXE_link-peeler"));
    let approved = approve.args(["link", "approve", &started.user_code, "--relay", relay, "--data-dir", folder]).output().unwrap();
    assert!(approved.status.success(), "{approved:?}");
    let poll = LinkPoll { device_code: started.device_code };
    let linked: Linked = until("the device is linked", async || {
        let answer = http.post(format!("{relay}/api/device/link/token")).json(&poll).send().await.unwrap();
        if answer.status().is_success() { Some(answer.json().await.unwrap()) } else { None }
    })
    .await;
    Desk { id: linked.device_id, key }
}

async fn make_key(http: &reqwest::Client, relay: &str, desk: &Desk) -> (KeyId, String) {
    let (key_id, secret) = (KeyId::generate(protocol::Environment::Test), Secret::generate());
    let body = json!({"keyId": key_id, "secret": secret.expose(), "label": "schemathesis"}).to_string();
    let uri = format!("{relay}/api/device/keys");
    let headers = device_signature::sign(&desk.key, desk.id, SystemClock.now(), "POST", &uri, body.as_bytes());
    let mut request = http.post(&uri).header("Content-Type", "application/json").body(body);
    for (name, value) in headers.pairs() {
        request = request.header(name, value);
    }
    assert!(request.send().await.unwrap().status().is_success());
    (key_id, secret.expose().to_owned())
}

#[tokio::test]
async fn every_answer_is_one_that_the_document_has() {
    let Some(program) = program() else {
        println!("left out: schemathesis is not installed (`cargo xtask test` installs it where Python is)");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let process = Process::start(&["relay", "--json", "--listen", "127.0.0.1:0", "--data-dir", data]);
    let said: Value = process.says("the relay listens", |said| said["relayUrl"].is_string()).await;
    let relay = said["relayUrl"].as_str().unwrap().to_owned();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let desk = link(&http, &relay, data).await;
    let (key_id, secret) = make_key(&http, &relay, &desk).await;

    let mut command = Command::new(program);
    command.args(["run", &format!("{relay}/openapi.json"), "--checks", CHECKS, "--phases", "examples,coverage,fuzzing"]);
    command.args(["--max-examples", REQUESTS, "--seed", "1", "--continue-on-failure", "--suppress-health-check", "all"]);
    // Streams of events do not end by themselves.
    command.args(["--exclude-operation-id", "listenToJobs", "--request-timeout", "30", "--no-color"]);
    command.env("SCHEMATHESIS_HOOKS", "hooks").env("PYTHONPATH", HERE).env("PYTHONDONTWRITEBYTECODE", "1").current_dir(folder.path());
    command.env("LP_KEY", key_id.to_string()).env("LP_SECRET", secret).env("NO_PROXY", "127.0.0.1");
    command.env("LP_DEVICE", desk.id.to_string()).env("LP_DEVICE_SEED", data_encoding::HEXLOWER.encode(desk.key.to_bytes().as_slice()));
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    println!("{}", text.lines().filter(|line| line.contains("generated")).collect::<String>());
    process.stop();
}
