//! Which desktop called: every request under the signature of a linked device's own key.

use domain::audit::Actor;
use protocol::DeviceId;
use protocol::device_signature::{DIGEST_HEADER, DeviceKey, INPUT_HEADER, SIGNATURE_HEADER};

use crate::desk::{Desk, pull};
use crate::stage::{NOW, Stage};
use crate::wire::{Answer, Connection, Request, refused};

const PULL: &str = "/api/device/pull";

fn pull_body() -> Vec<u8> {
    serde_json::to_vec(&pull(1)).unwrap()
}

#[tokio::test]
async fn a_header_that_is_missing_doubled_or_of_another_profile_is_named() {
    let stage = Stage::new().await;
    let desk = stage.desk().await;
    let mut connection = Connection::open(stage.address()).await;
    for header in [DIGEST_HEADER, INPUT_HEADER, SIGNATURE_HEADER] {
        let request = desk.pull_request(&pull(1));
        let value = request.value(header).to_owned();
        for changed in [
            request.clone().without(header),
            request.clone().header(header, &value),
            request.clone().with(header, format!("{value}, {value}")),
            request.clone().with(header, "nonsense"),
            request.clone().with(header, b"\xff"),
        ] {
            let answer = connection.send(&changed).await;
            assert_eq!(answer.status, 401, "{header}");
            let (_, code) = answer.refusal();
            assert!(["missing_header", "malformed_header", "invalid_credentials"].contains(&code.as_str()), "{header}: {code}");
        }
    }
}

#[tokio::test]
async fn an_unknown_device_a_revoked_one_and_another_key_get_one_answer() {
    let stage = Stage::new().await;
    let desk = stage.desk().await;
    let revoked = stage.desk().await;
    assert!(stage.relay.store().revoke_device(stage.relay.account(), revoked.id, Actor::Machine, NOW).await.unwrap());
    let unknown = Desk { id: DeviceId::random(NOW), key: DeviceKey::generate(), address: stage.address() };
    let impostor = Desk { id: desk.id, key: DeviceKey::generate(), address: stage.address() };
    let body = pull_body();
    let anonymous = |answer: Answer| {
        let mut body = answer.json();
        body["requestId"] = "".into();
        (answer.refusal(), body)
    };
    let mut answers = Vec::new();
    for desk in [&unknown, &revoked, &impostor] {
        answers.push(anonymous(stage.send(&desk.signed_at(NOW, "POST", PULL, &body)).await));
    }
    assert_eq!(answers[0].0, refused(401, "invalid_credentials"));
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
}

#[tokio::test]
async fn a_signature_counts_for_its_own_body_method_path_and_relay() {
    let stage = Stage::new().await;
    let desk = stage.desk().await;
    let body = pull_body();
    let request = desk.signed_at(NOW, "POST", PULL, &body);
    let elsewhere = Desk { address: "127.0.0.1:1".parse().unwrap(), id: desk.id, key: desk.key.clone() };
    let other_relay = elsewhere.signed_at(NOW, "POST", PULL, &body).with("Host", stage.address().to_string());
    for (changed, code) in [
        (Request { body: [body.as_slice(), b" "].concat(), ..request.clone() }, "malformed_header"),
        (Request { target: "/api/device/report".to_owned(), ..request.clone() }, "invalid_credentials"),
        (Request { target: format!("{PULL}?x=1"), ..request.clone() }, "invalid_credentials"),
        (other_relay, "invalid_credentials"),
    ] {
        assert_eq!(stage.send(&changed).await.refusal(), refused(401, code), "{changed:?}");
    }
    assert_eq!(stage.send(&request).await.status, 200);
}

#[tokio::test]
async fn a_signature_is_fresh_for_a_minute_either_way() {
    let stage = Stage::new().await;
    let desk = stage.desk().await;
    for (seconds, fresh) in [(-61, false), (-60, true), (60, true), (61, false)] {
        let answer = stage.send(&desk.signed_at(NOW.plus_seconds(seconds), "POST", PULL, &pull_body())).await;
        if fresh {
            assert_eq!(answer.status, 200, "{seconds} s off: {}", answer.text());
        } else {
            assert_eq!(answer.refusal(), refused(401, "stale_timestamp"), "{seconds} s off");
            assert_eq!(answer.json()["serverTime"], "2026-05-26T00:00:00.000Z");
        }
    }
}

