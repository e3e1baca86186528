//! Relay processes die without a word (kill -9), one or the other, at any moment. What they shared carries on: no
//! acknowledged job is lost, no result counts twice, and whoever was being served goes to the other relay.
#![allow(clippy::unwrap_used)]

#[path = "../../../relay/tests/shared_postgres/caller.rs"]
#[allow(dead_code, reason = "shared with the relay's tests, which use all of it")]
mod caller;
#[path = "../../../relay/tests/shared_postgres/desktop.rs"]
#[allow(dead_code, reason = "shared with the relay's tests, which use all of it")]
mod desktop;
#[path = "../../../relay/tests/shared_postgres/patience.rs"]
mod patience;
mod process;
#[path = "../../../relay/tests/shared_postgres/traffic.rs"]
#[allow(dead_code, reason = "shared with the relay's tests, which use all of it")]
mod traffic;

use std::time::{Duration, Instant};

use protocol::secret::random_bytes;
use testkit::postgres::{new_database, sql};

use crate::patience::until;
use crate::process::RelayProcess;
use crate::traffic::Traffic;

/// Relays killed in one run.
const ROUNDS: usize = 20;
/// A kill comes within this many milliseconds, at random: in the middle of whatever is going on.
const MOMENT_MILLIS: u64 = 80;
/// A relay that was left alone goes on serving within this time.
const CARRIES_ON: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn relays_that_are_killed_at_random_lose_nothing_and_repeat_nothing() {
    let (url, installation) = (new_database(), tempfile::tempdir().unwrap());
    let mut relays = [RelayProcess::start(installation.path(), &url), RelayProcess::start(installation.path(), &url)];
    let urls = relays.each_ref().map(RelayProcess::url);
    let devices = [relays[0].link_a_device().await, relays[0].link_a_device().await, relays[1].link_a_device().await];
    let caller = relays[0].make_a_key(&devices[0]).await;
    until("the other relay knows the key", async || caller.verify(&urls[1]).await == 200).await;

    let desktops = Traffic::start("none", &urls, &caller, 0, &devices);
    let callers = Traffic::start("job", &urls, &caller, 8, &[]);
    for round in 0..ROUNDS {
        callers.flow(20).await;
        let moment = Instant::now() + Duration::from_millis(u64::from_le_bytes(random_bytes()) % MOMENT_MILLIS);
        until("the moment has come", async || Instant::now() >= moment).await;
        relays[round % 2].kill();
        let took = callers.flow(20).await;
        assert!(took < CARRIES_ON, "round {round}: {took:?}");
        relays[round % 2].start_again();
    }
    let mut book = callers.stop().await;
    until("every job has concluded", async || sql(&url, "SELECT count(*) FROM jobs WHERE ended_state IS NULL").unwrap() == "0").await;
    book.add(desktops.stop().await);
    println!("{ROUNDS} relays killed: {} jobs; {:?}", book.accepted.len(), book.seen);
    book.assert_polite();
    book.assert_kept(&url);
    let results = sql(&url, "SELECT count(*) = count(DISTINCT job_id), count(*) = (SELECT count(*) FROM jobs) FROM results").unwrap();
    assert_eq!(results, "t|t");
}
