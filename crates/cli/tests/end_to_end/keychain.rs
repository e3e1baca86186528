//! Secrets in a real keychain: a Secret Service of the test's own (gnome-keyring on a message bus of its own), where its
//! programs are installed. Elsewhere the test says that it was skipped.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::commands::run_in;
use crate::noise::Noise;
use crate::process::Process;
use crate::relay::Relay;

/// Desktops that are killed while they move secrets.
const ROUNDS: usize = 24;
/// Within which they are killed: a start with its move takes about as long.
const START: Duration = Duration::from_millis(900);

/// A message bus with a keychain on it, that ends with this.
struct Session {
    bus: Child,
    keyring: Child,
    address: String,
    home: tempfile::TempDir,
}

impl Session {
    /// `None`: its programs are not installed.
    fn start() -> Option<Self> {
        let home = tempfile::tempdir().unwrap();
        let mut bus = Command::new("dbus-daemon");
        bus.args(["--session", "--nofork", "--print-address"]).env("XDG_RUNTIME_DIR", home.path());
        let mut bus = bus.stdout(Stdio::piped()).stderr(Stdio::null()).stdin(Stdio::null()).spawn().ok()?;
        let mut address = String::new();
        BufReader::new(bus.stdout.take()?).read_line(&mut address).ok()?;
        let address = address.trim().to_owned();
        let mut keyring = Command::new("gnome-keyring-daemon");
        keyring.args(["--foreground", "--unlock", "--components=secrets"]).env("DBUS_SESSION_BUS_ADDRESS", &address);
        keyring.env("HOME", home.path()).env("XDG_RUNTIME_DIR", home.path()).env("XDG_DATA_HOME", home.path());
        let Ok(mut keyring) = keyring.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn() else {
            let _ = bus.kill();
            let _ = bus.wait();
            return None;
        };
        // Its passphrase; the end of it is the end of the input.
        keyring.stdin.take()?.write_all(b"of this test").unwrap();
        Some(Self { bus, keyring, address, home })
    }

    fn environment(&self) -> [(&str, &str); 2] {
        [("DBUS_SESSION_BUS_ADDRESS", &self.address), ("HOME", self.home.path().to_str().unwrap())]
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        for child in [&mut self.keyring, &mut self.bus] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn desktop<'a>(relay: &'a str, folder: &'a str, secrets: &'a str) -> [&'a str; 10] {
    ["desktop", "--json", "--no-browser", "--no-pages", "--relay", relay, "--data-dir", folder, "--secrets", secrets]
}

fn names(folder: &Path) -> Vec<Value> {
    let record: Value = serde_json::from_slice(&std::fs::read(folder.join("desktop/secrets.json")).unwrap()).unwrap();
    record["names"].as_array().unwrap().clone()
}

#[tokio::test]
async fn secrets_move_to_a_real_keychain_and_back_and_none_is_lost() {
    let Some(session) = Session::start() else {
        println!("SKIPPED: dbus-daemon and gnome-keyring-daemon are not installed (Debian: dbus-daemon, gnome-keyring)");
        return;
    };
    let (installation, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let relay = Relay::start(installation.path()).await;
    let (url, folder) = (relay.url(), data.path().to_str().unwrap().to_owned());
    let environment = session.environment();
    let start = |secrets: &str| Process::start_in(&environment, &desktop(&url, &folder, secrets));
    let place = async |process: &Process| process.says("a desktop has started", |said| said["event"] == "started").await["secrets"].clone();

    let linking = start("file");
    let code = linking.says("a desktop shows its code", |said| said["event"] == "code").await;
    relay.approve(code["userCode"].as_str().unwrap()).await;
    assert_eq!(place(&linking).await["place"], "file");
    linking.stop();
    let keys = |arguments: &[&str]| run_in(&environment, &[&["keys"], arguments, &["--json", "--data-dir", &folder]].concat());
    let key = keys(&["create", "--label", "kept"]).unwrap().remove(0)["keyId"].as_str().unwrap().to_owned();
    // Signs with whatever secret is kept here.
    let verify = || run_in(&environment, &["verify", "--json", "--relay", &url, "--key", &key, "--data-dir", &folder]);
    verify().unwrap();

    let moved = start("auto");
    assert_eq!(place(&moved).await, serde_json::json!({"place": "keychain"}));
    moved.stop();
    for file in ["device.key", "keyring.json"] {
        assert!(!data.path().join("desktop").join(file).exists(), "{file}");
    }
    assert_eq!(names(data.path()), ["device", &key]);
    verify().unwrap();
    assert_eq!(keys(&["list"]).unwrap()[0]["secret"], "here");
    // Whoever cannot reach the keychain is told so, and nothing is taken for lost.
    let nowhere = [("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere"), environment[1]];
    let refused = run_in(&nowhere, &["keys", "list", "--json", "--data-dir", &folder]).unwrap_err();
    assert!(refused.contains("Secret Service"), "{refused}");
    let second = keys(&["create", "--label", "made there"]).unwrap().remove(0)["keyId"].as_str().unwrap().to_owned();
    keys(&["rotate", &key, "--overlap", "1h"]).unwrap();
    verify().unwrap();

    let mut noise = Noise(4);
    let mut killed_at_work = 0;
    for round in 0..ROUNDS {
        let mut process = start(["file", "keychain"][round % 2]);
        tokio::time::sleep(noise.moment(START)).await;
        killed_at_work += usize::from(process.said(|said| said["event"] == "started").is_empty());
        process.kill();
        verify().unwrap_or_else(|why| panic!("round {round}: {why}"));
        assert!(keys(&["list"]).unwrap().iter().all(|key| key["secret"] == "here"), "round {round}");
    }
    println!("{killed_at_work} of {ROUNDS} desktops killed before they had started");

    keys(&["revoke", &second]).unwrap();
    let back = start("file");
    assert_eq!(place(&back).await["place"], "file");
    back.stop();
    assert_eq!(names(data.path()), [] as [Value; 0], "nothing is left in the keychain");
    let without = [("DBUS_SESSION_BUS_ADDRESS", ""), environment[1]];
    run_in(&without, &["verify", "--json", "--relay", &url, "--key", &key, "--data-dir", &folder]).unwrap();
    relay.stop();
}
