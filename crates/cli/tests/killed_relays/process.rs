//! `link-peeler relay` as a process, and what can be asked of it over HTTP alone.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use protocol::device_signature::DeviceKey;
use protocol::linking::Linked;
use protocol::{Environment, KeyId, Secret};
use serde_json::{Value, json};

use crate::caller::{Answer, Caller, client};
use crate::desktop::Device;

/// A relay on a port that it keeps over its deaths.
pub(crate) struct RelayProcess {
    child: Child,
    port: u16,
    installation: PathBuf,
    database: String,
}

impl RelayProcess {
    pub(crate) fn start(installation: &Path, database: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (installation, database) = (installation.to_owned(), database.to_owned());
        Self { child: spawn(port, &installation, &database), port, installation, database }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// SIGKILL: nothing is finished, nothing is said.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn start_again(&mut self) {
        self.child = spawn(self.port, &self.installation, &self.database);
    }

    /// Links a device, with the approval of the operator on this machine.
    pub(crate) async fn link_a_device(&self) -> Device {
        let (http, key, url) = (client(), DeviceKey::generate(), self.url());
        let post = async |path: &str, token: &str, body: Value| {
            let request = http.post(format!("{url}{path}")).bearer_auth(token).body(body.to_string());
            let answer = Answer::read(request.send().await.unwrap()).await.unwrap();
            assert_eq!(answer.status, 200, "{answer:?}");
            answer.body
        };
        let started = post("/api/device/link", "", json!({"publicKey": key.public().to_hex(), "name": "n", "platform": "p"})).await;
        let token = std::fs::read_to_string(self.installation.join("relay/operator.token")).unwrap();
        let approve = format!("/api/operator/links/{}/approve", started["userCode"].as_str().unwrap());
        post(&approve, token.trim(), json!({})).await;
        let linked = post("/api/device/link/token", "", json!({"deviceCode": started["deviceCode"]})).await;
        let linked: Linked = serde_json::from_value(linked).unwrap();
        Device::new(linked.device_id, key)
    }

    /// Makes a key as a desktop does.
    pub(crate) async fn make_a_key(&self, device: &Device) -> Caller {
        let (key_id, secret) = (KeyId::generate(Environment::Live), Secret::generate());
        let new = json!({"keyId": key_id, "secret": secret.expose(), "label": "test"});
        let answer = device.post(&self.url(), "/api/device/keys", &new).await.unwrap();
        assert_eq!(answer.status, 201, "{answer:?}");
        Caller::new(key_id, secret)
    }
}

impl Drop for RelayProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts the binary and waits until it says that it listens.
fn spawn(port: u16, installation: &Path, database: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_link-peeler"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LINK_PEELER_")) {
        command.env_remove(name);
    }
    command.args(["relay", "--json", "--listen", &format!("127.0.0.1:{port}"), "--database", database, "--data-dir"]).arg(installation);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let listens: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("the relay did not start: {line:?}"));
    assert_eq!(listens["address"], format!("127.0.0.1:{port}"));
    child
}
