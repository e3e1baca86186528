//! A relay whose clock is not the database server's says so.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use protocol::{Clock, ManualClock, SystemClock};
use relay::{Config, InstallSecrets, Relay};
use store::DatabaseUrl;

use crate::patience::until;

const AN_HOUR_MILLIS: i64 = 3_600_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_an_hour_ahead_shows_in_the_metrics() {
    let installation = tempfile::tempdir().unwrap();
    let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let database = DatabaseUrl::Postgres(testkit::postgres::new_database());
    let mut config = Config::new(free, database, InstallSecrets::load_or_create(installation.path()).unwrap());
    config.metrics_listen = Some(free);
    config.clock = Arc::new(ManualClock::at(SystemClock.now().plus_millis(AN_HOUR_MILLIS)));
    let relay = Relay::start(config).await.unwrap();
    let metrics = format!("http://{}/metrics", relay.metrics_address().unwrap());
    until("an hour of skew is counted", async || {
        let text = reqwest::get(&metrics).await.unwrap().text().await.unwrap();
        let skew = text.lines().find_map(|line| line.strip_prefix("link_peeler_clock_skew_seconds "));
        skew.is_some_and(|seconds| (3_500.0..=3_600.5).contains(&seconds.parse::<f64>().unwrap()))
    })
    .await;
    relay.shutdown().await;
}