#[tokio::test]
async fn the_same_bytes_work_once() {
    let stage = Stage::new().await;
    let desk = stage.desk().await;
    let request = desk.signed_at(NOW.plus_seconds(60), "POST", PULL, &pull_body());
    assert_eq!(stage.send(&request).await.status, 200);
    // For as long as they are fresh: two minutes, when the desktop's clock is ahead.
    for seconds in [0, 60, 119, 120] {
        stage.clock.set(NOW.plus_seconds(seconds));
        assert_eq!(stage.send(&request).await.refusal(), refused(409, "nonce_reused"), "{seconds} s later");
    }
    stage.clock.set(NOW.plus_seconds(121));
    assert_eq!(stage.send(&request).await.refusal(), refused(401, "stale_timestamp"));
}

#[tokio::test]
async fn without_a_public_url_a_signature_counts_for_this_relay_s_own_names_alone() {
    let stage = Stage::with(|config| config.host_names = vec!["desk.lan".to_owned()]).await;
    let desk = stage.desk().await;
    let body = pull_body();
    let port = stage.address().port();
    let sent_to = |host: &str| {
        let uri = format!("http://{host}{PULL}");
        let headers = protocol::device_signature::sign(&desk.key, desk.id, NOW, "POST", &uri, &body);
        let mut request = Request::new("POST", PULL).header("Host", host).json(body.clone());
        for (name, value) in headers.pairs() {
            request = request.header(name, value);
        }
        request
    };
    for host in ["127.0.0.1", "localhost", "[::1]", "desk.lan"] {
        assert_eq!(stage.send(&sent_to(&format!("{host}:{port}"))).await.status, 200, "{host}");
    }
    for host in ["relay.example".to_owned(), format!("relay.example:{port}"), "127.0.0.1:1".to_owned(), format!("192.0.2.7:{port}")] {
        let answer = stage.send(&sent_to(&host)).await;
        assert_eq!(answer.refusal(), refused(401, "invalid_credentials"), "{host}");
        assert_eq!(answer.json()["targetUri"], format!("http://127.0.0.1:{port}{PULL}"), "what would have been right");
    }
}

#[tokio::test]
async fn behind_a_public_url_that_url_is_what_is_signed() {
    let stage = Stage::with(|config| config.public_url = Some("https://relay.example".to_owned())).await;
    let desk = stage.desk().await;
    let body = pull_body();
    let at = |uri: &str| {
        let headers = protocol::device_signature::sign(&desk.key, desk.id, NOW, "POST", uri, &body);
        let mut request = Request::new("POST", PULL).header("Host", "inside.internal:8080").json(body.clone());
        for (name, value) in headers.pairs() {
            request = request.header(name, value);
        }
        request
    };
    assert_eq!(stage.send(&at("https://relay.example/api/device/pull")).await.status, 200);
    assert_eq!(stage.send(&at("http://inside.internal:8080/api/device/pull")).await.refusal(), refused(401, "invalid_credentials"));
}

#[tokio::test]
async fn a_callers_signature_opens_no_door_of_desktops_and_the_other_way_round() {
    let stage = Stage::new().await;
    let desk = stage.desk().await;
    let as_caller = stage.signed_by(&stage.key, "POST", PULL, &pull_body());
    assert_eq!(stage.send(&as_caller).await.status, 401);
    let as_desk = desk.signed_at(NOW, "POST", "/api/links/fetch", crate::stage::payload("a").to_string().as_bytes());
    assert_eq!(stage.send(&as_desk).await.refusal(), refused(401, "missing_header"));
}

#[tokio::test]
async fn a_message_of_the_wrong_form_or_shape_is_refused_after_the_signature() {
    let stage = Stage::new().await;
    let desk = stage.desk().await;
    let send = |body: &'static [u8]| stage.send_owned(desk.signed_at(NOW, "POST", PULL, body));
    for body in [b"{".as_slice(), b"\xff"] {
        assert_eq!(send(body).await.refusal(), refused(400, "malformed_json"), "{}", String::from_utf8_lossy(body));
    }
    for body in [b"{}".as_slice(), b"[]", b"", br#"{"pollId":"x","max":1,"waitSeconds":0}"#] {
        assert_eq!(send(body).await.refusal(), refused(422, "invalid_payload"), "{}", String::from_utf8_lossy(body));
    }
    let two = [pull_body().as_slice(), b"{}"].concat();
    assert_eq!(stage.send(&desk.signed_at(NOW, "POST", PULL, &two)).await.refusal(), refused(400, "malformed_json"));
    let mut unknown = serde_json::to_value(pull(1)).unwrap();
    unknown["extra"] = 1.into();
    assert_eq!(desk.send(&stage, PULL, &unknown).await.refusal(), refused(422, "invalid_payload"));
    let duplicate = String::from_utf8(pull_body()).unwrap().replace("\"max\":1", "\"max\":1,\"max\":128");
    assert_eq!(stage.send(&desk.signed_at(NOW, "POST", PULL, duplicate.as_bytes())).await.status, 422);
}
