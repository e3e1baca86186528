//! Shutting down: whoever waits is answered early, what was accepted is answered, nothing that was answered is lost.

use std::time::Duration;

use protocol::device::{PullAnswer, PullRequest};
use protocol::{Job, JobState};
use tokio::time::Instant;

use crate::desk::pull;
use crate::stage::Stage;
use crate::wire::Connection;

/// Far below what those who wait have asked for.
const EARLY: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_is_answered_early() {
    let stage = Stage::new().await;
    let desk = stage.desk().await;
    let mut pulling = Connection::open(stage.address()).await;
    pulling.write(&desk.pull_request(&PullRequest { wait_seconds: 50, ..pull(16) }).to_bytes()).await.unwrap();
    assert_eq!(desk.pull(&stage, 0).await, []);
    let job = stage.send(&stage.fetch("a")).await;
    let job: Job = job.read(202);
    // The pull has it; the caller waits for its end.
    let pulled: PullAnswer = pulling.answer().await.read(200);
    assert_eq!(pulled.jobs.len(), 1);
    pulling.write(&desk.pull_request(&PullRequest { wait_seconds: 50, ..pull(16) }).to_bytes()).await.unwrap();
    let mut waiting = Connection::open(stage.address()).await;
    waiting.write(&stage.get(&format!("/api/links/jobs/{}?wait=60", job.job_id)).to_bytes()).await.unwrap();
    for _ in 0..3 {
        assert_eq!(desk.pull(&stage, 0).await, []);
        stage.send(&stage.get("/api/links/verify")).await;
    }
    let began = Instant::now();
    let (relay, folder) = (stage.relay, stage.folder);
    let (pulled, waited, ()) = tokio::join!(pulling.answer(), waiting.answer(), relay.shutdown());
    assert!(began.elapsed() < EARLY, "{:?}", began.elapsed());
    assert_eq!(pulled.read::<PullAnswer>(200).jobs, []);
    assert_eq!(waited.read::<Job>(200).state, JobState::Leased);
    drop(folder);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_that_was_acknowledged_while_shutting_down_is_there_afterwards() {
    let stage = Stage::new().await;
    let mut senders = tokio::task::JoinSet::new();
    for sender in 0..8 {
        let mut connection = Connection::open(stage.address()).await;
        let requests: Vec<_> = (0..400).map(|number| stage.fetch(&format!("{sender}-{number}"))).collect();
        senders.spawn(async move {
            let mut acknowledged = Vec::new();
            for request in requests {
                if connection.write(&request.to_bytes()).await.is_err() {
                    break;
                }
                let Some(answer) = connection.next_answer().await else { break };
                match answer.status {
                    202 => acknowledged.push(answer.read::<Job>(202)),
                    503 => {}
                    other => panic!("{other}: {}", answer.text()),
                }
            }
            acknowledged
        });
    }
    // Somewhere in the middle of it.
    while stage.relay.store().queued_operations() == 0 {
        tokio::task::yield_now().await;
    }
    let stage = stage.restart().await;
    let acknowledged: Vec<Job> = senders.join_all().await.concat();
    assert!(!acknowledged.is_empty());
    for job in &acknowledged {
        let stored = stage.relay.store().job(stage.key.account, job.environment, job.job_id).await.unwrap();
        assert_eq!(stored.map(|stored| stored.state), Some(JobState::Queued), "{job:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_has_begun_is_finished_and_answered() {
    let stage = Stage::new().await;
    let bytes = stage.fetch("a").to_bytes();
    let mut connection = Connection::open(stage.address()).await;
    connection.write(&bytes[..bytes.len() - 5]).await.unwrap();
    for _ in 0..3 {
        stage.send(&stage.get("/api/links/verify")).await;
    }
    let address = stage.address();
    let (relay, folder) = (stage.relay, stage.folder);
    let finish = async {
        // Only when new connections are refused has the shutdown begun.
        while tokio::net::TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        connection.write(&bytes[bytes.len() - 5..]).await.unwrap();
        connection.answer().await
    };
    let (answer, ()) = tokio::join!(finish, relay.shutdown());
    assert_eq!(answer.read::<Job>(202).row_id, "a");
    assert_eq!(connection.until_closed().await, b"");
    drop(folder);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_connections_do_not_hold_a_shutdown_up() {
    let stage = Stage::new().await;
    let mut silent = Vec::new();
    for beginning in [b"".as_slice(), b"G", b"PRI * HTT", b"GET /healthz HTTP/1.1\r\nX-Slow: "] {
        let mut connection = Connection::open(stage.address()).await;
        connection.write(beginning).await.unwrap();
        silent.push(connection);
    }
    let mut idle = Connection::open(stage.address()).await;
    assert_eq!(idle.send(&stage.get("/api/links/verify")).await.status, 200);
    let began = Instant::now();
    stage.relay.shutdown().await;
    assert!(began.elapsed() < EARLY, "{:?}", began.elapsed());
    for connection in silent {
        connection.until_closed().await;
    }
}
