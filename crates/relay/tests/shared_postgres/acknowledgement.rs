//! A commit that waits for its synchronous standby can be cancelled. The server then reports success with a warning: the
//! transaction is durable on the primary alone. That is no acknowledgement.

use std::time::Duration;

use protocol::device::Outcome;
use testkit::postgres::{Server, signal, sql};

use crate::desktop::outcomes;
use crate::patience::until;
use crate::rig::Rig;

/// A primary whose synchronous standby can be made to hear nothing.
struct Stage {
    primary: Server,
    url: String,
    _standby: Server,
}

const WAITING: &str = "FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name = 'link-peeler'";

impl Stage {
    async fn start() -> Self {
        let primary = Server::start(&["fsync=off", "wal_sender_timeout=0"]).unwrap();
        let url = primary.new_database().unwrap();
        let standby = Server::start_standby(&primary, "standby", &["fsync=off"]).unwrap();
        sql(&url, "ALTER SYSTEM SET synchronous_standby_names = 'standby'").unwrap();
        sql(&url, "SELECT pg_reload_conf()").unwrap();
        let query = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
        until("the standby follows", async || sql(&url, query).unwrap() == "1").await;
        Self { primary, url, _standby: standby }
    }

    fn senders(&self) -> Vec<u32> {
        let pids = sql(&format!("{}/postgres", self.primary.url()), "SELECT pid FROM pg_stat_replication").unwrap();
        pids.lines().map(|pid| pid.parse().unwrap()).collect()
    }

    fn cut_the_standby_off(&self) {
        signal(&self.senders(), "STOP");
    }

    fn let_the_standby_hear(&self) {
        signal(&self.senders(), "CONT");
    }

    async fn until_a_commit_waits(&self) {
        until("a commit waits for the standby", async || sql(&self.url, &format!("SELECT count(*) {WAITING}")).unwrap() != "0").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_wait_for_the_standby_is_no_acknowledgement() {
    let stage = Stage::start().await;
    let rig = Rig::on(&stage.url, 1).await;
    let relay = rig.url(0);
    for how in ["pg_cancel_backend", "pg_terminate_backend"] {
        stage.cut_the_standby_off();
        let asking = tokio::spawn({
            let (caller, relay) = (rig.caller.clone(), relay.clone());
            async move { caller.fetch(&relay, how).await.unwrap() }
        });
        stage.until_a_commit_waits().await;
        // Also a wait of the relay's upkeep may be among them.
        until("the relay has answered", async || {
            sql(&stage.url, &format!("SELECT count({how}(pid)) {WAITING}")).unwrap();
            asking.is_finished()
        })
        .await;
        let answer = asking.await.unwrap();
        assert_eq!((answer.status, answer.code()), (503, "outcome_unknown"), "{how}: {answer:?}");
        stage.let_the_standby_hear();
        let settled = rig.caller.admit(&relay, how).await;
        assert!(settled.replayed, "it was committed where it could be seen");
        assert_eq!(sql(&stage.url, &format!("SELECT count(*) FROM jobs WHERE idempotency_key = '{how}'")).unwrap(), "1");
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_set_to_answer_early_does_not_make_relays_do_so() {
    let stage = Stage::start().await;
    for setting in ["off", "local"] {
        let url = testkit::postgres::create_database(&stage.primary.url()).unwrap();
        let other = url.rsplit('/').next().unwrap();
        sql(&url, &format!("ALTER DATABASE {other} SET synchronous_commit = {setting}")).unwrap();
        let rig = Rig::on(&url, 1).await;
        stage.cut_the_standby_off();
        let asking = tokio::spawn({
            let (caller, relay) = (rig.caller.clone(), rig.url(0));
            async move { caller.fetch(&relay, setting).await.unwrap() }
        });
        stage.until_a_commit_waits().await;
        assert!(!asking.is_finished());
        stage.let_the_standby_hear();
        assert_eq!(asking.await.unwrap().status, 202);
        rig.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_that_stays_away_gets_everyone_told_that_nothing_is_sure() {
    let stage = Stage::start().await;
    let rig = Rig::on(&format!("{}?answer_timeout=2", stage.url), 1).await;
    let relay = rig.url(0);
    stage.cut_the_standby_off();
    let asked = std::time::Instant::now();
    let answer = rig.caller.fetch(&relay, "job").await.unwrap();
    assert_eq!((answer.status, answer.code()), (503, "outcome_unknown"), "{answer:?}");
    assert!(asked.elapsed() < Duration::from_secs(6), "{:?}", asked.elapsed());
    // A retry is no surer while the standby is away.
    let again = rig.caller.fetch(&relay, "job").await.unwrap();
    assert_eq!(again.status, 503, "{again:?}");
    stage.let_the_standby_hear();
    until("the job is settled", async || rig.caller.fetch(&relay, "job").await.unwrap().status == 202).await;
    assert_eq!(sql(&stage.url, "SELECT count(*) FROM jobs").unwrap(), "1");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_is_not_called_a_duplicate_before_it_is_safe() {
    let stage = Stage::start().await;
    let rig = Rig::on(&stage.url, 1).await;
    let (device, relay) = (rig.device().await, rig.url(0));
    rig.caller.admit(&relay, "job").await;
    let jobs = device.pull(&relay, 1, 0).await;
    stage.cut_the_standby_off();
    let report = || {
        let (device, relay, jobs) = (device.clone(), relay.clone(), jobs.clone());
        tokio::spawn(async move { device.try_report(&relay, &jobs).await.unwrap() })
    };
    let first = report();
    stage.until_a_commit_waits().await;
    until("the relay has answered", async || {
        sql(&stage.url, &format!("SELECT count(pg_cancel_backend(pid)) {WAITING}")).unwrap();
        first.is_finished()
    })
    .await;
    assert_eq!(first.await.unwrap().code(), "outcome_unknown");

    // The desktop's retry finds the job concluded, on the primary alone: it must wait as the first did.
    let second = report();
    until("the retry waits or is answered", async || {
        second.is_finished() || sql(&stage.url, &format!("SELECT count(*) {WAITING}")).unwrap() != "0"
    })
    .await;
    assert!(!second.is_finished(), "{:?}", second.await.unwrap());
    stage.let_the_standby_hear();
    assert_eq!(outcomes(&second.await.unwrap()), [Outcome::Duplicate]);
    rig.stop().await;
}
