//! Jobs between relay and desktops: pull, report, release.

use std::time::Duration;

use protocol::device::{PullAnswer, PullRequest, ReleaseAnswer, ReleaseRequest, ReportRequest};
use protocol::{Conclusion, Job, JobId, JobState, PollId};
use tokio::time::Instant;

use crate::desk::{Desk, concluded, held, of, pull, valid};
use crate::stage::{NOW, Stage};
use crate::wire::{Connection, Request, refused};

/// What a waiting desktop calls at once: far below the seconds after which a waiter looks by itself.
const AT_ONCE: Duration = Duration::from_secs(3);

async fn state(stage: &Stage, job: &Job) -> JobState {
    stage.send(&stage.get(&format!("/api/links/jobs/{}", job.job_id))).await.read::<Job>(200).state
}

#[tokio::test]
async fn a_pull_is_answered_at_once_when_jobs_are_ready() {
    let stage = Stage::new().await;
    let mut body = crate::stage::payload("a");
    body["expectedDomain"] = "shop.example".into();
    body["context"] = serde_json::json!({"device": "mobile"});
    let job: Job = stage.send(&stage.fetch_of(body.to_string().as_bytes())).await.read(202);
    let desk = stage.desk().await;
    let began = Instant::now();
    let answer = stage.send(&desk.pull_request(&PullRequest { wait_seconds: 50, ..pull(16) })).await;
    assert!(began.elapsed() < AT_ONCE);
    let jobs = serde_json::json!([{
        "jobId": job.job_id, "fence": 1, "leaseSeconds": 15, "trackingUrl": "https://trk.example/a1",
        "expectedDomain": "shop.example", "context": {"device": "mobile"}, "deadline": "2026-05-27T00:00:00.000Z"
    }]);
    let answer = answer.json();
    assert_eq!((&answer["jobs"], &answer["lost"]), (&jobs, &serde_json::json!([])));
    assert_eq!(answer["serverTime"], "2026-05-26T00:00:00.000Z");
    assert_eq!(state(&stage, &job).await, JobState::Leased);
}

#[tokio::test]
async fn a_waiting_pull_is_answered_when_a_job_comes() {
    let stage = Stage::new().await;
    let desk = stage.desk().await;
    let mut waiting = Connection::open(stage.address()).await;
    waiting.write(&desk.pull_request(&PullRequest { wait_seconds: 50, ..pull(16) }).to_bytes()).await.unwrap();
    stage.get_known(&desk).await;
    let submitted = Instant::now();
    let job = stage.job("a").await;
    let answer: PullAnswer = waiting.answer().await.read(200);
    assert!(submitted.elapsed() < AT_ONCE, "{:?}", submitted.elapsed());
    assert_eq!(answer.jobs[0].job_id, job.job_id);
}

#[tokio::test]
async fn a_pull_without_jobs_is_empty_when_its_time_is_over() {
    let stage = Stage::new().await;
    let desk = stage.desk().await;
    assert_eq!(desk.pull(&stage, 16).await, []);
    let began = Instant::now();
    let answer: PullAnswer = stage.send(&desk.pull_request(&PullRequest { wait_seconds: 1, ..pull(16) })).await.read(200);
    assert!(began.elapsed() >= Duration::from_secs(1) && answer.jobs.is_empty());
}

#[tokio::test]
async fn many_waiting_desktops_get_a_job_each() {
    let stage = Stage::new().await;
    let mut waiting = Vec::new();
    for _ in 0..8 {
        let desk = stage.desk().await;
        let mut connection = Connection::open(stage.address()).await;
        connection.write(&desk.pull_request(&PullRequest { wait_seconds: 50, ..pull(1) }).to_bytes()).await.unwrap();
        stage.get_known(&desk).await;
        waiting.push(connection);
    }
    let submitted = Instant::now();
    let mut jobs = Vec::new();
    for number in 0..8 {
        jobs.push(stage.job(&format!("offer-{number}")).await.job_id);
    }
    let mut leased: Vec<JobId> = Vec::new();
    for mut connection in waiting {
        leased.extend(connection.answer().await.read::<PullAnswer>(200).jobs.iter().map(|job| job.job_id));
    }
    // Wakes may be lost, and waiters then look by themselves after five seconds.
    assert!(submitted.elapsed() < Duration::from_secs(20), "{:?}", submitted.elapsed());
    leased.sort();
    jobs.sort();
    assert_eq!(leased, jobs);
}

