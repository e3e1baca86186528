//! Requests that are hardly HTTP: none is accepted, none brings the relay down, none makes it see two requests in one.

use crate::stage::Stage;
use crate::wire::{Connection, refused};

/// The statuses of everything that came back on a connection before it ended.
async fn statuses(stage: &Stage, bytes: &[u8]) -> Vec<u16> {
    let mut connection = Connection::open(stage.address()).await;
    let _ = connection.write(bytes).await;
    let mut statuses = Vec::new();
    while let Some(answer) = connection.next_answer().await {
        statuses.push(answer.status);
    }
    statuses
}

#[tokio::test]
async fn nonsense_is_refused_and_the_connection_ended() {
    let stage = Stage::new().await;
    let nonsense: [&[u8]; 9] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS hello\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET  /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /api/links/fetch HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/links/fetch HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        b"POST /api/links/fetch HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"POST /api/links/fetch HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nBad Header: x\r\n\r\n",
    ];
    for bytes in nonsense {
        let statuses = statuses(&stage, bytes).await;
        assert!(statuses.iter().all(|status| (400..500).contains(status)), "{statuses:?} to {}", String::from_utf8_lossy(bytes));
    }
    assert_eq!(stage.send(&stage.fetch("a")).await.status, 202, "it serves on");
}

#[tokio::test]
async fn an_endless_head_is_cut() {
    let stage = Stage::new().await;
    let head = format!("GET /healthz HTTP/1.1\r\nHost: a\r\nX-Long: {}\r\n\r\n", "a".repeat(64 * 1_024));
    let statuses = statuses(&stage, head.as_bytes()).await;
    assert!(statuses.iter().all(|status| (400..500).contains(status)), "{statuses:?}");
    let many = format!("GET /healthz HTTP/1.1\r\nHost: a\r\n{}\r\n", "X-Many: a\r\n".repeat(1_000));
    let statuses = self::statuses(&stage, many.as_bytes()).await;
    assert!(statuses.iter().all(|status| (400..500).contains(status)), "{statuses:?}");
}

#[tokio::test]
async fn a_body_whose_length_is_told_twice_hides_no_second_request() {
    let stage = Stage::new().await;
    let hidden = stage.fetch("hidden").to_bytes();
    let outer = stage.fetch_of(b"").without("Content-Length");
    let mut bytes = String::from_utf8(outer.to_bytes()).unwrap();
    bytes = bytes.replace("Content-Length: 0\r\n", &format!("Content-Length: {}\r\nTransfer-Encoding: chunked\r\n", hidden.len() + 5));
    let bytes = [bytes.as_bytes(), b"0\r\n\r\n", &hidden].concat();
    let mut connection = Connection::open(stage.address()).await;
    connection.write(&bytes).await.unwrap();
    // Whichever length is taken, one side of a proxy could have taken the other: the connection must not go on.
    let first = connection.next_answer().await;
    assert!(first.is_none_or(|answer| answer.status >= 400));
    assert!(connection.next_answer().await.is_none(), "no second answer");
}

#[tokio::test]
async fn requests_in_one_packet_are_answered_in_order() {
    let stage = Stage::new().await;
    let mut connection = Connection::open(stage.address()).await;
    let bytes: Vec<u8> = (0..5).flat_map(|number| stage.fetch(&format!("offer-{number}")).to_bytes()).collect();
    connection.write(&bytes).await.unwrap();
    for number in 0..5 {
        assert_eq!(connection.answer().await.read::<protocol::Job>(202).row_id, format!("offer-{number}"));
    }
}

#[tokio::test]
async fn a_request_in_single_bytes_is_understood() {
    let stage = Stage::new().await;
    let mut connection = Connection::open(stage.address()).await;
    for byte in stage.fetch("a").to_bytes() {
        connection.write(&[byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(connection.answer().await.status, 202);
}

#[tokio::test]
async fn a_sender_that_asks_first_is_told_to_go_on() {
    let stage = Stage::new().await;
    let mut connection = Connection::open(stage.address()).await;
    let request = stage.fetch("a").header("Expect", "100-continue");
    let bytes = request.to_bytes();
    let (head, body) = bytes.split_at(bytes.len() - request.body.len());
    connection.write(head).await.unwrap();
    assert_eq!(connection.answer().await.status, 100);
    connection.write(body).await.unwrap();
    assert_eq!(connection.answer().await.status, 202);
}

#[tokio::test]
async fn a_sender_that_asks_first_with_too_large_a_body_is_told_not_to() {
    let stage = Stage::new().await;
    let mut connection = Connection::open(stage.address()).await;
    let request = stage.fetch_of(&vec![b' '; 100_000]).header("Expect", "100-continue");
    let bytes = request.to_bytes();
    connection.write(&bytes[..bytes.len() - request.body.len()]).await.unwrap();
    assert_eq!(connection.answer().await.refusal(), refused(413, "body_too_large"));
}

#[tokio::test]
async fn http_2_is_spoken_to_those_who_begin_with_it() {
    use http_body_util::{BodyExt, Full};
    let stage = Stage::new().await;
    let stream = tokio::net::TcpStream::connect(stage.address()).await.unwrap();
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, hyper_util::rt::TokioIo::new(stream)).await.unwrap();
    let driven = tokio::spawn(connection);
    for number in 0..20 {
        let signed = stage.fetch(&format!("offer-{number}"));
        let mut request = hyper::Request::post(format!("http://{}/api/links/fetch", stage.address()));
        for (name, value) in signed.headers.iter().filter(|(name, _)| name != "Host") {
            request = request.header(name, value.as_slice());
        }
        let answer = sender.send_request(request.body(Full::new(bytes::Bytes::from(signed.body))).unwrap()).await.unwrap();
        assert_eq!(answer.status(), 202);
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(serde_json::from_slice::<protocol::Job>(&body).unwrap().row_id, format!("offer-{number}"));
    }
    driven.abort();
}
