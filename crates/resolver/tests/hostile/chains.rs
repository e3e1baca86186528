//! Chains that never end, and those that turn back into the network that they are followed from.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::io::AsyncWriteExt as _;

use crate::server::{page, read_request, start};
use crate::{CHAIN, HOP, concluded, resolve_within, settings};

#[tokio::test]
async fn ten_thousand_distinct_redirects_end_at_the_twentieth() {
    let asked = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&asked);
    let address = start(move |mut stream| {
        let counter = Arc::clone(&counter);
        async move {
            while read_request(&mut stream).await.is_some() {
                let turn = counter.fetch_add(1, Ordering::SeqCst);
                let _ = stream
                    .write_all(
                        format!("HTTP/1.1 302 Found\r\nLocation: http://h{turn}.test/{turn}\r\nContent-Length: 0\r\n\r\n").as_bytes(),
                    )
                    .await;
            }
        }
    })
    .await;
    let result = resolve_within(settings(address), "http://a.test/", CHAIN, 1).await;
    assert_eq!(result.conclusion.code(), "too_many_hops");
    assert_eq!((result.hops.len(), asked.load(Ordering::SeqCst)), (20, 20));
}

#[tokio::test]
async fn refreshes_without_end_stop_at_the_chains_limit() {
    let asked = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&asked);
    let address = start(move |mut stream| {
        let counter = Arc::clone(&counter);
        async move {
            while read_request(&mut stream).await.is_some() {
                let turn = counter.fetch_add(1, Ordering::SeqCst);
                let body = format!("<meta http-equiv=refresh content='0;url=/{turn}'><p>on");
                let _ = stream.write_all(&page("", body.as_bytes())).await;
            }
        }
    })
    .await;
    let result = resolve_within(settings(address), "http://a.test/start", CHAIN, 1).await;
    assert_eq!((result.conclusion.code(), result.hops.len()), ("too_many_hops", 40));
}

#[tokio::test]
async fn a_chain_of_slow_hops_runs_out_of_the_chains_budget() {
    let address = start(async |mut stream| {
        let mut turn = 0;
        while read_request(&mut stream).await.is_some() {
            tokio::time::sleep(HOP / 2).await;
            turn += 1;
            let _ = stream.write_all(format!("HTTP/1.1 302 Found\r\nLocation: /{turn}\r\nContent-Length: 0\r\n\r\n").as_bytes()).await;
        }
    })
    .await;
    let result = resolve_within(settings(address), "http://a.test/", CHAIN, 1).await;
    assert_eq!(result.conclusion.code(), "timed_out");
    assert!(result.detail.contains("the chain"), "{}", result.detail);
}

#[tokio::test]
async fn every_way_back_into_the_network_is_refused() {
    for target in [
        "http://127.0.0.1:1/",
        "http://[::1]/",
        "http://2130706433/",
        "//169.254.169.254/latest",
        "http://localhost/",
        "http://[::ffff:10.0.0.1]/",
        "http://a.test:25/",
    ] {
        for answer in [
            format!("HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n"),
            format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nRefresh: 0;url={target}\r\nContent-Length: 4\r\n\r\n<p>x"),
        ] {
            let address = crate::server::start_answering(answer.into_bytes()).await;
            assert_eq!(concluded(address, "http://a.test/").await, "target_refused", "{target}");
        }
    }
}

#[tokio::test]
async fn a_connection_that_the_server_has_closed_meanwhile_is_replaced_without_a_word() {
    let address = start(async |mut stream| {
        // One answer a connection, although the head promises more.
        if let Some(line) = read_request(&mut stream).await {
            let location = if line.contains("/1 ") { "/2" } else { "/1" };
            let redirect = format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n").into_bytes();
            let answer = if line.contains("/2 ") { page("", b"<p>here") } else { redirect };
            let _ = stream.write_all(&answer).await;
        }
    })
    .await;
    assert_eq!(concluded(address, "http://a.test/0").await, "valid");
}

#[tokio::test]
async fn a_server_that_counts_visits_without_a_word_is_followed_to_where_it_counts() {
    for (kind, redirect) in [
        ("http", "HTTP/1.1 302 Found\r\nLocation: /s\r\nContent-Length: 0\r\n\r\n"),
        ("refresh", "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nRefresh: 0\r\nContent-Length: 4\r\n\r\n<p>x"),
    ] {
        let asked = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&asked);
        let address = start(move |mut stream| {
            let counter = Arc::clone(&counter);
            async move {
                while read_request(&mut stream).await.is_some() {
                    let is_last = counter.fetch_add(1, Ordering::SeqCst) == 3;
                    let _ = stream.write_all(&if is_last { page("", b"<p>here") } else { redirect.as_bytes().to_vec() }).await;
                }
            }
        })
        .await;
        assert_eq!(concluded(address, "http://a.test/s").await, "valid", "{kind}");
    }
}
