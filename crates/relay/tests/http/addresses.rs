//! Where requests come from, and what an address may send that nobody has proven to be theirs. The relay takes loopback
//! for a trusted proxy here, so that a test is at any address that it likes.

use protocol::linking::{LinkRequest, LinkStarted};
use protocol::signature::SIGNATURE_HEADER;
use relay::{ProxyHeaders, TrustedProxies};

use crate::stage::Stage;
use crate::wire::{Connection, Request, refused};

pub(crate) async fn behind_a_proxy(limit: &str, headers: ProxyHeaders) -> Stage {
    Stage::with(|config| {
        config.trusted_proxies = TrustedProxies { networks: vec!["127.0.0.0/8".parse().unwrap()], headers };
        config.address_limit = Some(limit.parse().unwrap());
    })
    .await
}

fn unsigned(address: &str) -> Request {
    Request::new("GET", "/api/rows").header("Host", "a").header("X-Forwarded-For", address)
}

#[tokio::test]
async fn an_address_that_proves_nothing_is_told_when_to_come_again_before_its_body_is_read() {
    let stage = behind_a_proxy("1:20", ProxyHeaders::XForwarded).await;
    let mut connection = Connection::open(stage.address()).await;
    for _ in 0..20 {
        assert_eq!(connection.send(&unsigned("203.0.113.7")).await.status, 401);
    }
    // A body is announced and never comes: the answer does not wait for it.
    let body = stage.fetch("a").header("X-Forwarded-For", "203.0.113.7").to_bytes();
    let mut waiting = Connection::open(stage.address()).await;
    waiting.write(&body[..body.len() - 20]).await.unwrap();
    let limited = waiting.answer().await;
    assert_eq!(limited.refusal(), refused(429, "rate_limited"));
    assert!((1..=2).contains(&limited.header("retry-after").unwrap().parse::<u64>().unwrap()));
    assert_eq!(limited.json()["violated-policies"], serde_json::json!(["address"]));
    // Others are not concerned, wherever the same connection of the proxy speaks for them.
    assert_eq!(connection.send(&unsigned("203.0.113.8")).await.status, 401);
    assert_eq!(connection.send(&stage.fetch("b").header("X-Forwarded-For", "203.0.113.8")).await.status, 202);
    let mut metrics = Connection::open(stage.relay.metrics_address().unwrap()).await;
    let counted = metrics.send(&Request::new("GET", "/metrics").header("Host", "a")).await.text();
    assert!(counted.contains("link_peeler_address_limited_total 1\n"), "{counted}");
}

#[tokio::test]
async fn callers_and_desktops_behind_one_address_are_never_limited_there() {
    let stage = behind_a_proxy("1:3", ProxyHeaders::XForwarded).await;
    let desk = stage.desk().await;
    let mut connection = Connection::open(stage.address()).await;
    for number in 0..50 {
        let fetch = stage.fetch(&format!("offer-{number}")).header("X-Forwarded-For", "203.0.113.7");
        assert_eq!(connection.send(&fetch).await.status, 202);
        let pull = desk.pull_request(&crate::desk::pull(1)).header("X-Forwarded-For", "203.0.113.7");
        assert_eq!(connection.send(&pull).await.status, 200);
        // What is refused for another reason than its signature is the key's business.
        let invalid = stage.fetch_of(b"{}").header("X-Forwarded-For", "203.0.113.7");
        assert_eq!(connection.send(&invalid).await.status, 422);
    }
}

#[tokio::test]
async fn a_wrong_signature_pays() {
    let stage = behind_a_proxy("1:3", ProxyHeaders::XForwarded).await;
    let mut connection = Connection::open(stage.address()).await;
    let mut statuses = Vec::new();
    for number in 0..5 {
        let forged = stage.fetch(&format!("offer-{number}")).with(SIGNATURE_HEADER, "0".repeat(64));
        statuses.push(connection.send(&forged.header("X-Forwarded-For", "2001:db8::7")).await.status);
    }
    assert_eq!(statuses, [401, 401, 401, 429, 429]);
    assert_eq!(connection.send(&unsigned("2001:db8::ffff")).await.status, 429, "a /64 is one address");
    assert_eq!(connection.send(&unsigned("2001:db8:0:1::1")).await.status, 401);
}

#[tokio::test]
async fn this_machine_is_not_limited() {
    let stage = Stage::with(|config| config.address_limit = Some("1:3".parse().unwrap())).await;
    let mut connection = Connection::open(stage.address()).await;
    for _ in 0..50 {
        assert_eq!(connection.send(&unsigned("203.0.113.7")).await.status, 401);
    }
}

