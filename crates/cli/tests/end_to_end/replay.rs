//! What a relay has acknowledged it knows after a power cut.

use crate::process::until;
use crate::relay::Relay;

#[tokio::test]
async fn the_same_signed_bytes_do_not_work_again_after_a_kill_and_the_job_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let mut relay = Relay::start(folder.path()).await;
    let caller = relay.new_caller().await;
    let url = "https://trk.example/a1";
    let signed = caller.sign_fetch("offer-1", url);
    let (status, body) = caller.send(&signed).await.unwrap();
    assert_eq!(status, 202, "{body}");
    let (status, _) = caller.send(&signed).await.unwrap();
    assert_eq!(status, 409);
    relay.kill();
    relay.start_again().await;
    let (status, again) = until("the relay answers", async || caller.send(&signed).await).await;
    assert_eq!(status, 409, "{again}");
    assert!(again.contains("nonce_reused"), "{again}");
    let job: protocol::Job = serde_json::from_str(&body).unwrap();
    let replayed = caller.fetch("offer-1", url).await.unwrap();
    assert_eq!((replayed.job_id, replayed.replayed), (job.job_id, true));
    relay.stop();
}

#[tokio::test]
async fn everything_that_was_acknowledged_before_a_kill_is_there_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let mut relay = Relay::start(folder.path()).await;
    let caller = relay.new_caller().await;
    let mut senders = tokio::task::JoinSet::new();
    let acknowledged = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    for sender in 0..8 {
        let (caller, acknowledged) = (caller.clone(), std::sync::Arc::clone(&acknowledged));
        senders.spawn(async move {
            for number in 0.. {
                let Some(job) = caller.fetch(&format!("{sender}-{number}"), "https://trk.example/a1").await else { return };
                acknowledged.lock().unwrap().push(job);
            }
        });
    }
    until("much has been acknowledged", async || (acknowledged.lock().unwrap().len() > 500).then_some(())).await;
    relay.kill();
    senders.join_all().await;
    relay.start_again().await;
    let acknowledged = std::mem::take(&mut *acknowledged.lock().unwrap());
    for job in acknowledged {
        let known = until("the relay answers", async || caller.job(job.job_id).await).await;
        assert_eq!(known, job);
    }
    relay.stop();
}
