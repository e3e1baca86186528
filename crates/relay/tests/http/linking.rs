//! Linking a desktop, in the shape of RFC 8628: it shows a code, an operator approves it, the code works once.

use domain::audit::Actor;
use protocol::device_signature::DeviceKey;
use protocol::linking::{LinkStarted, Linked};
use relay::PendingLink;
use store::DatabaseUrl;

use crate::desk::{Desk, pull};
use crate::stage::{NOW, Stage};
use crate::wire::{Answer, Connection, Request, refused};

const LINK: &str = "/api/device/link";
const TOKEN: &str = "/api/device/link/token";

fn post(target: &str, message: &serde_json::Value) -> Request {
    Request::new("POST", target).header("Host", "relay").json(message.to_string())
}

fn link_request(key: &DeviceKey) -> Request {
    post(LINK, &serde_json::json!({"publicKey": key.public().to_hex(), "name": "desk", "platform": "linux x86_64"}))
}

pub(crate) fn poll(started: &LinkStarted) -> Request {
    post(TOKEN, &serde_json::json!({"deviceCode": started.device_code}))
}

impl Stage {
    pub(crate) async fn start_link(&self) -> (DeviceKey, LinkStarted) {
        let key = DeviceKey::generate();
        let started = self.send(&link_request(&key)).await.read(200);
        (key, started)
    }

    pub(crate) fn operator(&self, method: &str, path: &str) -> Request {
        let token = std::fs::read_to_string(self.folder.path().join("operator.token")).unwrap();
        Request::new(method, path).header("Host", "relay").header("Authorization", format!("Bearer {}", token.trim()))
    }

    pub(crate) async fn decide(&self, user_code: &str, decision: &str) -> Answer {
        self.send(&self.operator("POST", &format!("/api/operator/links/{user_code}/{decision}"))).await
    }
}

#[tokio::test]
async fn an_approved_code_makes_a_desktop_that_can_work() {
    let stage = Stage::new().await;
    let (key, started) = stage.start_link().await;
    let url = stage.relay.public_url();
    assert_eq!(started.verification_uri, format!("{url}/link"));
    assert_eq!(started.verification_uri_complete, format!("{url}/link?code={}", started.user_code));
    assert_eq!((started.expires_in, started.interval), (600, 0));
    let letters = |c: char| "BCDFGHJKLMNPQRSTVWXZ".contains(c);
    assert!(started.user_code.len() == 9 && started.user_code.split('-').all(|group| group.len() == 4 && group.chars().all(letters)));
    assert_eq!(stage.send(&poll(&started)).await.refusal(), refused(425, "authorization_pending"));

    let pending: Vec<PendingLink> = stage.send(&stage.operator("GET", "/api/operator/links")).await.read(200);
    assert_eq!(pending.len(), 1);
    assert_eq!((&pending[0].user_code, pending[0].name.as_str(), pending[0].address.as_str()), (&started.user_code, "desk", "127.0.0.1"));
    assert_eq!(stage.decide(&started.user_code, "approve").await.status, 200);

    let linked: Linked = stage.send(&poll(&started)).await.read(200);
    assert_eq!(linked.account, stage.relay.account());
    let desk = Desk { id: linked.device_id, key, address: stage.address() };
    let job = stage.job("a").await;
    assert_eq!(desk.pull(&stage, 1).await[0].job_id, job.job_id);
    assert_eq!(stage.send(&poll(&started)).await.read::<Linked>(200), linked, "the answer may have been lost on the way");
    assert_eq!(stage.relay.store().devices(linked.account).await.unwrap().len(), 1);
    let pending: Vec<PendingLink> = stage.send(&stage.operator("GET", "/api/operator/links")).await.read(200);
    assert!(pending.is_empty());
}

#[tokio::test]
async fn people_may_type_the_code_as_they_like() {
    let stage = Stage::new().await;
    for spell in [|code: &str| code.to_lowercase(), |code: &str| code.replace('-', ""), |code: &str| code.replace('-', "%20")] {
        let (_, started) = stage.start_link().await;
        assert_eq!(stage.decide(&spell(&started.user_code), "approve").await.status, 200);
    }
}

