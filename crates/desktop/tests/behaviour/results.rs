//! Results: on the disk before they are reported, reported until they are settled, and then forgotten.

use protocol::Conclusion;
use protocol::device::Outcome;

use crate::Stage;
use crate::relay::Reply;

fn kept(stage: &Stage) -> String {
    std::fs::read_to_string(stage.folder.path().join("outbox.log")).unwrap()
}

#[tokio::test]
async fn a_busy_desktop_hands_in_with_the_pull_that_asks_for_more() {
    let stage = Stage::new().await;
    for _ in 0..3 {
        let job = stage.relay.job(stage.site.shop(), 15);
        stage.relay.next_pull(Reply::Jobs(vec![job]));
    }
    let desktop = stage.desktop().await;
    stage.relay.until("three results", |seen| seen.results().len() == 3).await;
    stage.relay.seen(|seen| {
        assert!(seen.reports.is_empty(), "each went along with a pull");
        let asking = seen.asking();
        assert!(asking[1..=3].iter().all(|pull| pull.results.len() == 1 && pull.wait_seconds == 0));
        let result = &seen.results()[0].result;
        assert_eq!(result.conclusion, Conclusion::Valid, "{}", result.detail);
        assert_eq!(result.final_url.as_deref(), Some(stage.site.shop().as_str()));
    });
    desktop.shutdown().await;
}

#[tokio::test]
async fn while_a_pull_waits_results_go_by_a_report_of_their_own() {
    let stage = Stage::new().await;
    let job = stage.relay.job(stage.site.slow(), 15);
    stage.relay.next_pull(Reply::Jobs(vec![job]));
    let desktop = stage.desktop_with(2).await;
    stage.relay.until("the second slot's pull to wait", |seen| seen.asking().len() == 2).await;
    stage.site.let_slow_pages_answer();
    stage.relay.until("a report", |seen| seen.reports.len() == 1).await;
    stage.relay.seen(|seen| assert_eq!(seen.asking().len(), 2, "the open pull was left alone"));
    desktop.shutdown().await;
}

#[tokio::test]
async fn a_result_whose_report_failed_does_not_wait_for_a_free_slot() {
    let stage = Stage::new().await;
    let [first, second, third] = [stage.site.slow(), stage.site.never(), stage.site.never()].map(|url| stage.relay.job(url, 6));
    stage.relay.next_pull(Reply::Jobs(vec![first.clone()]));
    let desktop = stage.desktop_with(2).await;
    stage.relay.until("the second slot's pull to wait", |seen| seen.asking().len() == 2).await;
    stage.relay.hold_reports(true);
    stage.site.let_slow_pages_answer();
    stage.relay.until("a report under way", |seen| seen.reports_begun == 1).await;
    stage.relay.next_pull(Reply::Jobs(vec![second]));
    stage.relay.until("the first slot's pull to wait", |seen| seen.asking().len() == 3).await;
    stage.relay.next_pull(Reply::Jobs(vec![third]));
    let mut events = desktop.events();
    while desktop.status().running.len() < 2 {
        events.recv().await.unwrap();
    }
    stage.relay.refuse_results(true);
    stage.relay.hold_reports(false);
    stage.relay.until("the report refused", |seen| seen.refused_reports > 0).await;
    stage.relay.refuse_results(false);
    stage.relay.until("the result", |seen| seen.results().iter().any(|result| result.job_id == first.job_id)).await;
    assert_eq!(desktop.status().running.len(), 2, "both slots are still taken");
    desktop.shutdown().await;
}

