//! Whoever has not proven who they are causes no write: the database's files are the same, byte for byte, after ten
//! thousand of them.

use std::path::Path;

use protocol::device_signature::DeviceKey;
use protocol::signature::{KEY_HEADER, SIGNATURE_HEADER};
use protocol::{DeviceId, JobId};
use sha2::{Digest, Sha256};

use crate::desk::{Desk, pull};
use crate::noise::Noise;
use crate::stage::{NOW, Stage};
use crate::wire::{Connection, Request};

const REQUESTS: u32 = 10_000;

/// Names, lengths and hashes of the database and its write-ahead log.
fn files(folder: &Path) -> Vec<(String, u64, String)> {
    ["relay.db", "relay.db-wal"]
        .map(|name| {
            let bytes = std::fs::read(folder.join(name)).unwrap();
            (name.to_owned(), bytes.len() as u64, data_encoding::HEXLOWER.encode(&Sha256::digest(&bytes)))
        })
        .into()
}

#[tokio::test]
async fn ten_thousand_strangers_write_nothing() {
    let stage = Stage::new().await;
    let job = stage.job("a").await;
    let stranger = Desk { id: DeviceId::random(NOW), key: DeviceKey::generate(), address: stage.address() };
    let desk = stage.desk().await;
    let impostor = Desk { id: desk.id, key: DeviceKey::generate(), address: stage.address() };
    let before = files(stage.folder.path());
    let mut noise = Noise(1);
    let mut connection = Connection::open(stage.address()).await;
    for number in 0..REQUESTS {
        let name = format!("offer-{number}");
        let request = match noise.below(12) {
            0 => stage.fetch(&name).with(SIGNATURE_HEADER, "0".repeat(64)),
            1 => stage.fetch(&name).with(KEY_HEADER, format!("lp_live_{number:020}")),
            2 => stage.fetch(&name).without(SIGNATURE_HEADER),
            3 => stage.signed_at(&stage.key, NOW.plus_seconds(-301), &stage.fresh_nonce(), ("POST", "/api/links/fetch", b"{}")),
            4 => stage.get(&format!("/api/links/jobs/{}", job.job_id)).with(SIGNATURE_HEADER, "1".repeat(64)),
            5 => stage.delete(&format!("/api/links/jobs/{}", JobId::random(NOW))).with(SIGNATURE_HEADER, "2".repeat(64)),
            6 => stranger.pull_request(&pull(16)),
            7 => impostor.pull_request(&pull(16)),
            8 => Request::new("POST", "/api/device/link").header("Host", "a").json(
                serde_json::json!({"publicKey": DeviceKey::generate().public().to_hex(), "name": "desk", "platform": "linux"}).to_string(),
            ),
            9 => Request::new("POST", "/api/device/link/token").header("Host", "a").json(format!(r#"{{"deviceCode":"{number}"}}"#)),
            10 => Request::new("POST", "/api/operator/links/ABCDEFGH/approve").header("Host", "a").header("Authorization", "Bearer x"),
            _ => Request::new("GET", "/nowhere").header("Host", "a"),
        };
        let answer = connection.send(&request).await;
        // Linking may be asked for by anybody, until as many codes wait as are kept.
        let is_link = request.target == "/api/device/link" && (answer.status == 200 || answer.status == 503);
        assert!(is_link || (400..500).contains(&answer.status), "{} to {} {}", answer.status, request.method, request.target);
    }
    assert_eq!(files(stage.folder.path()), before);
    assert_eq!(stage.send(&stage.fetch("b")).await.status, 202);
    assert_ne!(files(stage.folder.path()), before, "whoever proves who they are does write");
}
