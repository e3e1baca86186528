//! Leases: renewed in time beside an open pull, and work that stops when its lease is gone.

use protocol::device::HeldJob;

use crate::Stage;
use crate::relay::Reply;

#[tokio::test]
async fn a_lease_is_taken_up_by_a_short_pull_while_the_long_one_stays_open() {
    let stage = Stage::new().await;
    let job = stage.relay.job(stage.site.slow(), 1);
    let lease = HeldJob { job_id: job.job_id, fence: job.fence };
    stage.relay.next_pull(Reply::Jobs(vec![job]));
    let desktop = stage.desktop_with(2).await;
    stage.relay.until("a renewal", |seen| seen.pulls.iter().any(|(_, pull)| pull.max == 0 && pull.running == [lease])).await;
    stage.relay.seen(|seen| {
        let asking = seen.asking();
        assert_eq!(asking.len(), 2, "the pull for the other slot was not given up for the renewal");
        assert_eq!(asking[1].running, [lease], "every pull says what is running");
        let renewal = seen.pulls.iter().find(|(_, pull)| pull.max == 0).unwrap();
        assert_eq!(renewal.1.wait_seconds, 0);
    });
    assert_eq!(desktop.status().running.len(), 1, "renewed, so it goes on past the first second");
    desktop.shutdown().await;
}

#[tokio::test]
async fn a_job_that_the_relay_took_back_is_stopped() {
    let stage = Stage::new().await;
    let job = stage.relay.job(stage.site.slow(), 1);
    stage.relay.take_back(job.job_id);
    stage.relay.next_pull(Reply::Jobs(vec![job.clone()]));
    let desktop = stage.desktop().await;
    let mut events = desktop.events();
    while events.recv().await.unwrap() != desktop::Event::Lost(job.job_id) {}
    assert!(desktop.status().running.is_empty());
    stage.relay.until("the slot's next pull", |seen| seen.asking().len() == 2).await;
    stage.site.let_slow_pages_answer();
    desktop.shutdown().await;
    stage.relay.seen(|seen| {
        assert!(seen.results().is_empty());
        assert!(seen.released.is_empty(), "there is nothing to give back");
    });
}

#[tokio::test]
async fn work_stops_by_our_own_clock_when_renewals_fail() {
    let stage = Stage::new().await;
    let job = stage.relay.job(stage.site.slow(), 1);
    stage.relay.refuse_renewals();
    stage.relay.next_pull(Reply::Jobs(vec![job.clone()]));
    let desktop = stage.desktop().await;
    let mut events = desktop.events();
    while events.recv().await.unwrap() != desktop::Event::Lost(job.job_id) {}
    assert!(desktop.status().running.is_empty());
    desktop.shutdown().await;
}
