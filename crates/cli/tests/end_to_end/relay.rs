//! `link-peeler relay` on a SQLite file and a port that it keeps over its deaths.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use protocol::device_signature::{self, DeviceKey};
use protocol::linking::{LinkStarted, Linked};
use protocol::{Clock as _, DeviceId, Environment, KeyId, Secret, SystemClock};
use serde_json::{Value, json};

use crate::caller::Caller;
use crate::process::Process;

/// Seconds that leases last here, before and after they are taken up: a dead desktop's jobs are out again soon.
const LEASES: [&str; 4] = ["--takeup-seconds", "2", "--lease-seconds", "3"];

pub(crate) struct Relay {
    process: Option<Process>,
    port: u16,
    data: PathBuf,
}

impl Relay {
    pub(crate) async fn start(data: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut relay = Self { process: None, port, data: data.to_owned() };
        relay.start_again().await;
        relay
    }

    pub(crate) async fn start_again(&mut self) {
        let listen = format!("127.0.0.1:{}", self.port);
        let mut arguments = vec!["relay", "--json", "--listen", &listen, "--data-dir", self.data.to_str().unwrap()];
        arguments.extend(LEASES);
        let process = Process::start(&arguments);
        process.says("the relay listens", |said| said["address"] == listen.as_str()).await;
        self.process = Some(process);
    }

    pub(crate) fn kill(&mut self) {
        self.process.take().unwrap().kill();
    }

    pub(crate) fn stop(mut self) {
        self.process.take().unwrap().stop();
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    async fn post(&self, path: &str, token: &str, body: &Value) -> Value {
        let request = reqwest::Client::new().post(format!("{}{path}", self.url())).bearer_auth(token).body(body.to_string());
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// What an operator on this machine does when a desktop shows its code.
    pub(crate) async fn approve(&self, user_code: &str) {
        let token = std::fs::read_to_string(self.data.join("relay/operator.token")).unwrap();
        self.post(&format!("/api/operator/links/{user_code}/approve"), token.trim(), &json!({})).await;
    }

    /// Makes a key, by a device of the test's own.
    pub(crate) async fn new_caller(&self) -> Caller {
        let (device, key) = self.link_a_device().await;
        let (key_id, secret) = (KeyId::generate(Environment::Live), Secret::generate());
        let body = json!({"keyId": key_id, "secret": secret.expose(), "label": "test"}).to_string();
        let url = format!("{}/api/device/keys", self.url());
        let headers = device_signature::sign(&key, device, SystemClock.now(), "POST", &url, body.as_bytes());
        let mut request = reqwest::Client::new().post(url).body(body);
        for (name, value) in headers.pairs() {
            request = request.header(name, value);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 201);
        Caller::new(self.url(), key_id, secret)
    }

    async fn link_a_device(&self) -> (DeviceId, DeviceKey) {
        let key = DeviceKey::generate();
        let wish = json!({"publicKey": key.public().to_hex(), "name": "keys", "platform": "test"});
        let started: LinkStarted = serde_json::from_value(self.post("/api/device/link", "", &wish).await).unwrap();
        self.approve(&started.user_code).await;
        let linked = self.post("/api/device/link/token", "", &json!({"deviceCode": started.device_code})).await;
        let linked: Linked = serde_json::from_value(linked).unwrap();
        (linked.device_id, key)
    }
}