#[tokio::test]
async fn a_pull_whose_desktop_has_gone_takes_no_job() {
    let stage = Stage::new().await;
    let [gone, other] = [stage.desk().await, stage.desk().await];
    let open = stage.connections().await;
    let mut waiting = Connection::open(stage.address()).await;
    waiting.write(&gone.pull_request(&PullRequest { wait_seconds: 50, ..pull(16) }).to_bytes()).await.unwrap();
    stage.get_known(&gone).await;
    drop(waiting);
    let began = Instant::now();
    while stage.connections().await > open {
        assert!(began.elapsed() < Duration::from_secs(20), "the relay has not noticed");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let job = stage.job("a").await;
    assert_eq!(other.pull(&stage, 16).await[0].job_id, job.job_id);
}

#[tokio::test]
async fn the_same_poll_again_returns_the_same_leases() {
    let stage = Stage::new().await;
    let desk = stage.desk().await;
    for number in 0..3 {
        stage.job(&format!("offer-{number}")).await;
    }
    let poll = PullRequest { poll_id: PollId::random(NOW), ..pull(2) };
    let first: PullAnswer = stage.send(&desk.pull_request(&poll)).await.read(200);
    let again: PullAnswer = stage.send(&desk.pull_request(&poll)).await.read(200);
    assert_eq!((first.jobs.len(), &again.jobs), (2, &first.jobs));
    assert_eq!(desk.pull(&stage, 16).await.len(), 1);
}

#[tokio::test]
async fn running_jobs_are_renewed_and_lost_ones_named() {
    let stage = Stage::new().await;
    let desk = stage.desk().await;
    let kept = stage.job("kept").await;
    let cancelled = stage.job("cancelled").await;
    let jobs = desk.pull(&stage, 16).await;
    stage.send(&stage.delete(&format!("/api/links/jobs/{}", cancelled.job_id))).await.read::<Job>(200);
    let running = jobs.iter().map(held).collect();
    // Asks for nothing new and would wait, but has news at once.
    let began = Instant::now();
    let answer: PullAnswer = stage.send(&desk.pull_request(&PullRequest { running, wait_seconds: 50, ..pull(16) })).await.read(200);
    assert!(began.elapsed() < AT_ONCE);
    assert_eq!((answer.jobs, answer.lost), (vec![], vec![cancelled.job_id]));
    stage.clock.set(NOW.plus_seconds(59));
    let running = vec![held(jobs.iter().find(|job| job.job_id == kept.job_id).unwrap())];
    let body = serde_json::to_vec(&PullRequest { running, ..pull(0) }).unwrap();
    let answer: PullAnswer = stage.send(&desk.signed_at(stage.now(), "POST", "/api/device/pull", &body)).await.read(200);
    assert_eq!(answer.lost, []);
}

#[tokio::test]
async fn a_desktop_that_dies_loses_its_job_to_another_and_its_late_report_changes_nothing() {
    let stage = Stage::new().await;
    let [slow, quick] = [stage.desk().await, stage.desk().await];
    let job = stage.job("a").await;
    let first = slow.pull(&stage, 1).await.remove(0);
    stage.clock.set(NOW.plus_seconds(15));
    // The relay takes it back by itself, half a second later at most.
    let mut waiting = Connection::open(stage.address()).await;
    let body = serde_json::to_vec(&PullRequest { wait_seconds: 50, ..pull(1) }).unwrap();
    waiting.write(&quick.signed_at(stage.now(), "POST", "/api/device/pull", &body).to_bytes()).await.unwrap();
    let second = waiting.answer().await.read::<PullAnswer>(200).jobs.remove(0);
    assert_eq!((second.job_id, second.fence), (first.job_id, 2));
    assert_eq!(slow.report(&stage, vec![of(&first, valid())]).await, ["superseded"]);
    assert_eq!(quick.report(&stage, vec![of(&second, concluded(Conclusion::HttpGone))]).await, ["applied"]);
    assert_eq!(slow.report(&stage, vec![of(&first, valid())]).await, ["superseded"]);
    let ended: Job = stage.send(&stage.get(&format!("/api/links/jobs/{}", job.job_id))).await.read(200);
    assert_eq!(ended.result.unwrap().conclusion, Conclusion::HttpGone);
}

#[tokio::test]
async fn each_result_has_its_own_outcome() {
    let stage = Stage::new().await;
    let desk = stage.desk().await;
    stage.job("a").await;
    stage.job("b").await;
    let jobs = desk.pull(&stage, 2).await;
    let mut unknown = jobs[0].clone();
    unknown.job_id = JobId::random(NOW);
    let mut stale = jobs[1].clone();
    stale.fence = 9;
    let results = [&unknown, &jobs[0], &jobs[0], &stale].map(|job| of(job, valid())).into();
    assert_eq!(desk.report(&stage, results).await, ["unknown", "applied", "duplicate", "superseded"]);
}

#[tokio::test]
async fn a_busy_desktop_hands_in_with_its_pull() {
    let stage = Stage::new().await;
    let desk = stage.desk().await;
    let first = stage.job("a").await;
    let leased = desk.pull(&stage, 1).await.remove(0);
    let second = stage.job("b").await;
    let request = PullRequest { results: vec![of(&leased, valid())], ..pull(1) };
    let answer: PullAnswer = stage.send(&desk.pull_request(&request)).await.read(200);
    assert_eq!(serde_json::to_value(&answer.outcomes).unwrap(), serde_json::json!([{"jobId": first.job_id, "outcome": "applied"}]));
    assert_eq!(answer.jobs[0].job_id, second.job_id);
}

#[tokio::test]
async fn a_report_that_is_too_large_or_off_shape_is_told_where() {
    let stage = Stage::new().await;
    let desk = stage.desk().await;
    let job = stage.job("a").await;
    let leased = desk.pull(&stage, 1).await.remove(0);
    let report = |results: Vec<_>| serde_json::to_value(ReportRequest { results }).unwrap();
    let good = report(vec![of(&leased, valid())]);
    let mut cases = Vec::new();
    let mut dangerous = good.clone();
    dangerous["results"][0]["result"]["finalUrl"] = "javascript:alert(1)".into();
    cases.push((dangerous, "/results/0/result/finalUrl"));
    let mut control = good.clone();
    control["results"][0]["result"]["title"] = "a\u{1b}[31m".into();
    cases.push((control, "/results/0/result/title"));
    let mut hops = good.clone();
    hops["results"][0]["result"]["failingHop"] = 7.into();
    cases.push((hops, "/results/0/result/failingHop"));
    let mut large = good.clone();
    let hop = large["results"][0]["result"]["hops"][0].clone();
    let many = (0..5).map(|index| {
        let mut hop = hop.clone();
        hop["index"] = index.into();
        hop["location"] = format!("https://shop.example/{}", "a".repeat(60_000)).into();
        hop
    });
    large["results"][0]["result"]["hops"] = many.collect();
    cases.push((large, "/results/0/result"));
    cases.push((report(vec![of(&leased, valid()); 101]), "/results"));
    for (message, pointer) in cases {
        let answer = desk.send(&stage, "/api/device/report", &message).await;
        assert_eq!(answer.refusal(), refused(422, "invalid_payload"), "{pointer}");
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer);
    }
    for (member, value) in [("conclusion", "perfect".into()), ("unknown", 1.into()), ("httpStatus", (-1).into())] {
        let mut message = good.clone();
        message["results"][0]["result"][member] = value;
        assert_eq!(desk.send(&stage, "/api/device/report", &message).await.refusal(), refused(422, "invalid_payload"), "{member}");
    }
    let huge = desk.signed_at(NOW, "POST", "/api/device/report", &vec![b' '; 4 * 1_024 * 1_024 + 1]);
    assert_eq!(stage.send(&huge).await.refusal(), refused(413, "body_too_large"));
    assert_eq!(state(&stage, &job).await, JobState::Leased, "nothing of it was applied");
}

