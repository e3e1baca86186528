//! The primary dies, hangs or falls silent under load; its synchronous standby takes over; every acknowledgement holds.
//! The control shows that these tests can see loss: with asynchronous replication some acknowledgements do not.

use std::time::{Duration, Instant};

use testkit::postgres::{Server, signal, sql};

use crate::patience::until;
use crate::proxy::Proxy;
use crate::rig::Rig;
use crate::traffic::Traffic;

/// How many failovers a run goes through; this variable names another number.
const ROUNDS: usize = 3;
const ROUNDS_VARIABLE: &str = "LINK_PEELER_FAILOVERS";
const SETTINGS: [&str; 2] = ["fsync=off", "wal_sender_timeout=2s"];
const STANDBY: &str = "standby";

/// A primary and a standby. Relays reach them by two addresses that stay when servers come and go.
struct Pair {
    primary: Server,
    standby: Server,
    doors: [Proxy; 2],
    /// The door that leads to the primary.
    at: usize,
    database: String,
}

/// What happens to a primary.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// Power is cut: connections are reset.
    Dies,
    /// The network between it and the relays drops everything.
    FallsSilent,
    /// It keeps its connections and does nothing more.
    Hangs,
}

impl Pair {
    async fn start(is_synchronous: bool) -> Self {
        let primary = Server::start(&SETTINGS).unwrap();
        let database = primary.new_database().unwrap().rsplit('/').next().unwrap().to_owned();
        let standby = Server::start_standby(&primary, STANDBY, &SETTINGS).unwrap();
        let doors = [Proxy::start(Some(primary.port())).await, Proxy::start(Some(standby.port())).await];
        let pair = Self { primary, standby, doors, at: 0, database };
        pair.follow(is_synchronous).await;
        pair
    }

    /// Waits until the standby follows.
    async fn follow(&self, is_synchronous: bool) {
        if is_synchronous {
            let url = self.url_of(&self.primary);
            sql(&url, &format!("ALTER SYSTEM SET synchronous_standby_names = '{STANDBY}'")).unwrap();
            sql(&url, "SELECT pg_reload_conf()").unwrap();
        }
        let state = if is_synchronous { "sync" } else { "async" };
        let query = format!("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = '{state}'");
        until("the standby follows", async || sql(&self.url_of(&self.primary), &query).unwrap() == "1").await;
    }

    fn url_of(&self, server: &Server) -> String {
        format!("{}/{}", server.url(), self.database)
    }

    /// As relays are told it.
    fn url(&self) -> String {
        let [first, second] = &self.doors;
        let hosts = format!("127.0.0.1:{},127.0.0.1:{}", first.port, second.port);
        format!("postgres://postgres@{hosts}/{}?target_session_attrs=read-write&answer_timeout=2", self.database)
    }

    fn meet(&mut self, fate: Fate) {
        match fate {
            Fate::Dies => self.primary.kill().unwrap(),
            Fate::FallsSilent => self.doors[self.at].fall_silent(),
            Fate::Hangs => self.primary.freeze(),
        }
    }

    /// Makes the standby the primary. The old one never comes back.
    fn fail_over(&mut self) {
        // It would else wait for a standby of its own before it acknowledges anything.
        let url = self.url_of(&self.standby);
        sql(&url, "ALTER SYSTEM RESET synchronous_standby_names").unwrap();
        self.standby.promote().unwrap();
        self.at = 1 - self.at;
    }

    /// Gives the new primary a standby where the old primary was.
    async fn pair_again(&mut self) {
        let standby = Server::start_standby(&self.standby, STANDBY, &SETTINGS).unwrap();
        self.doors[1 - self.at].lead_to(Some(standby.port()));
        self.primary = std::mem::replace(&mut self.standby, standby);
        self.follow(true).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledgement_survives_a_failover_to_the_synchronous_standby() {
    let rounds = std::env::var(ROUNDS_VARIABLE).ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS);
    let mut pair = Pair::start(true).await;
    let rig = Rig::on(&pair.url(), 2).await;
    let devices = [rig.device().await, rig.device().await];
    for round in 0..rounds {
        let fate = [Fate::Dies, Fate::FallsSilent, Fate::Hangs][round % 3];
        let traffic = Traffic::start(&format!("round-{round}"), &rig.urls(), &rig.caller, 8, &devices);
        traffic.flow(150).await;
        pair.meet(fate);
        pair.fail_over();
        let promoted = Instant::now();
        traffic.flow(1).await;
        let recovered = promoted.elapsed();
        traffic.flow(50).await;
        let book = traffic.stop().await;
        println!("round {round}: the primary {fate:?}; served again after {recovered:?}; {:?}", book.seen);
        book.assert_polite();
        book.assert_kept(&pair.url_of(&pair.standby));
        assert!(recovered < Duration::from_secs(12), "{recovered:?}");
        if round + 1 < rounds {
            pair.pair_again().await;
        }
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_synchronous_standby_acknowledgements_are_lost() {
    let mut pair = Pair::start(false).await;
    let rig = Rig::on(&pair.url(), 1).await;
    let traffic = Traffic::start("control", &rig.urls(), &rig.caller, 8, &[]);
    traffic.flow(50).await;
    // The standby hears nothing more, and the primary acknowledges all the same.
    let sender = sql(&pair.url_of(&pair.primary), "SELECT pid FROM pg_stat_replication").unwrap();
    signal(&[sender.parse().unwrap()], "STOP");
    traffic.flow(100).await;
    let stopper = traffic.stopper();
    stopper.store(true, std::sync::atomic::Ordering::Relaxed);
    pair.meet(Fate::Dies);
    let book = traffic.stop().await;
    pair.fail_over();
    let missing = book.missing(&pair.url_of(&pair.standby));
    println!("control: {} of {} acknowledgements are lost", missing.len(), book.accepted.len());
    assert!(!missing.is_empty());
    rig.stop().await;
}
