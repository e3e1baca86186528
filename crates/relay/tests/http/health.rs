//! Whether the relay lives and can serve, and what it counts.

use crate::desk::{of, pull, valid};
use crate::stage::Stage;
use crate::wire::{Answer, Connection, Request, refused};

async fn ask(stage: &Stage, of_metrics: bool, target: &str) -> Answer {
    let address = if of_metrics { stage.relay.metrics_address().unwrap() } else { stage.address() };
    Connection::open(address).await.send(&Request::new("GET", target).header("Host", "a")).await
}

#[tokio::test]
async fn a_relay_that_serves_says_so() {
    let stage = Stage::new().await;
    for of_metrics in [false, true] {
        assert_eq!(ask(&stage, of_metrics, "/healthz").await.text(), "ok\n");
        let ready = ask(&stage, of_metrics, "/readyz").await;
        assert_eq!((ready.status, ready.text().as_str()), (200, "ready\n"));
    }
}

#[tokio::test]
async fn a_relay_whose_store_is_closed_lives_but_is_not_ready() {
    let stage = Stage::new().await;
    let desk = stage.desk().await;
    stage.relay.store().close().await;
    assert_eq!(ask(&stage, false, "/healthz").await.status, 200);
    assert_eq!(ask(&stage, false, "/readyz").await.status, 503);
    // Its key was made after the keys were last read: that is no reason to call it unknown.
    assert_eq!(stage.send(&stage.fetch("a")).await.refusal(), refused(503, "overloaded"));
    assert_eq!(desk.send(&stage, "/api/device/pull", &pull(1)).await.refusal(), refused(503, "overloaded"));
}

#[tokio::test]
async fn metrics_are_not_for_callers() {
    let stage = Stage::new().await;
    assert_eq!(ask(&stage, false, "/metrics").await.refusal(), refused(404, "not_found"));
}

#[tokio::test]
async fn what_happens_is_counted() {
    let stage = Stage::new().await;
    let desk = stage.desk().await;
    stage.job("a").await;
    stage.send(&stage.fetch("a")).await;
    stage.send(&stage.fetch_of(b"{}")).await;
    let leased = desk.pull(&stage, 1).await.remove(0);
    desk.report(&stage, vec![of(&leased, valid())]).await;
    desk.report(&stage, vec![of(&leased, valid())]).await;
    let answer = ask(&stage, true, "/metrics").await;
    assert!(answer.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    let text = answer.text();
    for line in [
        "link_peeler_admissions_total{name=\"accepted\"} 1",
        "link_peeler_admissions_total{name=\"replayed\"} 1",
        "link_peeler_refusals_total{name=\"invalid_payload\"} 1",
        "link_peeler_results_total{name=\"applied\"} 1",
        "link_peeler_results_total{name=\"duplicate\"} 1",
        "link_peeler_jobs_leased_total 1",
        "link_peeler_admission_seconds_count 2",
        "link_peeler_writer_queue 0",
    ] {
        assert!(text.lines().any(|known| known == line), "{line} in\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));
}
