//! `link-peeler keys` and `link-peeler secrets` killed in the middle, again and again: afterwards what the desktop knows, what
//! its keyring holds and what the relay has agree, and nothing that was revoked is back.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use protocol::{KeyId, Secret};
use serde_json::Value;

use crate::caller::Caller;
use crate::commands::{Started, run};
use crate::desktop::Desktop;
use crate::noise::Noise;
use crate::relay::Relay;

/// Commands that are killed, of each kind.
const ROUNDS: usize = 24;

/// A relay and a desktop that is linked to it, and not running.
struct Here {
    relay: Relay,
    /// The relay's data.
    installation: tempfile::TempDir,
    folder: tempfile::TempDir,
    noise: Noise,
    /// What a command takes when nobody kills it.
    usual: Duration,
    killed: usize,
}

impl Here {
    async fn new(seed: u64) -> Self {
        let (installation, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let relay = Relay::start(installation.path()).await;
        let mut desktop = Desktop::start(&relay, folder.path(), &[]).await;
        desktop.kill();
        let mut here = Self { relay, installation, folder, noise: Noise(seed), usual: Duration::ZERO, killed: 0 };
        let began = Instant::now();
        here.keys(&["create", "--label", "first"]);
        here.usual = began.elapsed();
        here
    }

    fn folder(&self) -> PathBuf {
        self.folder.path().join("desktop")
    }

    fn keys(&self, arguments: &[&str]) -> Vec<Value> {
        run(&texts(&self.arguments(arguments)))
    }

    fn arguments(&self, arguments: &[&str]) -> Vec<String> {
        let common = ["--json", "--data-dir", self.folder.path().to_str().unwrap()];
        ["keys"].iter().chain(arguments).chain(&common).map(|text| (*text).to_owned()).collect()
    }

    /// Starts a command and kills it: at any moment, or soon after it has begun to write.
    fn kill(&mut self, round: usize, arguments: &[&str]) {
        let arguments = self.arguments(arguments);
        let mut started = Started::new(&texts(&arguments));
        let moment = if round.is_multiple_of(3) {
            self.noise.moment(self.usual)
        } else {
            started = started.until_it_writes(&self.folder(), "keys-");
            self.noise.moment(Duration::from_millis(40))
        };
        self.killed += usize::from(started.kill_after(moment));
    }

    /// Has the command bring everything in line, and holds the three places against each other. The keys that sign.
    async fn expect_aligned(&self, what: &str) -> Vec<String> {
        let listed = self.keys(&["list", "--all"]);
        let kept = keyring(&self.folder());
        let mut live = Vec::new();
        for key in &listed {
            let id = key["keyId"].as_str().unwrap();
            assert_eq!(key["intent"], Value::Null, "{what}: {key}");
            if key["revokedAt"].is_null() {
                // Whatever the relay has, somebody here can sign with.
                assert_eq!(key["secret"], "here", "{what}: {key}");
                assert_eq!(self.verifies(id, &kept[id]).await, 200, "{what}: {key}");
                live.push(id.to_owned());
            } else {
                assert!(!kept.contains_key(id), "{what}: the secret of a revoked key is kept: {key}");
            }
        }
        let known: Vec<&String> = kept.keys().filter(|name| !live.contains(name)).collect();
        assert!(known.is_empty(), "{what}: secrets of keys that nobody has: {known:?}");
        live
    }

    async fn verifies(&self, id: &str, secret: &str) -> u16 {
        let caller = Caller::new(self.relay.url(), id.parse::<KeyId>().unwrap(), Secret::new(secret.to_owned()));
        caller.verify().await
    }
}

fn texts(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

/// What the desktop's keyring holds, by name.
fn keyring(folder: &Path) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(folder.join("keyring.json")).unwrap();
    let contents: Value = serde_json::from_str(&text).unwrap();
    let text = |entry: &Value, member: &str| entry[member].as_str().unwrap().to_owned();
    contents["keys"].as_array().unwrap().iter().map(|entry| (text(entry, "keyId"), text(entry, "secret"))).collect()
}

#[tokio::test]
async fn making_rotating_and_revoking_keys_survive_being_killed() {
    let mut here = Here::new(1).await;
    for round in 0..ROUNDS {
        here.kill(round, &["create", "--label", "killed"]);
        here.expect_aligned(&format!("create, round {round}")).await;
    }
    let mut live = here.expect_aligned("all of them made").await;
    assert!(live.len() > 1, "some of them came to something");
    for round in 0..ROUNDS {
        let key = live[round % live.len()].clone();
        let before = keyring(&here.folder())[&key].clone();
        here.kill(round, &["rotate", &key, "--overlap", "1h"]);
        assert_eq!(here.expect_aligned(&format!("rotate, round {round}")).await.len(), live.len());
        assert_eq!(here.verifies(&key, &before).await, 200, "the secret before signs on, rotated or not");
    }
    let mut revoked: Vec<(String, String)> = Vec::new();
    for round in 0..ROUNDS.min(live.len() - 1) {
        let key = live.pop().unwrap();
        let secret = keyring(&here.folder())[&key].clone();
        here.kill(round, &["revoke", &key]);
        let aligned = here.expect_aligned(&format!("revoke, round {round}")).await;
        if !aligned.contains(&key) {
            revoked.push((key, secret));
        }
        for (key, secret) in &revoked {
            assert!(!aligned.contains(key), "{key} is back");
            assert_eq!(here.verifies(key, secret).await, 401, "{key}");
        }
    }
    assert!(!revoked.is_empty(), "none was revoked");
    println!("{} commands killed at work; {} keys revoked", here.killed, revoked.len());
    here.relay.stop();
}

#[tokio::test]
async fn what_was_revoked_stays_revoked_when_the_relay_goes_back_in_time() {
    let mut here = Here::new(2).await;
    let key = here.keys(&["create", "--label", "leaked"]).remove(0);
    let (id, secret) = (key["keyId"].as_str().unwrap().to_owned(), key["secret"].as_str().unwrap().to_owned());
    let backup = here.folder.path().join("backup.db");
    let data = here.installation.path().to_str().unwrap().to_owned();
    run(&["db", "backup", backup.to_str().unwrap(), "--data-dir", &data, "--json"]);
    here.keys(&["revoke", &id]);
    assert_eq!(here.verifies(&id, &secret).await, 401);
    here.relay.kill();
    let database = here.installation.path().join("relay/relay.sqlite");
    for suffix in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", database.display()));
    }
    std::fs::copy(&backup, &database).unwrap();
    here.relay.start_again().await;
    assert_eq!(here.verifies(&id, &secret).await, 200, "the relay knows nothing of it");
    // The desktop does. It dies in the middle of saying so, too.
    for round in 0..6 {
        here.kill(round, &["list"]);
    }
    assert!(!here.expect_aligned("a relay that went back in time").await.contains(&id));
    assert_eq!(here.verifies(&id, &secret).await, 401);
    here.relay.stop();
}

