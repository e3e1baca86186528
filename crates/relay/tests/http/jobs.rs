//! Jobs as their callers see them: made, asked for, waited for, listed, taken back.

use std::time::Duration;

use protocol::{Conclusion, Environment, Job, JobPage, JobState};
use tokio::time::Instant;

use crate::desk::{concluded, valid};
use crate::stage::{NOW, Stage};
use crate::wire::{Connection, refused};

/// What the contract calls "when the job concludes": far below the seconds after which a waiter looks by itself.
const AT_ONCE: Duration = Duration::from_secs(3);

fn path(job: &Job) -> String {
    format!("/api/links/jobs/{}", job.job_id)
}

#[tokio::test]
async fn an_accepted_job_looks_like_the_contract_says() {
    let stage = Stage::new().await;
    let answer = stage.send(&stage.fetch("offer-001")).await;
    let body = answer.json();
    let id = body["jobId"].as_str().unwrap().to_owned();
    let url = stage.relay.public_url();
    assert_eq!(answer.status, 202);
    assert_eq!(answer.header("location"), Some(format!("{url}/api/links/jobs/{id}").as_str()));
    assert_eq!(answer.header("idempotent-replayed"), None);
    let expected = serde_json::json!({
        "jobId": id, "state": "queued", "replayed": false, "environment": "live", "source": "platform_api", "rowId": "offer-001",
        "trackingUrl": "https://trk.example/a1", "createdAt": "2026-05-26T00:00:00.000Z", "expiresAt": "2026-05-27T00:00:00.000Z",
        "statusUrl": format!("{url}/api/links/jobs/{id}"), "result": null,
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn the_public_url_is_the_one_that_is_told() {
    let stage = Stage::with(|config| config.public_url = Some("https://relay.example/base/".to_owned())).await;
    let job = stage.job("a").await;
    assert_eq!(job.status_url, format!("https://relay.example/base/api/links/jobs/{}", job.job_id));
}

#[tokio::test]
async fn a_replay_is_202_while_the_job_goes_on_and_200_with_its_result_afterwards() {
    let stage = Stage::new().await;
    let first = stage.job("a").await;
    let again = stage.send(&stage.fetch("a")).await;
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    let again: Job = again.read(202);
    assert_eq!(again, Job { replayed: true, ..first.clone() });
    stage.desk().await.resolve_one(&stage, valid()).await;
    let after: Job = stage.send(&stage.fetch("a")).await.read(200);
    assert_eq!((after.job_id, after.state, after.replayed), (first.job_id, JobState::Concluded, true));
    assert_eq!(after.result, Some(valid()));
}

#[tokio::test]
async fn a_replay_of_a_cancelled_job_tells_that_it_has_ended() {
    let stage = Stage::new().await;
    let job = stage.job("a").await;
    stage.send(&stage.delete(&path(&job))).await.read::<Job>(200);
    let after: Job = stage.send(&stage.fetch("a")).await.read(200);
    assert_eq!((after.job_id, after.state, after.replayed, after.result), (job.job_id, JobState::Cancelled, true, None));
}

#[tokio::test]
async fn an_equal_payload_in_another_spelling_is_a_replay_and_another_payload_is_not() {
    let stage = Stage::new().await;
    let first = stage.job("a").await;
    let spelled = br#"{ "rowId":"a","source":"platform_api", "trackingUrl":"https:\/\/trk.example\/a1","idempotencyKey":"\u0061","deadlineSeconds":86400 }"#;
    assert_eq!(stage.send(&stage.fetch_of(spelled)).await.read::<Job>(202).job_id, first.job_id);
    let mut other = crate::stage::payload("a");
    other["trackingUrl"] = "https://trk.example/a2".into();
    let answer = stage.send(&stage.fetch_of(other.to_string().as_bytes())).await;
    assert_eq!(answer.refusal(), refused(422, "idempotency_mismatch"));
    assert_eq!(answer.json()["jobId"], first.job_id.to_string());
}

#[tokio::test]
async fn live_and_test_keys_have_jobs_of_their_own() {
    let stage = Stage::new().await;
    let test_key = stage.new_key(Environment::Test).await;
    let live = stage.job("a").await;
    let test: Job = stage.send(&stage.fetch_by(&test_key, "a")).await.read(202);
    assert_eq!((test.environment, test.replayed), (Environment::Test, false));
    let across = stage.signed_by(&test_key, "GET", &path(&live), b"");
    assert_eq!(stage.send(&across).await.refusal(), refused(404, "not_found"));
    let page: JobPage = stage.send(&stage.signed_by(&test_key, "GET", "/api/links/jobs", b"")).await.read(200);
    assert_eq!(page.jobs.iter().map(|job| job.job_id).collect::<Vec<_>>(), [test.job_id]);
}

#[tokio::test]
async fn a_job_of_another_account_is_not_there() {
    let stage = Stage::new().await;
    let job = stage.job("a").await;
    let stranger = stage.key_on("metered").await;
    for (method, target) in [("GET", path(&job)), ("DELETE", path(&job)), ("GET", "/api/rows/platform_api/a".to_owned())] {
        let answer = stage.send(&stage.signed_by(&stranger, method, &target, b"")).await;
        assert_eq!(answer.refusal(), refused(404, "not_found"), "{method} {target}");
    }
}

#[tokio::test]
async fn an_id_that_is_none_is_not_there() {
    let stage = Stage::new().await;
    for id in ["job_00000000000070008000000000000000", "job_x", "dev_00000000000070008000000000000000", "%00", "JOB_"] {
        assert_eq!(stage.send(&stage.get(&format!("/api/links/jobs/{id}"))).await.refusal(), refused(404, "not_found"), "{id}");
    }
}

#[tokio::test]
async fn a_wait_is_answered_when_the_job_concludes() {
    let stage = Stage::new().await;
    let job = stage.job("a").await;
    let desk = stage.desk().await;
    let leased = desk.pull(&stage, 1).await.remove(0);
    let mut waiting = Connection::open(stage.address()).await;
    waiting.write(&stage.get(&format!("{}?wait=60", path(&job))).to_bytes()).await.unwrap();
    wait_until_asked(&stage).await;
    let reported = Instant::now();
    assert_eq!(desk.report(&stage, vec![crate::desk::of(&leased, valid())]).await, ["applied"]);
    let answered: Job = waiting.answer().await.read(200);
    assert!(reported.elapsed() < AT_ONCE, "{:?}", reported.elapsed());
    assert_eq!((answered.state, answered.result), (JobState::Concluded, Some(valid())));
}

#[tokio::test]
async fn a_wait_is_answered_when_the_job_is_cancelled_or_its_time_is_over() {
    let stage = Stage::new().await;
    let job = stage.job("a").await;
    let began = Instant::now();
    let still: Job = stage.send(&stage.get(&format!("{}?wait=1", path(&job)))).await.read(200);
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert_eq!(still.state, JobState::Queued);
    let mut waiting = Connection::open(stage.address()).await;
    waiting.write(&stage.get(&format!("{}?wait=60", path(&job))).to_bytes()).await.unwrap();
    wait_until_asked(&stage).await;
    stage.send(&stage.delete(&path(&job))).await.read::<Job>(200);
    assert_eq!(waiting.answer().await.read::<Job>(200).state, JobState::Cancelled);
}

/// Waits until the request before has spent its nonce: it listens before it looks.
async fn wait_until_asked(stage: &Stage) {
    // Requests of one relay are told apart by their ids alone; a second answered one says that the first was read.
    for _ in 0..3 {
        stage.send(&stage.get("/api/links/verify")).await;
    }
}

#[tokio::test]
async fn a_job_that_has_ended_is_not_waited_for() {
    let stage = Stage::new().await;
    let job = stage.job("a").await;
    stage.desk().await.resolve_one(&stage, concluded(Conclusion::HttpGone)).await;
    let began = Instant::now();
    let answered: Job = stage.send(&stage.get(&format!("{}?wait=60", path(&job)))).await.read(200);
    assert!(began.elapsed() < AT_ONCE);
    assert_eq!(answered.result.unwrap().conclusion, Conclusion::HttpGone);
}

#[tokio::test]
async fn parameters_are_read_strictly() {
    let stage = Stage::new().await;
    let job = stage.job("a").await;
    let wrong = [
        ("?wait=61", "wait"),
        ("?wait=-1", "wait"),
        ("?wait=1.5", "wait"),
        ("?wait=", "wait"),
        ("?wait=1&wait=1", "wait"),
        ("?Wait=1", "Wait"),
        ("?x=1", "x"),
    ];
    for (query, parameter) in wrong {
        let answer = stage.send(&stage.get(&format!("{}{query}", path(&job)))).await;
        assert_eq!(answer.refusal(), refused(400, "invalid_parameter"), "{query}");
        assert_eq!(answer.json()["parameter"], parameter);
    }
    for query in ["?limit=0", "?limit=201", "?state=done", "?conclusion=fine", "?cursor=x", "?nonsense=1", "?state=queued&state=queued"] {
        let answer = stage.send(&stage.get(&format!("/api/links/jobs{query}"))).await;
        assert_eq!(answer.refusal(), refused(400, "invalid_parameter"), "{query}");
    }
    assert_eq!(stage.send(&stage.delete(&format!("{}?force=1", path(&job)))).await.refusal(), refused(400, "invalid_parameter"));
    assert_eq!(stage.send(&stage.get("/api/links/verify?x=1")).await.refusal(), refused(400, "invalid_parameter"));
}

#[tokio::test]
async fn lists_go_on_where_they_ended_and_can_be_filtered() {
    let stage = Stage::new().await;
    let mut made = Vec::new();
    for number in 0..7 {
        stage.clock.set(NOW.plus_seconds(number));
        made.push(stage.job(&format!("offer-{number}")).await.job_id);
    }
    stage.clock.set(NOW);
    made.reverse();
    let mut listed = Vec::new();
    let mut target = "/api/links/jobs?limit=3".to_owned();
    loop {
        let page: JobPage = stage.send(&stage.get(&target)).await.read(200);
        listed.extend(page.jobs.iter().map(|job| job.job_id));
        match page.next_cursor {
            Some(cursor) => target = format!("/api/links/jobs?limit=3&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(listed, made);
    stage.send(&stage.delete(&format!("/api/links/jobs/{}", made[0]))).await.read::<Job>(200);
    let ids = |target: &'static str| async {
        let page: JobPage = stage.send(&stage.get(target)).await.read(200);
        page.jobs.iter().map(|job| job.job_id).collect::<Vec<_>>()
    };
    assert_eq!(ids("/api/links/jobs?state=cancelled").await, made[..1]);
    assert_eq!(ids("/api/links/jobs?rowId=offer-2").await, made[4..5]);
    assert_eq!(ids("/api/links/jobs?rowId=offer-2&state=concluded").await, []);
    assert_eq!(ids("/api/links/jobs?source=csv").await, []);
    assert_eq!(ids("/api/links/jobs?conclusion=valid").await, []);
}

#[tokio::test]
async fn a_queued_job_is_taken_back_and_a_concluded_one_is_not() {
    let stage = Stage::new().await;
    let queued = stage.job("queued").await;
    let cancelled: Job = stage.send(&stage.delete(&path(&queued))).await.read(200);
    assert_eq!((cancelled.job_id, cancelled.state, cancelled.result), (queued.job_id, JobState::Cancelled, None));
    stage.send(&stage.delete(&path(&queued))).await.read::<Job>(200);
    let concluded = stage.job("concluded").await;
    stage.desk().await.resolve_one(&stage, valid()).await;
    assert_eq!(stage.send(&stage.delete(&path(&concluded))).await.refusal(), refused(409, "already_concluded"));
}

#[tokio::test]
async fn a_job_whose_deadline_passes_concludes_by_itself() {
    let stage = Stage::new().await;
    let mut body = crate::stage::payload("a");
    body["deadlineSeconds"] = 30.into();
    let job: Job = stage.send(&stage.fetch_of(body.to_string().as_bytes())).await.read(202);
    stage.clock.set(NOW.plus_seconds(30));
    let ended: Job = stage.send(&stage.get(&format!("{}?wait=30", path(&job)))).await.read(200);
    assert_eq!(ended.result.unwrap().conclusion, Conclusion::NotExecuted);
}
