//! A desktop that is paused: takes nothing new, finishes what it has, and is so again at its next start.

use desktop::Connection;

use crate::Stage;
use crate::relay::Reply;

#[tokio::test]
async fn a_paused_desktop_finishes_what_it_has_and_takes_nothing_new() {
    let stage = Stage::new().await;
    let desktop = stage.desktop_with(2).await;
    stage.relay.next_pull(Reply::Jobs(vec![stage.relay.job(stage.site.slow(), 60)]));
    stage.relay.until("the job runs, and another pull is open", |seen| seen.asking().len() >= 2).await;
    desktop.pause(true).unwrap();
    // The open pull was given up; what it may have leased is asked for, and nothing more.
    stage.relay.until("it asked what the open pull leased", |seen| seen.pulls.iter().any(|(_, pull)| pull.max == 0)).await;
    let asked = stage.relay.seen(|seen| seen.asking().len());
    stage.site.let_slow_pages_answer();
    stage.relay.until("the result is told", |seen| !seen.results().is_empty()).await;
    assert!(desktop.status().paused);
    assert_eq!(stage.relay.seen(|seen| seen.asking().len()), asked, "no pull asked for jobs");
    desktop.shutdown().await;

    let before = stage.relay.seen(|seen| seen.pulls.len());
    let again = stage.desktop_with(2).await;
    assert!(again.status().paused, "it holds over restarts");
    let mut events = again.events();
    stage.relay.until("it says that it is there", |seen| seen.pulls.len() > before).await;
    while again.status().connection != Connection::Connected {
        events.recv().await.unwrap();
    }
    assert_eq!(stage.relay.seen(|seen| seen.asking().len()), asked);
    again.pause(false).unwrap();
    stage.relay.until("it pulls again", |seen| seen.asking().len() > asked).await;
    again.shutdown().await;
}

#[tokio::test]
async fn the_pull_that_a_pause_gives_up_is_asked_what_it_leased() {
    let stage = Stage::new().await;
    let desktop = stage.desktop().await;
    stage.relay.until("a pull is open", |seen| seen.asking().len() == 1).await;
    desktop.pause(true).unwrap();
    stage.relay.until("it asks", |seen| seen.pulls.iter().any(|(_, pull)| pull.max == 0)).await;
    stage.relay.seen(|seen| {
        let (_, last) = seen.pulls.last().unwrap();
        assert_eq!((last.max, last.wait_seconds, last.poll_id), (0, 0, seen.asking()[0].poll_id));
    });
    desktop.shutdown().await;
}