#[tokio::test]
async fn changing_the_sealing_key_survives_being_killed() {
    let mut here = Here::new(3).await;
    for number in 0..6 {
        here.keys(&["create", "--label", &format!("key {number}")]);
    }
    let data = here.installation.path().to_str().unwrap().to_owned();
    let secrets =
        |command: &'static str| ["secrets".to_owned(), command.to_owned(), "--data-dir".to_owned(), data.clone(), "--json".to_owned()];
    for round in 0..ROUNDS {
        let arguments = secrets(["rotate", "prepare", "retire"][round % 3]);
        let mut started = Started::new(&texts(&arguments));
        if round.is_multiple_of(2) {
            started = started.until_it_writes(&here.installation.path().join("relay"), "");
        }
        let moment = here.noise.moment(here.usual / 2);
        here.killed += usize::from(started.kill_after(moment));
        // Every secret can be opened by what is there, now and after a restart.
        run(&texts(&secrets("status")));
        if round.is_multiple_of(4) {
            here.relay.kill();
            here.relay.start_again().await;
        }
        assert_eq!(here.expect_aligned(&format!("sealing, round {round}")).await.len(), 7);
    }
    run(&texts(&secrets("rotate")));
    run(&texts(&secrets("retire")));
    let status = run(&texts(&secrets("status"))).remove(0);
    assert_eq!(status["generations"].as_array().unwrap().iter().filter(|one| one["secrets"] != 0).count(), 1, "{status}");
    here.relay.kill();
    here.relay.start_again().await;
    assert_eq!(here.expect_aligned("the new sealing key").await.len(), 7);
    println!("{} commands killed at work", here.killed);
    here.relay.stop();
}