#[tokio::test]
async fn a_denied_code_is_told_so() {
    let stage = Stage::new().await;
    let (_, started) = stage.start_link().await;
    assert_eq!(stage.decide(&started.user_code, "deny").await.status, 200);
    assert_eq!(stage.send(&poll(&started)).await.refusal(), refused(403, "access_denied"));
    assert_eq!(stage.decide(&started.user_code, "approve").await.refusal(), refused(404, "not_found"), "decided is decided");
}

#[tokio::test]
async fn a_code_is_decided_once() {
    let stage = Stage::new().await;
    let (_, started) = stage.start_link().await;
    assert_eq!(stage.decide(&started.user_code, "approve").await.status, 200);
    assert_eq!(stage.decide(&started.user_code, "approve").await.status, 200, "approving again changes nothing");
    assert_eq!(stage.decide(&started.user_code, "deny").await.refusal(), refused(404, "not_found"));
    stage.send(&poll(&started)).await.read::<Linked>(200);
}

#[tokio::test]
async fn only_the_operator_decides() {
    let stage = Stage::new().await;
    let (_, started) = stage.start_link().await;
    let approve = format!("/api/operator/links/{}/approve", started.user_code);
    for authorization in [None, Some("Bearer "), Some("Bearer 0000"), Some("Basic AAAA")] {
        let request = Request::new("POST", &approve).header("Host", "relay");
        let request = authorization.map_or(request.clone(), |value| request.header("Authorization", value));
        assert_eq!(stage.send(&request).await.refusal(), refused(404, "not_found"), "{authorization:?}");
    }
    let signed = stage.signed_by(&stage.key, "POST", &approve, b"");
    assert_eq!(stage.send(&signed).await.refusal(), refused(404, "not_found"));
    assert_eq!(stage.send(&poll(&started)).await.refusal(), refused(425, "authorization_pending"));
}

#[tokio::test]
async fn a_code_that_was_never_given_out_is_expired() {
    let stage = Stage::new().await;
    for code in ["", "x", "a-device-code-that-nobody-was-given-by-this-relay"] {
        let answer = stage.send(&post(TOKEN, &serde_json::json!({"deviceCode": code}))).await;
        assert_eq!(answer.refusal(), refused(410, "expired_token"));
    }
}

#[tokio::test]
async fn an_approval_outlives_the_relay_that_took_it() {
    let stage = Stage::new().await;
    let (key, started) = stage.start_link().await;
    let (_, undecided) = stage.start_link().await;
    assert_eq!(stage.decide(&started.user_code, "approve").await.status, 200);
    let stage = stage.restart().await;
    let linked: Linked = stage.send(&poll(&started)).await.read(200);
    assert_eq!(stage.send(&poll(&started)).await.read::<Linked>(200), linked);
    let desk = Desk { id: linked.device_id, key, address: stage.address() };
    assert_eq!(stage.send(&desk.pull_request(&pull(1))).await.status, 200);
    assert_eq!(stage.send(&poll(&undecided)).await.refusal(), refused(425, "authorization_pending"), "whoever gave it out");
    assert_eq!(stage.decide(&undecided.user_code, "approve").await.status, 200, "its poll has said who it is");
    stage.send(&poll(&undecided)).await.read::<Linked>(200);
}

#[tokio::test]
async fn an_approval_that_is_not_used_in_time_runs_out() {
    let stage = Stage::new().await;
    let (_, started) = stage.start_link().await;
    stage.decide(&started.user_code, "approve").await;
    stage.clock.set(NOW.plus_seconds(600));
    assert_eq!(stage.send(&poll(&started)).await.refusal(), refused(410, "expired_token"));
}

#[tokio::test]
async fn a_desktop_that_polls_too_fast_is_slowed_down() {
    let stage = Stage::with(|config| config.link_interval_seconds = 5).await;
    let (_, started) = stage.start_link().await;
    assert_eq!(started.interval, 5);
    assert_eq!(stage.send(&poll(&started)).await.refusal(), refused(425, "authorization_pending"));
    let slowed = stage.send(&poll(&started)).await;
    assert_eq!(slowed.refusal(), refused(429, "slow_down"));
    assert_eq!((slowed.header("retry-after"), &slowed.json()["interval"]), (Some("5"), &5.into()));
    stage.decide(&started.user_code, "approve").await;
    stage.send(&poll(&started)).await.read::<Linked>(200);
}

