//! A desktop that never stops: pulls, reports and bodies in any number. It is refused before anything of it costs much, and a
//! neighbour's pulls are answered as they were.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use protocol::JobId;
use protocol::device::{LeasedJob, PullRequest, ReportRequest};
use relay::{ProxyHeaders, TrustedProxies};
use tokio::time::Instant;

use super::snapshot::Snapshot;
use super::{Scene, on_both};
use crate::desk::{Desk, of, pull, valid};
use crate::stage::{NOW, Stage};
use crate::wire::{Connection, refused};

/// A flood is beyond it within a moment; what a test measures a neighbour with is not.
const DEVICE_LIMIT: &str = "20:120";

on_both! {
    pulls_and_reports => super::a_flood_of_pulls_and_reports_slows_nobody;
}

/// Pulls of the neighbour, alone and beside the flood.
const PULLS: usize = 15;
/// Connections of the flood.
const FLOODING: usize = 8;
/// What a neighbour's median may become beside the flood: in a debug build, on a machine that does other work as well, and
/// with the flood's own sender in this very process.
const BESIDE: Duration = Duration::from_millis(250);

/// The median of what a desktop's pulls take.
async fn median(stage: &Stage, desk: &Desk) -> Duration {
    let mut connection = Connection::open(stage.address()).await;
    let mut took = Vec::new();
    for _ in 0..PULLS {
        let request = desk.pull_request(&pull(1));
        let began = Instant::now();
        assert_eq!(connection.send(&request).await.status, 200);
        took.push(began.elapsed());
    }
    took.sort();
    took[PULLS / 2]
}

