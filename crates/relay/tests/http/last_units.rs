//! Again and again, thirty-two requests in one packet want the same last thing: exactly one gets it, on either database.

use std::collections::BTreeSet;

use protocol::linking::Linked;
use protocol::{Environment, Job, JobState};

use crate::linking::poll;
use crate::one_packet;
use crate::stage::{Key, Stage, payload};
use crate::wire::{Answer, Request, refused};

const ROUNDS: usize = 1_000;
/// Of the races for a code, which take three requests a round besides, unless more are asked for.
const ROUNDS_OF_CODES: usize = 200;
const AT_ONCE: usize = 32;
/// Of those who want one code, every so many is an operator who approves it.
const APPROVING: usize = 4;

/// The one that was accepted, when all others were refused in this way.
fn the_only_one(answers: &[Answer], refusal: &(u16, String), round: usize) -> Job {
    let (accepted, others): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 202);
    assert_eq!(accepted.len(), 1, "round {round}: {:?}", answers.iter().map(|answer| answer.status).collect::<Vec<_>>());
    for other in others {
        assert_eq!(&other.refusal(), refusal, "round {round}");
    }
    let job: Job = accepted[0].read(202);
    assert!(!job.replayed);
    job
}

/// Cancels a job that is still queued, which gives its fetch back.
async fn cancel(stage: &Stage, key: &Key, job: &Job) {
    let cancelled = stage.send(&stage.signed_by(key, "DELETE", &format!("/api/links/jobs/{}", job.job_id), b"")).await;
    assert_eq!(cancelled.read::<Job>(200).state, JobState::Cancelled);
}

async fn one_of_many_gets_the_last_fetch(stage: Stage) {
    let key = stage.key_on("one_a_month").await;
    for round in 0..ROUNDS {
        let requests: Vec<Request> = (0..AT_ONCE).map(|number| stage.fetch_by(&key, &format!("offer-{round}-{number}"))).collect();
        let answers = one_packet::send(stage.address(), &requests).await;
        let job = the_only_one(&answers, &refused(429, "quota_exceeded"), round);
        cancel(&stage, &key, &job).await;
    }
    stage.relay.shutdown().await;
}

async fn one_of_many_spends_a_nonce(stage: Stage) {
    let key = stage.new_key(Environment::Live).await;
    for round in 0..ROUNDS {
        let nonce = stage.fresh_nonce();
        // Different bodies under one nonce, each with a signature of its own.
        let bodies = (0..AT_ONCE).map(|number| payload(&format!("offer-{round}-{number}")).to_string());
        let requests: Vec<Request> =
            bodies.map(|body| stage.signed_at(&key, stage.now(), &nonce, ("POST", "/api/links/fetch", body.as_bytes()))).collect();
        let answers = one_packet::send(stage.address(), &requests).await;
        the_only_one(&answers, &refused(409, "nonce_reused"), round);
    }
    stage.relay.shutdown().await;
}

async fn one_code_makes_one_device(stage: Stage) {
    let rounds = testkit::rounds(ROUNDS_OF_CODES);
    for round in 0..rounds {
        let (_, started) = stage.start_link().await;
        let approve = format!("/api/operator/links/{}/approve", started.user_code);
        let request = |number: usize| if number.is_multiple_of(APPROVING) { stage.operator("POST", &approve) } else { poll(&started) };
        let requests: Vec<Request> = (0..AT_ONCE).map(request).collect();
        let answers = one_packet::send(stage.address(), &requests).await;
        let mut devices = BTreeSet::from([stage.send(&poll(&started)).await.read::<Linked>(200).device_id]);
        for (number, answer) in answers.iter().enumerate() {
            match (number.is_multiple_of(APPROVING), answer.status) {
                (true, 200) => {}
                (false, 200) => {
                    devices.insert(answer.read::<Linked>(200).device_id);
                }
                (false, 425) => assert_eq!(answer.refusal(), refused(425, "authorization_pending"), "round {round}"),
                (_, status) => panic!("round {round}: {status} {}", answer.text()),
            }
        }
        assert_eq!(devices.len(), 1, "round {round}: {devices:?}");
    }
    assert_eq!(stage.relay.store().devices(stage.relay.account()).await.unwrap().len(), rounds);
    stage.relay.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_32_in_one_packet_one_makes_the_device_on_sqlite() {
    one_code_makes_one_device(Stage::new().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_32_in_one_packet_one_makes_the_device_on_postgres() {
    one_code_makes_one_device(Stage::on_postgres().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_32_in_one_packet_one_gets_the_last_fetch_on_sqlite() {
    one_of_many_gets_the_last_fetch(Stage::new().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_32_in_one_packet_one_gets_the_last_fetch_on_postgres() {
    one_of_many_gets_the_last_fetch(Stage::on_postgres().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_32_in_one_packet_one_spends_a_nonce_on_sqlite() {
    one_of_many_spends_a_nonce(Stage::new().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_32_in_one_packet_one_spends_a_nonce_on_postgres() {
    one_of_many_spends_a_nonce(Stage::on_postgres().await).await;
}
