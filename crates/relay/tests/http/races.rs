//! Many requests at once, on connections of their own.

use std::collections::BTreeSet;

use protocol::{Environment, Job};

use crate::stage::{NOW, Stage};
use crate::wire::{Answer, Connection, Request, refused};

async fn all_at_once(stage: &Stage, requests: Vec<Request>) -> Vec<Answer> {
    // Connected first, so that all are on their way together.
    let mut connections = Vec::new();
    for _ in &requests {
        connections.push(Connection::open(stage.address()).await);
    }
    let mut tasks = tokio::task::JoinSet::new();
    for (mut connection, request) in connections.into_iter().zip(requests) {
        tasks.spawn(async move { connection.send(&request).await });
    }
    tasks.join_all().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_bytes_64_times_at_once_are_taken_once() {
    let stage = Stage::new().await;
    let request = stage.fetch("a");
    let answers = all_at_once(&stage, vec![request; 64]).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 202).count(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 202) {
        assert_eq!(answer.refusal(), refused(409, "nonce_reused"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn equal_requests_64_times_at_once_make_one_job_and_all_get_it() {
    let stage = Stage::new().await;
    let answers = all_at_once(&stage, (0..64).map(|_| stage.fetch("a")).collect()).await;
    let jobs: Vec<Job> = answers.iter().map(|answer| answer.read(202)).collect();
    let ids: BTreeSet<_> = jobs.iter().map(|job| job.job_id).collect();
    assert_eq!((ids.len(), jobs.iter().filter(|job| !job.replayed).count()), (1, 1));
    for (answer, job) in answers.iter().zip(&jobs) {
        assert_eq!(answer.header("idempotent-replayed"), job.replayed.then_some("true"));
        assert_eq!(answer.header("location"), Some(job.status_url.as_str()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_different_jobs_at_once_a_quota_of_ten_accepts_ten() {
    let stage = Stage::new().await;
    let key = stage.key_on("ten_a_month").await;
    let answers = all_at_once(&stage, (0..64).map(|number| stage.fetch_by(&key, &format!("offer-{number}"))).collect()).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 202).count(), 10);
    for answer in answers.iter().filter(|answer| answer.status != 202) {
        assert_eq!(answer.refusal(), refused(429, "quota_exceeded"));
        assert_eq!((&answer.json()["used"], &answer.json()["limit"]), (&10.into(), &10.into()));
    }
    let nonce = stage.fresh_nonce();
    let spent = stage.relay.store().spend_nonce((key.account, Environment::Live), ("reads", &nonce, NOW.seconds()), NOW).await.unwrap();
    assert_eq!(spent.standing.used, 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_cancellations_at_once_all_are_answered_and_the_fetch_is_given_back_once() {
    let stage = Stage::new().await;
    let key = stage.key_on("ten_a_month").await;
    let job: Job = stage.send(&stage.fetch_by(&key, "a")).await.read(202);
    let path = format!("/api/links/jobs/{}", job.job_id);
    let answers = all_at_once(&stage, (0..16).map(|_| stage.signed_by(&key, "DELETE", &path, b"")).collect()).await;
    for answer in answers {
        assert_eq!(answer.read::<Job>(200).state, protocol::JobState::Cancelled);
    }
    let verified: protocol::key::Verified = stage.send(&stage.signed_by(&key, "GET", "/api/links/verify", b"")).await.read(200);
    assert_eq!(verified.quota_remaining, Some(10));
}
