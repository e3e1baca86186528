//! Devices for the operator: who is linked, and how to shut one out.

use std::time::Duration;

use protocol::device::{PullAnswer, PullRequest};
use protocol::{DeviceId, JobState};
use relay::LinkedDevice;
use store::DatabaseUrl;
use testkit::postgres::sql;
use tokio::time::Instant;

use crate::desk::pull;
use crate::stage::{NOW, Stage};
use crate::wire::{Connection, Request, refused};

const DEVICES: &str = "/api/operator/devices";
/// Far below the seconds after which a waiting pull looks by itself.
const AT_ONCE: Duration = Duration::from_secs(3);

fn revoke(device: DeviceId) -> String {
    format!("{DEVICES}/{device}/revoke")
}

#[tokio::test]
async fn the_operator_sees_every_device_and_revokes_one_for_good() {
    let stage = Stage::new().await;
    let [stays, goes] = [stage.desk().await, stage.desk().await];
    let listed: Vec<LinkedDevice> = stage.send(&stage.operator("GET", DEVICES)).await.read(200);
    let mut ids: Vec<_> = listed.iter().map(|device| device.device_id).collect();
    ids.sort();
    let mut linked = [stays.id, goes.id];
    linked.sort();
    assert_eq!(ids, linked);
    assert!(listed.iter().all(|device| device.revoked_at.is_none()));
    assert_eq!((listed[0].name.as_str(), listed[0].platform.as_str(), listed[0].linked_at), ("desk", "linux", NOW));

    let revoked: LinkedDevice = stage.send(&stage.operator("POST", &revoke(goes.id))).await.read(200);
    assert_eq!((revoked.device_id, revoked.revoked_at), (goes.id, Some(NOW)));
    assert_eq!(stage.send(&goes.pull_request(&pull(1))).await.refusal(), refused(401, "invalid_credentials"));
    assert_eq!(stage.send(&stays.pull_request(&pull(1))).await.status, 200);
    stage.clock.set(NOW.plus_seconds(60));
    let again: LinkedDevice = stage.send(&stage.operator("POST", &revoke(goes.id))).await.read(200);
    assert_eq!(again, revoked, "again is harmless");
    let listed: Vec<LinkedDevice> = stage.send(&stage.operator("GET", DEVICES)).await.read(200);
    for device in listed {
        assert_eq!(device.revoked_at, (device.device_id == goes.id).then_some(NOW));
    }
}

#[tokio::test]
async fn nobody_else_sees_or_revokes_a_device_and_there_is_nothing_to_revoke_that_is_not_there() {
    let stage = Stage::new().await;
    let desk = stage.desk().await;
    for (method, path) in [("GET", DEVICES.to_owned()), ("POST", revoke(desk.id))] {
        let anonymous = Request::new(method, &path).header("Host", "relay");
        assert_eq!(stage.send(&anonymous).await.refusal(), refused(404, "not_found"));
        assert_eq!(stage.send(&anonymous.header("Authorization", "Bearer 0000")).await.refusal(), refused(404, "not_found"));
    }
    let elsewhere = stage.desk_of(stage.key_on("metered").await.account).await;
    for device in [elsewhere.id.to_string(), DeviceId::random(NOW).to_string(), "nonsense".to_owned()] {
        let answer = stage.send(&stage.operator("POST", &format!("{DEVICES}/{device}/revoke"))).await;
        assert_eq!(answer.refusal(), refused(404, "not_found"), "{device}");
    }
    assert_eq!(stage.send(&elsewhere.pull_request(&pull(1))).await.status, 200);
}

#[tokio::test]
async fn a_pull_that_waits_ends_when_its_device_is_revoked_and_takes_no_job_along() {
    let stage = Stage::new().await;
    let [goes, stays] = [stage.desk().await, stage.desk().await];
    let waiting = PullRequest { wait_seconds: 50, ..pull(16) };
    let mut ending = Connection::open(stage.address()).await;
    ending.write(&goes.pull_request(&waiting).to_bytes()).await.unwrap();
    let mut going_on = Connection::open(stage.address()).await;
    going_on.write(&stays.pull_request(&waiting).to_bytes()).await.unwrap();
    for _ in 0..3 {
        stage.send(&stays.pull_request(&pull(0))).await.read::<PullAnswer>(200);
    }
    let began = Instant::now();
    stage.send(&stage.operator("POST", &revoke(goes.id))).await.read::<LinkedDevice>(200);
    assert_eq!(ending.answer().await.refusal(), refused(401, "invalid_credentials"));
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    let job = stage.job("a").await;
    let answer: PullAnswer = going_on.answer().await.read(200);
    assert_eq!(answer.jobs.iter().map(|job| job.job_id).collect::<Vec<_>>(), [job.job_id]);
    let record = stage.relay.store().job(stage.key.account, job.environment, job.job_id).await.unwrap().unwrap();
    assert_eq!(record.state, JobState::Leased);
}

#[tokio::test]
async fn a_device_that_was_revoked_without_a_word_counts_a_few_seconds_longer_and_gets_no_job_in_them() {
    let url = testkit::postgres::new_database();
    let stage = Stage::with(|config| config.database = DatabaseUrl::Postgres(url.clone())).await;
    let desk = stage.desk().await;
    stage.job("a").await;
    sql(&url, "UPDATE devices SET revoked_at = 1").unwrap();
    let began = Instant::now();
    loop {
        let answer = stage.send(&desk.pull_request(&pull(1))).await;
        if answer.status == 401 {
            break;
        }
        assert_eq!(answer.read::<PullAnswer>(200).jobs, []);
        assert!(began.elapsed() < Duration::from_secs(10));
        tokio::task::yield_now().await;
    }
}
