//! A relay that cannot use its database says so and does not start.

use std::time::{Duration, Instant};

use testkit::postgres::Server;

use crate::proxy::Proxy;
use crate::rig::{self, Rig};

async fn why_not(installation: &std::path::Path, url: &str) -> String {
    let started = Instant::now();
    let error = rig::start(installation, url).await.unwrap_err().to_string();
    assert!(started.elapsed() < Duration::from_secs(12), "{:?}: {error}", started.elapsed());
    error
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_down_silent_or_read_only_is_named() {
    let installation = tempfile::tempdir().unwrap();
    let installation = installation.path();
    let nobody = Proxy::start(None).await;
    let refused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = why_not(installation, &format!("postgres://postgres:canary@127.0.0.1:{refused}/relay")).await;
    assert!(error.contains("cannot be reached") && error.contains("refused"), "{error}");
    let error = why_not(installation, &format!("postgres://postgres:canary@127.0.0.1:{}/relay", nobody.port)).await;
    assert!(error.contains("cannot be reached"), "{error}");

    let primary = Server::start(&["fsync=off"]).unwrap();
    let silent = Proxy::start(Some(primary.port())).await;
    silent.fall_silent();
    let error = why_not(installation, &format!("postgres://postgres:canary@127.0.0.1:{}/postgres", silent.port)).await;
    assert!(error.contains("cannot be reached"), "{error}");
    let error = why_not(installation, &format!("{}/no_such_database", primary.url())).await;
    assert!(error.contains("no_such_database"), "{error}");

    let standby = Server::start_standby(&primary, "standby", &["fsync=off"]).unwrap();
    let url = format!("{}/postgres", standby.url());
    let error = why_not(installation, &url).await;
    assert!(error.contains("read-only") || error.contains("does not allow writes"), "{error}");
    let error = why_not(installation, &format!("{url}?target_session_attrs=read-write")).await;
    assert!(error.contains("does not allow writes"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_with_another_sealing_key_does_not_start() {
    let url = testkit::postgres::new_database();
    let rig = Rig::on(&url, 1).await;
    let other = tempfile::tempdir().unwrap();
    let error = why_not(other.path(), &url).await;
    assert!(error.contains("seal"), "{error}");
    rig.stop().await;
}
