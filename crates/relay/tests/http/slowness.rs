//! Slow peers: heads and bodies that do not come are cut. The runtime's clock jumps ahead whenever all of it waits.

use std::time::Duration;

use tokio::time::Instant;

use crate::stage::Stage;
use crate::wire::{Connection, refused};

#[tokio::test]
async fn a_connection_on_which_nothing_comes_is_closed() {
    let stage = Stage::new().await;
    let connection = Connection::open(stage.address()).await;
    tokio::time::pause();
    let began = Instant::now();
    assert_eq!(connection.until_closed().await, b"");
    assert!(began.elapsed() <= Duration::from_secs(65), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_head_that_never_ends_is_cut() {
    let stage = Stage::new().await;
    for beginning in ["P", "PRI ", "POST /api/links/fetch HTTP/1.1\r\nHost: a\r\nX-Slow: "] {
        let mut connection = Connection::open(stage.address()).await;
        connection.write(beginning.as_bytes()).await.unwrap();
        tokio::time::pause();
        let began = Instant::now();
        let answer = connection.until_closed().await;
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408") || !answer.starts_with("HTTP"), "{answer}");
        assert!(began.elapsed() <= Duration::from_secs(130), "{beginning:?} for {:?}", began.elapsed());
        tokio::time::resume();
    }
}

#[tokio::test]
async fn a_head_that_trickles_in_is_cut_too() {
    let stage = Stage::new().await;
    let mut connection = Connection::open(stage.address()).await;
    connection.write(b"GET /healthz HTTP/1.1\r\n").await.unwrap();
    tokio::time::pause();
    let began = Instant::now();
    let mut cut = false;
    while !cut && began.elapsed() < Duration::from_secs(300) {
        tokio::time::sleep(Duration::from_secs(5)).await;
        // Writing to a closed connection fails at the second try at the latest.
        cut = connection.write(b"X-Slow: 1\r\n").await.is_err();
    }
    assert!(cut && began.elapsed() < Duration::from_secs(90), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_body_that_never_ends_is_answered_and_the_connection_closed() {
    let stage = Stage::new().await;
    let bytes = stage.fetch("a").to_bytes();
    let mut connection = Connection::open(stage.address()).await;
    connection.write(&bytes[..bytes.len() - 3]).await.unwrap();
    tokio::time::pause();
    let began = Instant::now();
    assert_eq!(connection.answer().await.refusal(), refused(408, "request_timeout"));
    assert!(began.elapsed() <= Duration::from_secs(15), "{:?}", began.elapsed());
    assert_eq!(connection.until_closed().await, b"");
}

#[tokio::test]
async fn a_connection_that_has_been_served_may_be_silent_for_a_while_and_is_then_closed() {
    let stage = Stage::new().await;
    let mut connection = Connection::open(stage.address()).await;
    assert_eq!(connection.send(&stage.fetch("a")).await.status, 202);
    tokio::time::pause();
    let began = Instant::now();
    assert_eq!(connection.until_closed().await, b"");
    assert!((30..=65).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}
