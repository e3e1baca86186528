//! Connections go, one by one or all at once with their server. Relays recover by themselves; meanwhile they say "later",
//! never "failed"; and nothing that was acknowledged is lost.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use testkit::postgres::{Server, sql};

use crate::patience::until;
use crate::rig::Rig;
use crate::traffic::Traffic;

/// What is connected as a relay.
const RELAYS: &str = "FROM pg_stat_activity WHERE application_name = 'link-peeler' AND datname = current_database()";
/// Connections that one relay may hold: its writers, its readers, one that tells and one that listens.
const CONNECTIONS_OF_A_RELAY: usize = 12;

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_cut_under_load_are_made_again() {
    let url = testkit::postgres::new_database();
    let rig = Rig::on(&url, 2).await;
    let devices = join_all((0..2).map(|_| rig.device())).await;
    let traffic = Traffic::start("cut", &rig.urls(), &rig.caller, 8, &devices);
    for _ in 0..10 {
        traffic.flow(100).await;
        sql(&url, &format!("SELECT count(pg_terminate_backend(pid)) {RELAYS}")).unwrap();
    }
    traffic.flow(200).await;
    let most: usize = sql(&url, &format!("SELECT count(*) {RELAYS}")).unwrap().parse().unwrap();
    assert!(most <= 2 * CONNECTIONS_OF_A_RELAY, "{most} connections");
    let book = traffic.stop().await;
    println!("connections cut ten times: {:?}", book.seen);
    book.assert_polite();
    book.assert_kept(&url);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_starts_again_is_found_again() {
    let settings = ["fsync=off"];
    let mut server = Server::start(&settings).unwrap();
    let url = server.new_database().unwrap();
    let rig = Rig::on(&url, 2).await;
    let devices = join_all((0..2).map(|_| rig.device())).await;
    let traffic = Traffic::start("restart", &rig.urls(), &rig.caller, 8, &devices);
    for _ in 0..3 {
        traffic.flow(100).await;
        server.kill().unwrap();
        let down = rig.caller.fetch(&rig.url(0), "while it is down").await.unwrap();
        assert_eq!(down.status, 503, "{down:?}");
        assert_eq!(rig.caller.get(&rig.url(1), "/readyz").await.unwrap().status, 503);
        server.start_again(&settings).unwrap();
        let took = traffic.flow(1).await;
        assert!(took < Duration::from_secs(10), "{took:?}");
    }
    traffic.flow(200).await;
    let book = traffic.stop().await;
    println!("server restarted three times: {:?}", book.seen);
    book.assert_polite();
    book.assert_kept(&url);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_keeps_nobody_waiting_and_no_relay_from_stopping() {
    let server = Server::start(&["fsync=off"]).unwrap();
    let rig = Rig::on(&format!("{}?answer_timeout=2", server.new_database().unwrap()), 1).await;
    let (device, relay) = (rig.device().await, rig.url(0));
    let job = rig.caller.admit(&relay, "job").await;
    assert_eq!(device.pull(&relay, 1, 0).await.len(), 1);
    server.freeze();
    let started = Instant::now();
    let fetch = async || rig.caller.fetch(&relay, "another").await.unwrap().status;
    let get = async || rig.caller.wait_for(&relay, job.job_id, 0).await.unwrap().status;
    let report = async || device.try_report(&relay, &[]).await.unwrap().status;
    let ready = async || rig.caller.get(&relay, "/readyz").await.unwrap().status;
    let (fetched, got, reported, ready) = tokio::join!(fetch(), get(), report(), ready());
    assert_eq!((fetched, got, ready), (503, 503, 503));
    assert!(matches!(reported, 200 | 503), "{reported}");
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    let stopping = Instant::now();
    rig.stop().await;
    assert!(stopping.elapsed() < Duration::from_secs(15), "{:?}", stopping.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_somebody_else_keeps_locked_holds_nobody_up_for_long() {
    let url = format!("{}?answer_timeout=3", testkit::postgres::new_database());
    let rig = Rig::on(&url, 1).await;
    let relay = rig.url(0);
    let plain = url.split('?').next().unwrap().to_owned();
    let locking = tokio::task::spawn_blocking({
        let plain = plain.clone();
        move || sql(&plain, "BEGIN; SELECT 1 FROM accounts FOR UPDATE; SELECT 'held', pg_sleep(8); COMMIT")
    });
    until("the row is locked", async || {
        sql(&plain, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%''held''%' AND state = 'active' AND pid <> pg_backend_pid()")
            .unwrap()
            != "0"
    })
    .await;
    let started = Instant::now();
    let answers = join_all((0..40).map(|number| {
        let (caller, relay) = (rig.caller.clone(), relay.clone());
        async move { caller.fetch(&relay, &format!("job-{number}")).await.unwrap() }
    }))
    .await;
    // Everyone is told after one wait, not one after the other.
    assert!(started.elapsed() < Duration::from_secs(7), "{:?}", started.elapsed());
    assert!(answers.iter().all(|answer| answer.code() == "overloaded"), "{answers:?}");
    locking.await.unwrap().unwrap();
    rig.caller.admit(&relay, "afterwards").await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_that_share_relays_never_lock_each_other_out() {
    let url = testkit::postgres::new_database();
    let rig = Rig::on(&url, 2).await;
    let mut traffics = Vec::new();
    for number in 0..6 {
        let account = rig.new_account("unlimited").await;
        let (caller, devices) = (rig.caller_of(account).await, [rig.device_of(account).await, rig.device_of(account).await]);
        traffics.push(Traffic::start(&format!("account-{number}"), &rig.urls(), &caller, 3, &devices));
    }
    let started = Instant::now();
    until("four seconds have passed", async || started.elapsed() > Duration::from_secs(4)).await;
    let mut seen = std::collections::BTreeMap::new();
    for traffic in traffics {
        let book = traffic.stop().await;
        book.assert_kept(&url);
        for (word, times) in book.seen {
            *seen.entry(word).or_insert(0) += times;
        }
    }
    println!("six accounts over two relays: {seen:?}");
    assert!(seen.keys().all(|word| word.contains(" 200 ") || word.contains(" 202 ")), "{seen:?}");
    // A deadlock costs everyone in it the second after which the server looks for one.
    until("the server has counted", async || {
        sql(&url, "SELECT xact_commit > 500 FROM pg_stat_database WHERE datname = current_database()").unwrap() == "t"
    })
    .await;
    assert_eq!(sql(&url, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").unwrap(), "0");
    rig.stop().await;
}
