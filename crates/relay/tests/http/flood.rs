//! What strangers can make a relay do, and hold.

use std::time::Duration;

use protocol::DeviceId;
use protocol::device_signature::DeviceKey;
use tokio::time::Instant;

use crate::desk::Desk;
use crate::stage::{NOW, Stage, payload};
use crate::wire::{Connection, refused};

/// Far below the time that a body may take to arrive.
const AT_ONCE: Duration = Duration::from_secs(5);

#[tokio::test]
async fn whoever_is_no_device_is_refused_before_a_byte_of_its_body_is_read() {
    let stage = Stage::new().await;
    let linked = stage.desk().await;
    let unknown = Desk { id: DeviceId::random(NOW), key: DeviceKey::generate(), address: stage.address() };
    let impostor = Desk { id: linked.id, key: DeviceKey::generate(), address: stage.address() };
    for desk in [&unknown, &impostor] {
        let request = desk.signed_at(NOW, "POST", "/api/device/report", &vec![b' '; 4_000_000]);
        let head = request.to_bytes();
        let mut connection = Connection::open(stage.address()).await;
        let began = Instant::now();
        connection.write(&head[..head.len() - 4_000_000]).await.unwrap();
        assert_eq!(connection.answer().await.refusal(), refused(401, "invalid_credentials"));
        assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    }
}

#[tokio::test]
async fn strangers_devices_in_any_number_leave_the_known_ones_alone() {
    let stage = Stage::new().await;
    let desk = stage.desk().await;
    let mut connection = Connection::open(stage.address()).await;
    for _ in 0..300 {
        let unknown = Desk { id: DeviceId::random(NOW), key: DeviceKey::generate(), address: stage.address() };
        assert_eq!(connection.send(&unknown.pull_request(&crate::desk::pull(1))).await.status, 401);
    }
    assert_eq!(connection.send(&desk.pull_request(&crate::desk::pull(1))).await.status, 200);
}

#[tokio::test]
async fn bodies_that_are_held_at_once_have_a_bound_over_all_connections() {
    let stage = Stage::with(|config| config.held_body_bytes = 100_000).await;
    let mut body = payload("large").to_string().into_bytes();
    body.resize(60_000, b' ');
    let large = stage.fetch_of(&body).to_bytes();
    let mut half_sent = Connection::open(stage.address()).await;
    half_sent.write(&large[..large.len() - 1]).await.unwrap();
    // What was sent may not have been read yet.
    let full = loop {
        let answer = stage.send(&stage.fetch_of(&body)).await;
        if answer.status != 202 {
            break answer;
        }
    };
    assert_eq!(full.refusal(), refused(503, "overloaded"));
    assert!(full.header("retry-after").is_some());
    // There is room for small ones.
    stage.job("small").await;
    half_sent.write(&large[large.len() - 1..]).await.unwrap();
    assert_eq!(half_sent.answer().await.status, 202);
    assert_eq!(stage.send(&stage.fetch_of(&body)).await.status, 202, "what was held is free again");
}
