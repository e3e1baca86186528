//! Wake-ups between relays are hints, and hints get lost with the connection that carries them. What must not be
//! forgotten comes through all the same.

use std::time::Duration;

use protocol::device::Outcome;
use serde_json::json;
use testkit::postgres::sql;

use crate::patience::until;
use crate::rig::Rig;

/// Within this time even a lost hint has been made up for.
const MADE_UP: Duration = Duration::from_secs(6);

/// The connections that tell, and those that listen.
const TELLING: &str = "query LIKE 'SELECT 1::bigint FROM pg_notify%'";
const LISTENING: &str = "query LIKE 'LISTEN%'";

fn cut(url: &str, which: &str) -> String {
    sql(url, &format!("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND {which}"))
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_is_refused_everywhere_though_the_connection_that_tells_was_cut() {
    let url = testkit::postgres::new_database();
    let rig = Rig::on(&url, 2).await;
    let (device, here, there) = (rig.device().await, rig.url(0), rig.url(1));
    for _ in 0..3 {
        let caller = rig.caller_of(rig.account).await;
        until("the telling connection was cut", async || cut(&url, TELLING) != "0").await;
        let revoke = format!("/api/device/keys/{}/revoke", caller.key_id);
        assert_eq!(device.post(&here, &revoke, &json!({})).await.unwrap().status, 200);
        let took = until("the key no longer counts there", async || caller.verify(&there).await == 401).await;
        assert!(took < MADE_UP, "{took:?}");
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_is_refused_by_a_relay_that_could_not_listen_just_then() {
    let url = testkit::postgres::new_database();
    let rig = Rig::on(&url, 2).await;
    let (device, here, there) = (rig.device().await, rig.url(0), rig.url(1));
    for _ in 0..3 {
        let caller = rig.caller_of(rig.account).await;
        until("the listening connections were cut", async || cut(&url, LISTENING) == "2").await;
        let revoke = format!("/api/device/keys/{}/revoke", caller.key_id);
        assert_eq!(device.post(&here, &revoke, &json!({})).await.unwrap().status, 200);
        let took = until("the key no longer counts there", async || caller.verify(&there).await == 401).await;
        assert!(took < MADE_UP, "{took:?}");
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_revoked_without_a_word_counts_a_few_seconds_longer_and_no_more() {
    let url = testkit::postgres::new_database();
    let rig = Rig::on(&url, 1).await;
    assert_eq!(rig.caller.verify(&rig.url(0)).await, 200);
    sql(&url, &format!("UPDATE api_keys SET revoked_at = 1 WHERE key_id = '{}'", rig.caller.key_id)).unwrap();
    let took = until("the key no longer counts", async || rig.caller.verify(&rig.url(0)).await == 401).await;
    assert!(took < MADE_UP, "{took:?}");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_pull_gets_its_job_though_every_hint_was_lost() {
    let url = testkit::postgres::new_database();
    let rig = Rig::on(&url, 2).await;
    let (device, here, there) = (rig.device().await, rig.url(0), rig.url(1));
    let waiting = tokio::spawn({
        let (device, there) = (device.clone(), there.clone());
        async move { device.pull(&there, 1, 20).await }
    });
    until("the listening connections were cut", async || cut(&url, LISTENING) == "2").await;
    let job = rig.caller.admit(&here, "job").await;
    let jobs = tokio::time::timeout(MADE_UP, waiting).await.unwrap().unwrap();
    assert_eq!(jobs.iter().map(|leased| leased.job_id).collect::<Vec<_>>(), [job.job_id]);
    assert_eq!(device.report(&here, &jobs).await, [Outcome::Applied]);
    rig.stop().await;
}