#[tokio::test]
async fn a_result_that_the_relay_did_not_take_survives_a_restart() {
    let stage = Stage::new().await;
    let job = stage.relay.job(stage.site.shop(), 15);
    stage.relay.refuse_results(true);
    stage.relay.next_pull(Reply::Jobs(vec![job.clone()]));
    let desktop = stage.desktop().await;
    stage.relay.until("a refused result", |seen| seen.refused_reports > 0).await;
    assert!(kept(&stage).contains(&job.job_id.to_string()), "on the disk before it was reported");
    // Dropped, not shut down: what a kill leaves behind is the same, the outbox's file as it is.
    drop(desktop);
    stage.relay.refuse_results(false);

    let again = loop {
        // The first run's tasks hold the folder's lock until they are gone.
        match desktop::Desktop::start(stage.config()).await {
            Ok(desktop) => break desktop,
            Err(desktop::StartError::InUse(_)) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    };
    stage.relay.until("the result", |seen| seen.results().iter().any(|result| result.job_id == job.job_id)).await;
    again.shutdown().await;
    assert!(stage.relay.seen(|seen| seen.results()[0].result.conclusion == Conclusion::Valid));
    stage.desktop().await.shutdown().await;
    assert!(kept(&stage).is_empty(), "settled results are gone from the disk");
}

#[tokio::test]
async fn a_superseded_result_is_forgotten() {
    let stage = Stage::new().await;
    let job = stage.relay.job(stage.site.shop(), 15);
    stage.relay.settle_results_as(Outcome::Superseded);
    stage.relay.next_pull(Reply::Jobs(vec![job.clone()]));
    let desktop = stage.desktop().await;
    let mut events = desktop.events();
    while events.recv().await.unwrap() != (desktop::Event::Settled { job_id: job.job_id, outcome: Outcome::Superseded }) {}
    stage.relay.until("the next pull", |seen| seen.asking().len() > 2).await;
    let status = desktop.status();
    assert_eq!((status.unsettled_results, status.totals.dropped, status.totals.applied), (0, 1, 0));
    desktop.shutdown().await;
    stage.relay.seen(|seen| assert_eq!(seen.results().len(), 1, "reported once and never again"));
}

#[tokio::test]
async fn one_result_that_the_relay_cannot_take_does_not_hold_up_the_others() {
    let stage = Stage::new().await;
    let jobs: Vec<_> = (0..4).map(|_| stage.relay.job(stage.site.slow(), 15)).collect();
    stage.relay.refuse_result_of(jobs[2].job_id);
    stage.relay.next_pull(Reply::Jobs(jobs.clone()));
    let desktop = stage.desktop_with(4).await;
    let mut events = desktop.events();
    stage.site.let_slow_pages_answer();
    let (mut settled, mut dropped) = (Vec::new(), Vec::new());
    while settled.len() + dropped.len() < jobs.len() {
        match events.recv().await.unwrap() {
            desktop::Event::Settled { job_id, .. } => settled.push(job_id),
            desktop::Event::Dropped { job_id, .. } => dropped.push(job_id),
            _ => {}
        }
    }
    settled.sort();
    assert_eq!(settled, [jobs[0].job_id, jobs[1].job_id, jobs[3].job_id]);
    assert_eq!(dropped, [jobs[2].job_id]);
    desktop.shutdown().await;
}

#[tokio::test]
async fn a_result_whose_evidence_the_relay_refuses_still_ends_its_job() {
    let stage = Stage::new().await;
    stage.relay.refuse_evidence();
    let job = stage.relay.job(stage.site.shop(), 15);
    stage.relay.next_pull(Reply::Jobs(vec![job.clone()]));
    let desktop = stage.desktop().await;
    let mut events = desktop.events();
    loop {
        match events.recv().await.unwrap() {
            desktop::Event::Settled { outcome, .. } => break assert_eq!(outcome, Outcome::Applied),
            desktop::Event::Dropped { reason, .. } => panic!("dropped: {reason}"),
            _ => {}
        }
    }
    stage.relay.seen(|seen| {
        let result = &seen.results()[0].result;
        assert_eq!((result.conclusion, result.http_status), (Conclusion::Valid, Some(200)));
        assert!(result.hops.is_empty() && result.final_url.is_none());
        assert_eq!(result.check(), Ok(()));
    });
    desktop.shutdown().await;
    stage.desktop().await.shutdown().await;
    assert!(kept(&stage).is_empty(), "settled, with evidence or without");
}
