//! What a form may do is decided when it is done, not when its head has come: its last byte may take seconds, in which a
//! person is taken out of the account or signed out.

use domain::Role;
use domain::audit::Actor;
use domain::role::MemberChange;
use protocol::OperatorId;
use store::BlockRange;

use super::PASSPHRASE;
use super::people::{id_of, member};
use crate::browser::Browser;
use crate::desk::valid;
use crate::stage::Stage;
use crate::wire::{Answer, Connection, Request};

/// Sends all of a request but its body, has `meanwhile` happen once the relay asks for the body, and sends the rest.
pub(crate) async fn send_around(stage: &Stage, request: Request, meanwhile: impl Future<Output = ()>) -> Answer {
    let request = request.header("Expect", "100-continue");
    let bytes = request.to_bytes();
    let (head, body) = bytes.split_at(bytes.len() - request.body_bytes());
    let mut connection = Connection::open(stage.address()).await;
    connection.write(head).await.unwrap();
    connection.read_until("100 Continue\r\n\r\n").await;
    meanwhile.await;
    connection.write(body).await.unwrap();
    connection.answer().await
}

/// How many decisions the relay's own account has recorded, but for those about people.
async fn decided(stage: &Stage) -> u64 {
    let blocks = stage.relay.store().audit_blocks(stage.relay.account(), BlockRange::After(0), 1_000).await.unwrap();
    let lines = blocks.iter().flat_map(|block| block.lines().unwrap());
    lines.filter(|line| line.entry.kind() != "signed_out").map(|line| line.entry.decisions()).sum()
}

const CSV: &str = "row id,tracking url\nnew,https://trk.example/new\n";

/// Forms of the account whose handlers wait for a body: path, and fields that are taken.
fn forms(desk: &str, cleo: &str) -> Vec<(String, Vec<(&'static str, &'static str)>)> {
    vec![
        ("/start/check".into(), vec![("url", "https://trk.example/b"), ("domain", ""), ("row", "b")]),
        (
            "/rows/import".into(),
            vec![
                ("csv", CSV),
                ("step", "go"),
                ("import", "t"),
                ("row", "0"),
                ("url", "1"),
                ("domain", ""),
                ("offer", ""),
                ("required", ""),
            ],
        ),
        ("/rows/act".into(), vec![("row", "live/platform_api/a"), ("act", "skip"), ("reason", "paused")]),
        ("/rows/act".into(), vec![("row", "live/platform_api/a"), ("act", "unskip")]),
        ("/rows/act".into(), vec![("row", "live/platform_api/a"), ("act", "recheck")]),
        ("/rows/edit/live/platform_api/a/expect".into(), vec![("domain", "shop.example"), ("parameters", ""), ("accepted", "")]),
        (format!("/devices/{desk}/rename"), vec![("name", "studio")]),
        ("/settings/channel".into(), vec![("source", "platform_api"), ("freshness", "36"), ("unit", "h")]),
        ("/settings/retention".into(), vec![("days", "30"), ("confirmed", "yes")]),
        ("/people/invite".into(), vec![("email", "dora@company.example"), ("role", "viewer")]),
        (format!("/people/{cleo}/role"), vec![("role", "operator")]),
    ]
}

on_both_databases! {
    async fn a_form_that_was_begun_before_its_sender_lost_the_role_does_nothing(stage) {
        let mut ada = stage.owner("ada").await;
        let mut bea = member(&mut ada, &stage, "bea", "owner").await;
        member(&mut ada, &stage, "cleo", "viewer").await;
        let (bea_id, cleo) = (id_of(&stage, "bea").await.parse::<OperatorId>().unwrap(), id_of(&stage, "cleo").await);
        let desk = stage.desk().await;
        // A row whose last check has ended: only then another one is made.
        stage.job("a").await;
        desk.resolve_one(&stage, valid()).await;
        let become_a = async |role| {
            let change = MemberChange::Role(role);
            stage.relay.store().change_member(stage.relay.account(), bea_id, change, Actor::Machine, stage.now()).await.unwrap();
        };
        for (path, fields) in forms(&desk.id.to_string(), &cleo) {
            let request = bea.form(&stage.console(&path), &fields);
            let before = decided(&stage).await;
            let answer = send_around(&stage, request.clone(), become_a(Role::Viewer)).await;
            assert_eq!(answer.status, 403, "{path}: {}", answer.text());
            assert!(answer.text().contains("You may not do this any more"), "{path}: {}", answer.text());
            become_a(Role::Owner).await;
            // The two changes of the role, and nothing else.
            assert_eq!(decided(&stage).await, before + 2, "{path}");
            let taken = bea.send(&request).await;
            assert!(taken.status < 400, "{path}: {} {}", taken.status, taken.text());
            assert!(decided(&stage).await > before + 2, "{path} would have done something");
        }
    }

    async fn a_code_is_not_approved_by_who_is_taken_out_of_the_account_meanwhile(stage) {
        let mut ada = stage.owner("ada").await;
        let bea = member(&mut ada, &stage, "bea", "operator").await;
        let id = id_of(&stage, "bea").await.parse::<OperatorId>().unwrap();
        let (_, started) = stage.start_link().await;
        let account = stage.relay.account().to_string();
        for decision in ["approve", "deny"] {
            stage.relay.store().change_member(stage.relay.account(), id, MemberChange::Role(Role::Operator), Actor::Machine, stage.now()).await.unwrap();
            let request = bea.form(&format!("/link/{decision}"), &[("code", &started.user_code), ("account", &account)]);
            let demoted = async {
                let change = MemberChange::Role(Role::Viewer);
                stage.relay.store().change_member(stage.relay.account(), id, change, Actor::Machine, stage.now()).await.unwrap();
            };
            assert_eq!(send_around(&stage, request, demoted).await.status, 403);
        }
        assert_eq!(stage.send(&crate::linking::poll(&started)).await.refusal().1, "authorization_pending", "nothing was decided");
    }

    async fn a_form_of_a_session_that_has_ended_meanwhile_does_nothing(stage) {
        let mut ada = stage.owner("ada").await;
        let email = "ada@company.example".parse().unwrap();
        let id = stage.relay.store().operator_by_email(email).await.unwrap().unwrap().operator.id;
        let mut elsewhere = Browser::new(stage.address());
        let new = "another horse entirely";
        for (path, fields) in [
            (stage.console("/people/invite"), vec![("email", "eve@evil.example"), ("role", "owner")]),
            ("/me/passphrase".to_owned(), vec![("current", PASSPHRASE), ("passphrase", new), ("repeated", new)]),
        ] {
            elsewhere.post("/sign-in", &[("email", "ada@company.example"), ("passphrase", PASSPHRASE)]).await;
            let request = elsewhere.form(&path, &fields);
            let newest = stage.relay.store().sessions(id, stage.now()).await.unwrap();
            let theirs = newest.into_iter().filter(|session| session.user_agent == "a browser of tests").map(|session| session.id).collect::<Vec<_>>();
            let before = decided(&stage).await;
            let ended = async {
                for session in theirs {
                    stage.relay.store().end_session(id, session, stage.now()).await.unwrap();
                }
            };
            let answer = send_around(&stage, request, ended).await;
            assert_eq!(answer.status, 403, "{path}: {}", answer.text());
            assert_eq!(decided(&stage).await, before, "{path}");
        }
        assert_eq!(ada.get("/me").await.status, 303, "every session has ended");
        assert_eq!(ada.post("/sign-in", &[("email", "ada@company.example"), ("passphrase", PASSPHRASE)]).await.status, 303, "the passphrase is the old one");
    }
}
