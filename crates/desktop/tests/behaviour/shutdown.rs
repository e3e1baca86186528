//! The farewell.

use protocol::device::HeldJob;

use crate::Stage;
use crate::relay::Reply;

#[tokio::test]
async fn what_is_unfinished_at_shutdown_is_given_back() {
    let stage = Stage::new().await;
    let jobs = vec![stage.relay.job(stage.site.slow(), 15), stage.relay.job(stage.site.slow(), 15)];
    stage.relay.next_pull(Reply::Jobs(jobs.clone()));
    let desktop = stage.desktop_with(3).await;
    stage.relay.until("both taken up", |seen| seen.asking().len() == 2).await;
    desktop.shutdown().await;
    stage.relay.seen(|seen| {
        let mut released = seen.released.clone();
        released.sort_by_key(|held| held.job_id);
        assert_eq!(released, [HeldJob { job_id: jobs[0].job_id, fence: 1 }, HeldJob { job_id: jobs[1].job_id, fence: 1 }]);
        assert!(seen.results().is_empty());
    });
}

#[tokio::test]
async fn the_pull_that_was_open_is_asked_what_it_leased() {
    let stage = Stage::new().await;
    let desktop = stage.desktop().await;
    stage.relay.until("an open pull", |seen| seen.asking().len() == 1).await;
    desktop.shutdown().await;
    stage.relay.seen(|seen| {
        let (_, last) = seen.pulls.last().unwrap();
        assert_eq!((last.max, last.wait_seconds, last.poll_id), (0, 0, seen.asking()[0].poll_id));
    });
}

#[tokio::test]
async fn a_relay_that_is_gone_does_not_hold_up_the_farewell() {
    let stage = Stage::new().await;
    let job = stage.relay.job(stage.site.slow(), 15);
    stage.relay.next_pull(Reply::Jobs(vec![job]));
    let desktop = stage.desktop().await;
    let mut events = desktop.events();
    if desktop.status().totals.leased == 0 {
        while !matches!(events.recv().await.unwrap(), desktop::Event::Leased(_)) {}
    }
    drop(stage.relay);
    tokio::time::timeout(std::time::Duration::from_secs(15), desktop.shutdown()).await.expect("ends within seconds");
}