/// Where the relay says that a desktop has asked from.
async fn seen_at(stage: &Stage, headers: &[(&str, &str)]) -> String {
    let key = protocol::device_signature::DeviceKey::generate().public().to_hex();
    let message = LinkRequest { public_key: key, name: "desk".to_owned(), platform: "linux".to_owned() };
    let mut request = Request::new("POST", "/api/device/link").header("Host", "a").json(serde_json::to_vec(&message).unwrap());
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let started: LinkStarted = stage.send(&request).await.read(200);
    stage.relay.pending_links().into_iter().find(|link| link.user_code == started.user_code).unwrap().address
}

#[tokio::test]
async fn only_a_trusted_proxy_says_whom_it_speaks_for() {
    let claims = [("X-Forwarded-For", "198.51.100.1, 203.0.113.7"), ("Forwarded", "for=203.0.113.9")];
    assert_eq!(seen_at(&Stage::new().await, &claims).await, "127.0.0.1");
    assert_eq!(seen_at(&behind_a_proxy("1:20", ProxyHeaders::XForwarded).await, &claims).await, "203.0.113.7");
    let standard = behind_a_proxy("1:20", ProxyHeaders::Forwarded).await;
    assert_eq!(seen_at(&standard, &claims).await, "203.0.113.9");
    assert_eq!(seen_at(&standard, &[("X-Forwarded-For", "203.0.113.7")]).await, "127.0.0.1", "the other family is not read");
    assert_eq!(seen_at(&standard, &[]).await, "127.0.0.1");
}

#[tokio::test]
async fn a_desktop_signs_the_url_that_a_trusted_proxy_was_asked_for() {
    for (trusted, status) in [(true, 200), (false, 401)] {
        let stage = if trusted { behind_a_proxy("1:20", ProxyHeaders::XForwarded).await } else { Stage::new().await };
        let desk = stage.desk().await;
        let body = serde_json::to_vec(&crate::desk::pull(1)).unwrap();
        let uri = "https://relay.example/api/device/pull";
        let headers = protocol::device_signature::sign(&desk.key, desk.id, stage.now(), "POST", uri, &body);
        let mut request = Request::new("POST", "/api/device/pull").header("Host", "10.0.0.7").json(body);
        for (name, value) in headers.pairs() {
            request = request.header(name, value);
        }
        let request = request.header("X-Forwarded-For", "203.0.113.7").header("X-Forwarded-Proto", "https");
        let answer = stage.send(&request.header("X-Forwarded-Host", "relay.example")).await;
        assert_eq!(answer.status, status, "{}", answer.text());
    }
}

/// Resident memory of this process, relay and test, in KiB; 0 where it is not told.
pub(crate) fn memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default()
}

/// The large form, with percentiles: `cargo xtask bench unauthenticated`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_fresh_nonces_takes_no_memory_and_every_valid_request_beside_it_is_admitted() {
    const FLOOD: usize = 20_000;
    let stage = behind_a_proxy("100:2000", ProxyHeaders::XForwarded).await;
    let forged: Vec<Request> = (0..FLOOD)
        .map(|number| {
            let forged = stage.fetch("forged").with(SIGNATURE_HEADER, format!("{number:064x}"));
            // Half of it from one address, half from everywhere.
            let address =
                if number % 2 == 0 { "203.0.113.7".to_owned() } else { format!("198.51.{}.{}", number / 256 % 256, number % 256) };
            forged.header("X-Forwarded-For", address)
        })
        .collect();
    let before = memory_kib();
    let mut flood = tokio::task::JoinSet::new();
    for part in forged.chunks(FLOOD / 8).map(<[Request]>::to_vec) {
        let mut connection = Connection::open(stage.address()).await;
        flood.spawn(async move {
            let mut limited = 0;
            for request in part {
                match connection.send(&request).await.status {
                    401 => {}
                    429 => limited += 1,
                    status => panic!("{status}"),
                }
            }
            limited
        });
    }
    let mut connection = Connection::open(stage.address()).await;
    let mut admitted = 0;
    while !flood.is_empty() {
        let name = format!("valid-{admitted}");
        assert_eq!(connection.send(&stage.fetch(&name).header("X-Forwarded-For", "192.0.2.1")).await.status, 202);
        admitted += 1;
        while let Some(ended) = flood.try_join_next() {
            ended.unwrap();
        }
    }
    assert!(admitted > 10, "{admitted}");
    let grown = memory_kib().saturating_sub(before);
    assert!(grown < 64 * 1_024, "{grown} KiB more");
}