/// Sends pulls and full reports until told to stop; counts those that are refused.
async fn flood(scene: &Scene, stop: &AtomicBool, limited: &AtomicU32) {
    let unknown = LeasedJob { job_id: JobId::random(NOW), ..scene.own.clone() };
    let report = ReportRequest { results: vec![of(&unknown, valid()); 100] };
    let one = async || {
        let mut connection = Connection::open(scene.stage.address()).await;
        while !stop.load(Ordering::Relaxed) {
            // What waits in its account it may have; this is about asking.
            for request in [scene.hostile.pull_request(&pull(0)), scene.hostile.post("/api/device/report", &report)] {
                let answer = connection.send(&request).await;
                if answer.status == 200 {
                    continue;
                }
                assert_eq!(answer.refusal(), refused(429, "rate_limited"));
                assert_eq!(answer.json()["violated-policies"], serde_json::json!(["device"]));
                assert!(answer.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
                limited.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    futures_util::future::join_all((0..FLOODING).map(|_| one())).await;
}

async fn a_flood_of_pulls_and_reports_slows_nobody(scene: Scene) {
    let desk = scene.stage.desk_of(scene.neighbour.account).await;
    // What is heard of it for the first time is noted.
    median(&scene.stage, &desk).await;
    let before = Snapshot::of(&scene).await;
    let alone = median(&scene.stage, &desk).await;
    let (stop, limited) = (AtomicBool::new(false), AtomicU32::new(0));
    let measuring = async {
        let mut slowest = Duration::ZERO;
        // While it is taken in, and once it is refused.
        while !stop.load(Ordering::Relaxed) {
            let had_been_limited = limited.load(Ordering::Relaxed) > 0;
            slowest = slowest.max(median(&scene.stage, &desk).await);
            stop.store(had_been_limited, Ordering::Relaxed);
        }
        slowest
    };
    let ((), beside) = tokio::join!(flood(&scene, &stop, &limited), measuring);
    assert!(beside < alone * 5 + BESIDE, "{beside:?} beside a flood, {alone:?} alone");
    before.expect_unchanged(&Snapshot::of(&scene).await, "a flood");
}

#[tokio::test]
async fn a_desktop_has_so_many_pulls_open_and_no_more() {
    let stage = Stage::new().await;
    let [hostile, other] = [stage.desk().await, stage.desk().await];
    let waiting = PullRequest { wait_seconds: 50, ..pull(1) };
    let mut open = Vec::new();
    let refusal = loop {
        let mut connection = Connection::open(stage.address()).await;
        connection.write(&hostile.pull_request(&waiting).to_bytes()).await.unwrap();
        // One that does not wait is refused as soon as all places are taken.
        let answer = stage.send(&hostile.pull_request(&pull(0))).await;
        if answer.status != 200 {
            break answer;
        }
        open.push(connection);
        assert!(open.len() <= 16, "there is no end");
    };
    assert_eq!(refusal.refusal(), refused(429, "too_many_pulls"));
    assert_eq!((&refusal.json()["limit"], refusal.header("retry-after")), (&16.into(), Some("10")));
    assert_eq!(stage.send(&other.pull_request(&pull(1))).await.status, 200, "another desktop of the account");
    // What it holds it may hand in all the same.
    let report = hostile.send(&stage, "/api/device/report", &ReportRequest { results: vec![] }).await;
    assert_eq!(report.status, 200);
    drop(open);
    let began = Instant::now();
    while stage.send(&hostile.pull_request(&pull(0))).await.status != 200 {
        assert!(began.elapsed() < Duration::from_secs(20), "its places are not free again");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn one_desktops_bodies_leave_room_for_others() {
    let stage = Stage::with(|config| config.held_body_bytes = 800_000).await;
    let [hostile, other] = [stage.desk().await, stage.desk().await];
    let report = hostile.signed_at(NOW, "POST", "/api/device/report", &vec![b' '; 60_000]);
    let bytes = report.to_bytes();
    // Bodies that never end, on as many connections as it likes.
    let mut open = Vec::new();
    for _ in 0..16 {
        let mut connection = Connection::open(stage.address()).await;
        connection.write(&bytes[..bytes.len() - 1]).await.unwrap();
        open.push(connection);
    }
    let mut limited = 0;
    for mut connection in open.drain(1..) {
        let answer = connection.answer().await;
        limited += usize::from(answer.status == 429);
        assert_eq!(answer.json()["violated-policies"], serde_json::json!(["device"]), "{}", answer.text());
    }
    assert_eq!(limited, 15, "one is held, and beside it there is no room for another");
    let large = other.signed_at(NOW, "POST", "/api/device/report", &vec![b' '; 60_000]);
    assert_eq!(stage.send(&large).await.status, 400, "read whole, and no message");
}

#[tokio::test]
async fn one_address_that_proves_nothing_leaves_room_for_others() {
    let stage = Stage::with(|config| {
        config.held_body_bytes = 800_000;
        config.trusted_proxies = TrustedProxies { networks: vec!["127.0.0.0/8".parse().unwrap()], headers: ProxyHeaders::XForwarded };
    })
    .await;
    let mut body = crate::stage::payload("large").to_string().into_bytes();
    body.resize(60_000, b' ');
    let from = |address: &str| stage.fetch_of(&body).header("X-Forwarded-For", address);
    let mut open = Vec::new();
    for _ in 0..16 {
        let bytes = from("203.0.113.7").to_bytes();
        let mut connection = Connection::open(stage.address()).await;
        connection.write(&bytes[..bytes.len() - 1]).await.unwrap();
        open.push(connection);
    }
    for mut connection in open.drain(1..) {
        let answer = connection.answer().await;
        assert_eq!(answer.refusal(), refused(429, "rate_limited"));
        assert_eq!(answer.json()["violated-policies"], serde_json::json!(["address"]));
    }
    assert_eq!(stage.send(&from("203.0.113.8")).await.status, 202);
}

#[tokio::test]
async fn a_desktop_that_goes_on_all_the_same_is_stopped_at_its_address() {
    let stage = Stage::with(|config| {
        config.trusted_proxies = TrustedProxies { networks: vec!["127.0.0.0/8".parse().unwrap()], headers: ProxyHeaders::XForwarded };
        config.device_limit = Some("1:20".parse().unwrap());
        config.address_limit = Some("1:30".parse().unwrap());
    })
    .await;
    let desk = stage.desk().await;
    let mut connection = Connection::open(stage.address()).await;
    let mut send = async |address: &str| connection.send(&desk.pull_request(&pull(0)).header("X-Forwarded-For", address)).await;
    for _ in 0..20 {
        assert_eq!(send("203.0.113.7").await.status, 200, "what it may send costs its address nothing");
    }
    let policy = |answer: crate::wire::Answer| answer.json()["violated-policies"][0].as_str().unwrap().to_owned();
    let mut policies: Vec<String> = Vec::new();
    for _ in 0..40 {
        policies.push(policy(send("203.0.113.7").await));
    }
    let of_device = policies.iter().take_while(|policy| *policy == "device").count();
    assert!((29..40).contains(&of_device), "{of_device}");
    assert!(policies[of_device..].iter().any(|policy| policy == "address"));
    assert_eq!(policy(send("203.0.113.8").await), "device", "and wherever else it comes from");
}

#[tokio::test]
async fn who_says_to_be_a_desktop_uses_up_nothing_of_it() {
    let stage = Stage::with(|config| config.device_limit = Some("1:5".parse().unwrap())).await;
    let desk = stage.desk().await;
    let impostor = Desk { id: desk.id, key: protocol::device_signature::DeviceKey::generate(), address: stage.address() };
    for _ in 0..50 {
        assert_eq!(stage.send(&impostor.pull_request(&pull(0))).await.status, 401);
    }
    for _ in 0..5 {
        assert_eq!(stage.send(&desk.pull_request(&pull(0))).await.status, 200);
    }
    assert_eq!(stage.send(&desk.pull_request(&pull(0))).await.status, 429);
}

#[tokio::test]
async fn a_page_of_the_largest_results_is_bounded_and_the_next_goes_on_behind_it() {
    let stage = Stage::new().await;
    let desk = stage.desk().await;
    let mut made = Vec::new();
    for number in 0..24 {
        made.push(stage.job(&format!("offer-{number:02}")).await.job_id);
        let hop = |index: u32| protocol::Hop {
            index,
            url: format!("https://shop.example/{}", "a".repeat(60_000)),
            method: "GET".to_owned(),
            status: Some(200),
            ..protocol::Hop::default()
        };
        desk.resolve_one(&stage, protocol::JobResult { hops: (0..4).map(hop).collect(), ..valid() }).await;
    }
    made.reverse();
    let (mut read, mut target) = (Vec::new(), "/api/links/jobs?limit=200".to_owned());
    let mut pages = 0;
    loop {
        let answer = stage.send(&stage.get(&target)).await;
        assert!(answer.body.len() < 5 * 1_024 * 1_024, "{} bytes", answer.body.len());
        let page: protocol::JobPage = answer.read(200);
        read.extend(page.jobs.iter().map(|job| job.job_id));
        pages += 1;
        let Some(cursor) = page.next_cursor else { break };
        target = format!("/api/links/jobs?limit=200&cursor={cursor}");
    }
    made.sort_by(|a, b| b.cmp(a));
    assert_eq!((read, pages), (made, 2));
}
