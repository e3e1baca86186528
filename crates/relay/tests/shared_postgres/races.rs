//! The same thing asked of both relays at once is decided once.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use protocol::device::Outcome;

use crate::caller::Answer;
use crate::rig::Rig;

/// Requests that race.
const PARALLEL: usize = 64;

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_gets_the_job_of_the_other_relay() {
    let rig = Rig::new(2).await;
    let job = rig.caller.admit(&rig.url(0), "job").await;
    let replay = rig.caller.admit(&rig.url(1), "job").await;
    assert_eq!((replay.job_id, replay.replayed, job.replayed), (job.job_id, true, false));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_of_ten_admits_ten_of_sixty_four_over_both_relays() {
    race_for_a_quota(&testkit::postgres::new_database()).await;
}

/// Under a snapshot for the whole transaction, facts would be older than the lock under which they are decided upon.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_whose_default_is_one_snapshot_a_transaction_admits_no_more() {
    let url = testkit::postgres::new_database();
    let database = url.rsplit('/').next().unwrap();
    testkit::postgres::sql(&url, &format!("ALTER DATABASE {database} SET default_transaction_isolation = 'repeatable read'")).unwrap();
    race_for_a_quota(&url).await;
}

async fn race_for_a_quota(url: &str) {
    let rig = Rig::on(url, 2).await;
    for _ in 0..3 {
        let caller = rig.caller_of_plan("ten_a_month").await;
        let urls = rig.urls();
        let answers = join_all((0..PARALLEL).map(|number| {
            let (caller, url) = (caller.clone(), urls[number % 2].clone());
            async move { caller.fetch(&url, &format!("job-{number}")).await.unwrap() }
        }))
        .await;
        assert_eq!(count(&answers), BTreeMap::from([("202 ".to_owned(), 10), ("429 quota_exceeded".to_owned(), PARALLEL - 10)]));
        // And not one more afterwards.
        assert_eq!(caller.fetch(&urls[0], "one-more").await.unwrap().code(), "quota_exceeded");
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_equal_requests_over_both_relays_make_one_job() {
    let rig = Rig::new(2).await;
    let urls = rig.urls();
    for round in 0..3 {
        let answers = join_all((0..PARALLEL).map(|number| {
            let (caller, url) = (rig.caller.clone(), urls[number % 2].clone());
            async move { caller.fetch(&url, &format!("job-{round}")).await.unwrap() }
        }))
        .await;
        assert_eq!(count(&answers), BTreeMap::from([("202 ".to_owned(), PARALLEL)]));
        let jobs: Vec<_> = answers.iter().map(Answer::job).collect();
        assert_eq!(jobs.iter().map(|job| job.job_id).collect::<BTreeSet<_>>().len(), 1);
        assert_eq!(jobs.iter().filter(|job| !job.replayed).count(), 1);
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_signed_bytes_to_both_relays_at_once_are_accepted_once() {
    let rig = Rig::new(2).await;
    let urls = rig.urls();
    for round in 0..20 {
        let signed = rig.caller.signed_fetch(&format!("job-{round}"));
        let answers = join_all(urls.iter().map(async |url| rig.caller.send(url, &signed).await.unwrap())).await;
        assert_eq!(count(&answers), BTreeMap::from([("202 ".to_owned(), 1), ("409 nonce_reused".to_owned(), 1)]), "round {round}");
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_on_both_relays_never_get_the_same_job() {
    const JOBS: usize = 400;
    let rig = Rig::new(2).await;
    let urls = rig.urls();
    let names: Vec<String> = (0..JOBS).map(|number| format!("job-{number}")).collect();
    for part in names.chunks(50) {
        join_all(part.iter().map(|name| rig.caller.admit(&urls[0], name))).await;
    }
    let devices = join_all((0..6).map(|_| rig.device())).await;
    let leased = join_all(devices.iter().enumerate().map(async |(number, device)| {
        let mut mine = Vec::new();
        loop {
            let jobs = device.pull(&urls[number % 2], 7, 0).await;
            if jobs.is_empty() {
                return mine;
            }
            let outcomes = device.report(&urls[(number + 1) % 2], &jobs).await;
            assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Applied), "{outcomes:?}");
            mine.extend(jobs.into_iter().map(|job| job.job_id));
        }
    }))
    .await;
    let all: Vec<_> = leased.into_iter().flatten().collect();
    assert_eq!((all.len(), all.iter().collect::<BTreeSet<_>>().len()), (JOBS, JOBS));
    rig.stop().await;
}

fn count(answers: &[Answer]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for answer in answers {
        *counts.entry(format!("{} {}", answer.status, answer.code())).or_default() += 1;
    }
    counts
}