#[tokio::test]
async fn a_linking_message_is_checked() {
    let stage = Stage::new().await;
    let good = serde_json::json!({"publicKey": DeviceKey::generate().public().to_hex(), "name": "desk", "platform": "linux"});
    // The last is a point of small order: anybody could sign for it.
    let weak = "0100000000000000000000000000000000000000000000000000000000000000";
    for (member, value) in [
        ("publicKey", serde_json::json!("")),
        ("publicKey", serde_json::json!("zz")),
        ("publicKey", serde_json::json!(weak)),
        ("name", serde_json::json!("")),
        ("name", serde_json::json!("a\u{1b}[2J")),
        ("name", serde_json::json!("a".repeat(101))),
        ("platform", serde_json::json!("\n")),
    ] {
        let mut message = good.clone();
        message[member] = value;
        let answer = stage.send(&post(LINK, &message)).await;
        assert_eq!(answer.refusal(), refused(422, "invalid_payload"), "{message}");
        assert_eq!(answer.json()["errors"][0]["pointer"], format!("/{member}"));
    }
    let mut unknown = good.clone();
    unknown["admin"] = true.into();
    assert_eq!(stage.send(&post(LINK, &unknown)).await.refusal(), refused(422, "invalid_payload"));
    assert_eq!(stage.send(&Request::new("POST", LINK).header("Host", "a").json("{")).await.refusal(), refused(400, "malformed_json"));
    assert_eq!(
        stage.send(&Request::new("POST", LINK).header("Host", "a").json(vec![b' '; 5_000])).await.refusal(),
        refused(413, "body_too_large")
    );
}

#[tokio::test]
async fn a_flood_of_codes_is_bounded_and_keeps_nobody_from_linking() {
    let stage = Stage::new().await;
    let (_, started) = stage.start_link().await;
    let mut connection = Connection::open(stage.address()).await;
    let request = link_request(&DeviceKey::generate());
    for _ in 0..1_000 {
        assert_eq!(connection.send(&request).await.status, 200);
    }
    let pending: Vec<PendingLink> = stage.send(&stage.operator("GET", "/api/operator/links")).await.read(200);
    assert_eq!(pending.len(), 40, "so many of one address are remembered");
    assert!(pending.iter().all(|link| link.user_code != started.user_code));
    assert_eq!(stage.send(&poll(&started)).await.refusal(), refused(425, "authorization_pending"));
    assert_eq!(stage.decide(&started.user_code, "approve").await.status, 200, "its own next poll has brought it back");
    stage.send(&poll(&started)).await.read::<Linked>(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poll_in_the_very_moment_of_approval_is_pending_or_linked_and_never_expired() {
    // On PostgreSQL, where an approval and a poll travel on connections of their own.
    let database = DatabaseUrl::Postgres(testkit::postgres::new_database());
    let stage = std::sync::Arc::new(Stage::with(|config| config.database = database).await);
    for round in 0..60 {
        let (_, started) = stage.start_link().await;
        let polling = {
            let (stage, poll) = (std::sync::Arc::clone(&stage), poll(&started));
            tokio::spawn(async move {
                let mut connection = Connection::open(stage.address()).await;
                loop {
                    let answer = connection.send(&poll).await;
                    if answer.status != 425 {
                        return answer;
                    }
                }
            })
        };
        assert_eq!(stage.decide(&started.user_code, "approve").await.status, 200);
        let answer = polling.await.unwrap();
        assert_eq!(answer.status, 200, "round {round}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_revoked_desktop_is_shut_out_at_once() {
    let stage = Stage::new().await;
    let desk = stage.desk().await;
    assert_eq!(stage.send(&desk.pull_request(&pull(1))).await.status, 200);
    assert!(stage.relay.store().revoke_device(stage.relay.account(), desk.id, Actor::Machine, NOW).await.unwrap());
    assert_eq!(stage.send(&desk.pull_request(&pull(1))).await.refusal(), refused(401, "invalid_credentials"));
}
