//! From nothing to linked.

use std::sync::{Arc, Mutex};

use desktop::{Config, Desktop, Link, LinkError, LinkEvent, StartError};
use protocol::ProblemCode;

use crate::Stage;
use crate::relay::TokenReply;

/// A configuration that writes down what a person would be shown.
fn shown(stage: &Stage) -> (Config, Arc<Mutex<Vec<String>>>) {
    let codes = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&codes);
    let on_link = Arc::new(move |event: LinkEvent| match event {
        LinkEvent::Code(started) => seen.lock().unwrap().push(started.user_code),
        LinkEvent::Expired => seen.lock().unwrap().push("expired".to_owned()),
        LinkEvent::Waiting { .. } => seen.lock().unwrap().push("waiting".to_owned()),
    });
    (Config { on_link, ..stage.config() }, codes)
}

#[tokio::test]
async fn a_new_desktop_shows_its_code_polls_until_approved_and_stays_linked() {
    let stage = Stage::new().await;
    stage.relay.next_token(TokenReply::Problem(ProblemCode::AuthorizationPending));
    stage.relay.next_token(TokenReply::Problem(ProblemCode::AuthorizationPending));
    let (config, codes) = shown(&stage);
    let desktop = Desktop::start(config).await.unwrap();
    assert_eq!(*codes.lock().unwrap(), ["BCDF-GHJ1"]);
    assert_eq!((desktop.device_id(), desktop.account()), (stage.relay.device(), stage.relay.account()));
    desktop.shutdown().await;

    let link = Link::load(stage.folder.path()).unwrap().unwrap();
    assert_eq!((link.device_id, link.account), (stage.relay.device(), stage.relay.account()));
    stage.desktop().await.shutdown().await;
    stage.relay.seen(|seen| {
        assert_eq!(seen.links.len(), 1, "the second start is linked already");
        assert_eq!(seen.token_polls, 3);
    });
}

#[tokio::test]
async fn a_code_that_ran_out_is_followed_by_another() {
    let stage = Stage::new().await;
    stage.relay.next_token(TokenReply::Problem(ProblemCode::ExpiredToken));
    let (config, codes) = shown(&stage);
    Desktop::start(config).await.unwrap().shutdown().await;
    assert_eq!(*codes.lock().unwrap(), ["BCDF-GHJ1", "expired", "BCDF-GHJ2"]);
    stage.relay.seen(|seen| assert_eq!(seen.links[0].public_key, seen.links[1].public_key, "the key stays the same"));
}

#[tokio::test]
async fn a_no_is_a_no() {
    let stage = Stage::new().await;
    stage.relay.next_token(TokenReply::Problem(ProblemCode::AccessDenied));
    let refused = Desktop::start(stage.config()).await.unwrap_err();
    assert!(matches!(refused, StartError::Link(LinkError::Denied)), "{refused}");
    assert!(Link::load(stage.folder.path()).unwrap().is_none());
}

#[tokio::test]
async fn one_desktop_works_in_a_folder_at_a_time() {
    let stage = Stage::new().await;
    let first = stage.desktop().await;
    let second = Desktop::start(stage.config()).await.unwrap_err();
    assert!(matches!(second, StartError::InUse(_)), "{second}");
    first.shutdown().await;
    stage.desktop().await.shutdown().await;
}

#[tokio::test]
async fn a_relay_that_is_away_is_no_reason_not_to_start() {
    let stage = Stage::new().await;
    stage.desktop().await.shutdown().await;
    // A port that was bound a moment ago and is closed now: nobody listens there.
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let desktop = Desktop::start(Config { relay_url: format!("http://{closed}"), ..stage.config() }).await.unwrap();
    let mut events = desktop.events();
    let event = events.recv().await.unwrap();
    assert!(matches!(&event, desktop::Event::Connection(desktop::Connection::Retrying { .. })), "{event:?}");
    desktop.shutdown().await;
}
