//! Leases: renewed in time beside an open pull, and work that stops when its lease is gone.

use std::sync::Arc;

use desktop::{Config, Desktop};
use protocol::device::{HeldJob, LeasedJob};
use protocol::{Clock, Conclusion, ManualClock, SystemClock};

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

#[tokio::test]
async fn leases_are_renewed_as_the_relay_says() {
    let stage = Stage::new().await;
    stage.relay.renew_leases_for(1);
    let job = stage.relay.job(stage.site.slow(), 1);
    stage.relay.next_pull(Reply::Jobs(vec![job]));
    let desktop = stage.desktop().await;
    let renewals = |seen: &crate::relay::Seen| seen.pulls.iter().filter(|(_, pull)| pull.max == 0).count();
    // One that took a renewed lease for a minute would come back after 20 s.
    stage.relay.until("three renewals", |seen| renewals(seen) >= 3).await;
    desktop.shutdown().await;
}

#[tokio::test]
async fn a_job_whose_deadline_has_passed_is_stopped() {
    let stage = Stage::new().await;
    // An hour ahead: the deadline is the relay's time, not this machine's.
    stage.relay.set_clock_ahead(3_600_000);
    let job = LeasedJob { deadline: SystemClock.now().plus_seconds(3_601), ..stage.relay.job(stage.site.slow(), 15) };
    stage.relay.next_pull(Reply::Jobs(vec![job.clone()]));
    let desktop = stage.desktop().await;
    let mut events = desktop.events();
    while events.recv().await.unwrap() != desktop::Event::Lost(job.job_id) {}
    desktop.shutdown().await;
}

#[tokio::test]
async fn a_clock_that_is_set_forward_stops_no_work() {
    let stage = Stage::new().await;
    let job = stage.relay.job(stage.site.slow(), 15);
    stage.relay.next_pull(Reply::Jobs(vec![job.clone()]));
    let clock = Arc::new(ManualClock::at(SystemClock.now()));
    let desktop = Desktop::start(Config { clock: clock.clone(), ..stage.config() }).await.unwrap();
    stage.relay.until("the job taken up", |seen| seen.asking().len() == 2).await;
    clock.advance_millis(30_000);
    let lease = HeldJob { job_id: job.job_id, fence: job.fence };
    let asked = |seen: &crate::relay::Seen| seen.pulls.iter().any(|(_, pull)| pull.max == 0 && pull.running == [lease]);
    stage.relay.until("the relay to be asked whether the lease goes on", asked).await;
    stage.site.let_slow_pages_answer();
    stage.relay.until("the result", |seen| !seen.results().is_empty()).await;
    assert_eq!(desktop.status().totals.lost, 0);
    desktop.shutdown().await;
}

#[tokio::test]
async fn results_are_dated_by_the_relays_clock() {
    let stage = Stage::new().await;
    stage.relay.set_clock_ahead(30_000);
    let job = stage.relay.job(stage.site.shop(), 15);
    stage.relay.next_pull(Reply::Jobs(vec![job]));
    let desktop = stage.desktop().await;
    stage.relay.until("the result", |seen| !seen.results().is_empty()).await;
    let (conclusion, checked_at) = stage.relay.seen(|seen| (seen.results()[0].result.conclusion, seen.results()[0].result.checked_at));
    assert_eq!(conclusion, Conclusion::Valid);
    let ahead = checked_at.0 - SystemClock.now().0;
    assert!((20_000..=31_000).contains(&ahead), "{ahead} ms ahead of this machine");
    desktop.shutdown().await;
}
