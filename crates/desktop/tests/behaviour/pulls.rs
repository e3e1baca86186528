//! Pulls: what they ask, what a lost answer or a refusal does to the next one.

use std::time::Duration;

use desktop::Connection;
use protocol::ProblemCode;

use crate::Stage;
use crate::relay::Reply;

#[tokio::test]
async fn an_idle_desktop_waits_for_as_many_jobs_as_it_has_room_for() {
    let stage = Stage::new().await;
    let desktop = stage.desktop_with(7).await;
    stage.relay.until("a pull", |seen| !seen.pulls.is_empty()).await;
    stage.relay.seen(|seen| {
        let (_, pull) = &seen.pulls[0];
        assert_eq!(pull.max, 7);
        assert!((45..=50).contains(&pull.wait_seconds), "{}", pull.wait_seconds);
    });
    desktop.shutdown().await;
}

#[tokio::test]
async fn an_idle_desktop_that_was_started_again_knows_at_once_that_the_relay_answers() {
    let stage = Stage::new().await;
    stage.desktop().await.shutdown().await;
    let before = stage.relay.seen(|seen| seen.pulls.len());
    let desktop = stage.desktop().await;
    stage.relay.until("it asks, and then waits", |seen| seen.pulls.len() >= before + 2).await;
    assert_eq!(desktop.status().connection, Connection::Connected);
    stage.relay.seen(|seen| {
        let waits: Vec<_> = seen.pulls[before..].iter().map(|(_, pull)| (pull.max, pull.wait_seconds > 0)).collect();
        assert_eq!(waits, [(1, false), (1, true)], "one answer tells; from then on it waits for jobs");
    });
    desktop.shutdown().await;
}

#[tokio::test]
async fn after_a_lost_answer_the_next_pull_has_the_same_poll_id() {
    let stage = Stage::new().await;
    let job = stage.relay.job(stage.site.shop(), 15);
    stage.relay.next_pull(Reply::Lost);
    stage.relay.next_pull(Reply::Jobs(vec![job]));
    let desktop = stage.desktop().await;
    stage.relay.until("the result", |seen| !seen.results().is_empty()).await;
    stage.relay.seen(|seen| {
        let asking = seen.asking();
        assert_eq!(asking[0].poll_id, asking[1].poll_id, "the answer was lost: its leases are asked for again");
        assert_ne!(asking[1].poll_id, asking[2].poll_id, "answered: the next pull is another one");
    });
    desktop.shutdown().await;
}

#[tokio::test]
async fn a_lease_that_arrives_twice_is_worked_on_once() {
    let stage = Stage::new().await;
    let job = stage.relay.job(stage.site.slow(), 15);
    stage.relay.next_pull(Reply::Jobs(vec![job.clone()]));
    stage.relay.next_pull(Reply::Jobs(vec![job]));
    let desktop = stage.desktop_with(2).await;
    stage.relay.until("both answers taken", |seen| seen.asking().len() == 3).await;
    assert_eq!(desktop.status().totals.leased, 1);
    let mut events = desktop.events();
    stage.site.let_slow_pages_answer();
    while !matches!(events.recv().await.unwrap(), desktop::Event::Settled { .. }) {}
    assert_eq!(desktop.status().totals.resolved, 1);
    desktop.shutdown().await;
    stage.relay.seen(|seen| assert_eq!(seen.results().len(), 1));
}

#[tokio::test]
async fn retry_after_is_waited_out() {
    let stage = Stage::new().await;
    stage.relay.next_pull(Reply::Refuse(ProblemCode::Overloaded, Some(2)));
    let desktop = stage.desktop().await;
    stage.relay.until("a second pull", |seen| seen.pulls.len() == 2).await;
    stage.relay.seen(|seen| {
        let pause = seen.pulls[1].0 - seen.pulls[0].0;
        assert!(pause >= Duration::from_secs(2), "{pause:?}");
        assert_eq!(seen.pulls[0].1.poll_id, seen.pulls[1].1.poll_id);
    });
    desktop.shutdown().await;
}

#[tokio::test]
async fn a_full_desktop_does_not_ask_for_more() {
    let stage = Stage::new().await;
    let jobs = vec![stage.relay.job(stage.site.slow(), 1), stage.relay.job(stage.site.slow(), 1)];
    stage.relay.next_pull(Reply::Jobs(jobs));
    let desktop = stage.desktop_with(2).await;
    stage.relay.until("renewals", |seen| seen.pulls.iter().any(|(_, pull)| pull.max == 0)).await;
    stage.relay.seen(|seen| assert_eq!(seen.asking().len(), 1));
    stage.site.let_slow_pages_answer();
    stage.relay.until("room again", |seen| seen.asking().len() > 1).await;
    desktop.shutdown().await;
}

#[tokio::test]
async fn a_desktop_whose_clock_is_wrong_signs_by_the_relays() {
    let stage = Stage::new().await;
    stage.relay.set_clock_ahead(3_600_000);
    let desktop = stage.desktop().await;
    stage.relay.until("a pull that passes", |seen| !seen.pulls.is_empty()).await;
    desktop.shutdown().await;
}