#[tokio::test]
async fn pulls_and_releases_are_bounded() {
    let stage = Stage::new().await;
    let desk = stage.desk().await;
    let held = protocol::device::HeldJob { job_id: JobId::random(NOW), fence: 1 };
    for (request, pointer) in [
        (PullRequest { max: 129, ..pull(1) }, "/max"),
        (PullRequest { wait_seconds: 51, ..pull(1) }, "/waitSeconds"),
        (PullRequest { running: vec![held; 513], ..pull(1) }, "/running"),
    ] {
        let answer = stage.send(&desk.pull_request(&request)).await;
        assert_eq!(answer.refusal(), refused(422, "invalid_payload"));
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer);
    }
    let answer = desk.send(&stage, "/api/device/release", &ReleaseRequest { jobs: vec![held; 513] }).await;
    assert_eq!(answer.refusal(), refused(422, "invalid_payload"));
}

#[tokio::test]
async fn what_is_given_back_goes_to_the_next_at_once() {
    let stage = Stage::new().await;
    let [device, other] = [stage.desk().await, stage.desk().await];
    let job = stage.job("a").await;
    let leased = device.pull(&stage, 1).await.remove(0);
    let release = ReleaseRequest { jobs: vec![held(&leased), held(&leased)] };
    let answer: ReleaseAnswer = device.send(&stage, "/api/device/release", &release).await.read(200);
    assert_eq!(answer.released, 1);
    let again = other.pull(&stage, 1).await.remove(0);
    assert_eq!((again.job_id, again.fence), (job.job_id, 2));
}

