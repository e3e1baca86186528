//! Bombs, drips and floods.

use std::time::Duration;

use async_compression::tokio::write::{BrotliEncoder, GzipEncoder, ZstdEncoder};
use tokio::io::AsyncWriteExt as _;

use crate::server::{page, read_request, start, start_answering};
use crate::{HOP, concluded, resolve_within, settings};

/// Ten times what a body may have.
const BOMB_BYTES: usize = 20 * 1_024 * 1_024;

macro_rules! packed {
    ($encoder:ident, $bytes:expr) => {{
        let mut encoder = $encoder::with_quality(Vec::new(), async_compression::Level::Fastest);
        encoder.write_all($bytes).await.unwrap();
        encoder.shutdown().await.unwrap();
        encoder.into_inner()
    }};
}

#[tokio::test]
async fn a_bomb_is_judged_by_its_first_two_mebibytes() {
    let zeros = vec![0; BOMB_BYTES];
    let once = packed!(GzipEncoder, &zeros);
    let twice = packed!(GzipEncoder, &once);
    for (coding, bomb) in
        [("gzip", once), ("gzip, gzip", twice), ("br", packed!(BrotliEncoder, &zeros)), ("zstd", packed!(ZstdEncoder, &zeros))]
    {
        let address = start_answering(page(&format!("Content-Encoding: {coding}\r\n"), &bomb)).await;
        assert_eq!(concluded(address, "http://a.test/").await, "content_unusable", "{coding}");
    }
}

#[tokio::test]
async fn codings_upon_codings_are_not_unpacked() {
    let address = start_answering(page("Content-Encoding: gzip, gzip, gzip, gzip, gzip\r\n", b"x")).await;
    assert_eq!(concluded(address, "http://a.test/").await, "content_unusable");
}

#[tokio::test]
async fn an_endless_body_is_read_to_the_limit_and_judged() {
    let address = start(async |mut stream| {
        read_request(&mut stream).await;
        let chunk = format!("4000\r\n{}\r\n", "offers ".repeat(2_341)[..0x4000].to_owned());
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n").await;
        while stream.write_all(chunk.as_bytes()).await.is_ok() {}
    })
    .await;
    assert_eq!(concluded(address, "http://a.test/").await, "valid");
}

#[tokio::test]
async fn a_redirect_is_followed_without_its_endless_body() {
    let address = start(async |mut stream| {
        while let Some(line) = read_request(&mut stream).await {
            if line.contains("/end") {
                let _ = stream.write_all(&page("", b"<title>x</title><p>here")).await;
            } else {
                let _ = stream.write_all(b"HTTP/1.1 302 Found\r\nLocation: /end\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n").await;
            }
        }
    })
    .await;
    let result = resolve_within(settings(address), "http://a.test/", Duration::ZERO, 1).await;
    assert_eq!(result.conclusion.code(), "valid");
}

#[tokio::test]
async fn a_body_that_drips_runs_out_of_time() {
    let address = start(async |mut stream| {
        read_request(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 100000\r\n\r\n").await;
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await;
    let result = resolve_within(settings(address), "http://a.test/", HOP, 1).await;
    assert_eq!(result.conclusion.code(), "timed_out");
    assert_eq!(result.http_status, Some(200));
}

#[tokio::test]
async fn a_head_that_drips_runs_out_of_time() {
    let address = start(async |mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
        while stream.write_all(b"X: y\r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await;
    assert_eq!(concluded(address, "http://a.test/").await, "timed_out");
}

#[tokio::test]
async fn a_head_without_end_is_cut_off() {
    let address = start(async |mut stream| {
        read_request(&mut stream).await;
        let field = format!("X-Filler: {}\r\n", "y".repeat(1_000));
        let _ = stream.write_all(b"HTTP/1.1 302 Found\r\nLocation: /x\r\n").await;
        while stream.write_all(field.as_bytes()).await.is_ok() {}
    })
    .await;
    let result = resolve_within(settings(address), "http://a.test/", HOP, 2).await;
    assert_eq!(result.conclusion.code(), "connect_failed");
    assert!(result.detail.contains("262144"), "{}", result.detail);
}

#[tokio::test]
async fn interim_answers_without_end_are_cut_off() {
    let address = start(async |mut stream| {
        read_request(&mut stream).await;
        while stream.write_all(b"HTTP/1.1 103 Early Hints\r\n\r\n").await.is_ok() {}
    })
    .await;
    assert_eq!(concluded(address, "http://a.test/").await, "connect_failed");
}

#[tokio::test]
async fn what_is_no_http_is_no_page() {
    for answer in [
        &b"SSH-2.0-OpenSSH_9.9\r\n\r\n"[..],
        b"\0\0\0\0\n\n",
        b"HTTP/1.1 99\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    ] {
        let address = start_answering(answer.to_vec()).await;
        assert_eq!(concluded(address, "http://a.test/").await, "connect_failed", "{}", String::from_utf8_lossy(answer));
    }
}