#[tokio::test]
async fn desktops_of_another_account_see_nothing_of_it() {
    let stage = Stage::new().await;
    let stranger: Desk = {
        let key = stage.key_on("metered").await;
        stage.desk_of(key.account).await
    };
    let desk = stage.desk().await;
    stage.job("a").await;
    assert_eq!(stranger.pull(&stage, 16).await, []);
    let leased = desk.pull(&stage, 1).await.remove(0);
    assert_eq!(stranger.report(&stage, vec![of(&leased, valid())]).await, ["unknown"]);
    let answer: ReleaseAnswer = stranger.send(&stage, "/api/device/release", &ReleaseRequest { jobs: vec![held(&leased)] }).await.read(200);
    assert_eq!(answer.released, 0);
}

impl Stage {
    /// Open connections, as the relay counts them.
    async fn connections(&self) -> i64 {
        let metrics = Connection::open(self.relay.metrics_address().unwrap()).await;
        let mut metrics = metrics;
        let text = metrics.send(&Request::new("GET", "/metrics").header("Host", "a")).await.text();
        let line = text.lines().find(|line| line.starts_with("link_peeler_connections ")).unwrap();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }

    /// Waits until the relay has read what this desktop has sent before: it answers one thing of it after the other.
    pub(crate) async fn get_known(&self, desk: &Desk) {
        for _ in 0..3 {
            desk.send(self, "/api/device/release", &ReleaseRequest { jobs: vec![] }).await.read::<ReleaseAnswer>(200);
        }
    }

    pub(crate) async fn send_owned(&self, request: Request) -> crate::wire::Answer {
        self.send(&request).await
    }
}
