//! What people decide is kept in the audit: each route that changes something says what it records, or why nothing.

use std::collections::BTreeSet;

use domain::audit::{Entry, Line};
use store::BlockRange;

use super::PASSPHRASE;
use super::people::{id_of, invite, member};
use crate::browser::Browser;
use crate::stage::Stage;

/// What a route that changes something leaves in the audit.
enum Leaves {
    /// Records of these kinds.
    Records(&'static [&'static str]),
    /// Nothing, because…
    Nothing(&'static str),
}
use Leaves::{Nothing, Records};

/// Every route that is no reading. A new one fails until it stands here: is what it does a decision?
const ROUTES: &[(&str, &str, Leaves)] = &[
    ("POST", "/api/links/fetch", Records(&["admitted", "replayed", "refused"])),
    ("POST", "/api/links/fetch/batch", Records(&["admitted", "replayed", "refused"])),
    ("DELETE", "/api/links/jobs/{job_id}", Records(&["cancelled"])),
    ("POST", "/api/device/link", Nothing("a desktop that asks is nobody yet; asking writes nothing at all")),
    ("POST", "/api/device/link/token", Records(&["linked"])),
    ("POST", "/api/device/pull", Records(&["leased", "concluded"])),
    ("POST", "/api/device/report", Records(&["concluded"])),
    ("POST", "/api/device/release", Records(&["requeued"])),
    ("POST", "/api/device/keys", Records(&["key_created"])),
    ("POST", "/api/device/keys/{key_id}/revoke", Records(&["key_revoked"])),
    ("POST", "/api/device/keys/{key_id}/rotate", Records(&["key_rotated"])),
    ("POST", "/api/device/keys/{key_id}/rename", Records(&["key_changed"])),
    ("POST", "/api/operator/links/{user_code}/approve", Records(&["link_approved"])),
    ("POST", "/api/operator/links/{user_code}/deny", Records(&["link_denied"])),
    ("POST", "/api/operator/devices/{device_id}/revoke", Records(&["device_revoked", "requeued"])),
    ("POST", "/api/operator/accounts", Records(&["account_created"])),
    ("POST", "/api/operator/accounts/{account}/plan", Records(&["plan_changed"])),
    ("POST", "/api/operator/accounts/{account}/operators/{operator}/remove", Records(&["operator_changed"])),
    ("POST", "/api/operator/accounts/{account}/invitations", Records(&["operator_changed"])),
    ("POST", "/api/operator/accounts/{account}/setup-link", Records(&["operator_changed"])),
    ("POST", "/api/operator/accounts/{account}/channel", Records(&["setting_changed"])),
    ("POST", "/setup", Records(&["operator_changed", "signed_in"])),
    ("POST", "/sign-in", Records(&["signed_in", "sign_in_refused"])),
    // A reading for the browser, which comes back from elsewhere.
    ("GET", "/sign-in/{provider}/callback", Records(&["operator_changed", "signed_in", "sign_in_refused"])),
    ("POST", "/invitation", Records(&["operator_changed", "signed_in"])),
    ("POST", "/theme", Nothing("light or dark is a cookie; the relay does not know it")),
    ("POST", "/sign-out", Records(&["signed_out"])),
    ("POST", "/me/passphrase", Records(&["operator_changed", "signed_in", "sign_in_refused"])),
    ("POST", "/me/sessions/{session}/end", Records(&["signed_out"])),
    ("POST", "/link/approve", Records(&["link_approved"])),
    ("POST", "/link/deny", Records(&["link_denied"])),
    ("POST", "/console/{account}/start/check", Records(&["rechecked"])),
    ("POST", "/console/{account}/rows/import", Records(&["row_changed", "rechecked"])),
    ("POST", "/console/{account}/rows/act", Records(&["row_changed", "rechecked"])),
    ("POST", "/console/{account}/rows/edit/{env}/{source}/{row}/expect", Records(&["row_changed"])),
    ("POST", "/console/{account}/jobs/{job}/cancel", Records(&["cancelled"])),
    ("POST", "/console/{account}/devices/{device}/rename", Records(&["device_renamed"])),
    ("POST", "/console/{account}/devices/{device}/revoke", Records(&["device_revoked", "requeued"])),
    ("POST", "/console/{account}/keys/{key}/revoke", Records(&["key_revoked"])),
    ("POST", "/console/{account}/settings/channel", Records(&["setting_changed"])),
    ("POST", "/console/{account}/settings/retention", Records(&["setting_changed"])),
    ("POST", "/console/{account}/people/invite", Records(&["operator_changed"])),
    ("POST", "/console/{account}/people/invitations/{invitation}/withdraw", Records(&["operator_changed"])),
    ("POST", "/console/{account}/people/{operator}/role", Records(&["operator_changed"])),
    ("POST", "/console/{account}/people/{operator}/remove", Records(&["operator_changed"])),
];

#[test]
fn every_route_that_changes_something_says_what_it_records() {
    let of_router: BTreeSet<_> =
        relay::endpoints().iter().filter(|route| route.method != "GET").map(|route| (route.method, route.path)).collect();
    let listed: BTreeSet<_> = ROUTES.iter().map(|(method, path, _)| (*method, *path)).filter(|(method, _)| *method != "GET").collect();
    let undecided: Vec<_> = of_router.difference(&listed).collect();
    assert!(undecided.is_empty(), "what do these record, or why nothing? {undecided:?}");
    let gone: Vec<_> = listed.difference(&of_router).collect();
    assert!(gone.is_empty(), "the router has no such routes: {gone:?}");
    for (method, path, leaves) in ROUTES {
        let is_good = match leaves {
            Records(kinds) => !kinds.is_empty() && kinds.iter().all(|kind| is_kind(kind)),
            Nothing(why) => why.len() > 20,
        };
        assert!(is_good, "{method} {path}");
    }
}

/// Whether entries of this kind exist: one of another kind is read as unknown, and one of a known kind lacks its members.
fn is_kind(kind: &str) -> bool {
    !matches!(serde_json::from_value(serde_json::json!({ "event": kind })), Ok(Entry::Unknown))
}

/// What the relay's own account has recorded so far.
async fn recorded(stage: &Stage) -> Vec<Line> {
    let blocks = stage.relay.store().audit_blocks(stage.relay.account(), BlockRange::After(0), 1_000).await.unwrap();
    blocks.iter().flat_map(|block| block.lines().unwrap()).collect()
}

/// Whether a record of this kind says this.
async fn expect(stage: &Stage, kind: &str, words: &str) {
    let lines = recorded(stage).await;
    let found = lines.iter().any(|line| line.entry.kind() == kind && line.entry.describe().contains(words));
    assert!(found, "no {kind} says {words:?}: {:#?}", lines.iter().map(|line| line.entry.describe()).collect::<Vec<_>>());
}

on_both_databases! {
    async fn what_owners_decide_about_people_is_kept_with_who_decided(stage) {
        let mut ada = stage.owner("ada").await;
        expect(&stage, "operator_changed", "machine changed operator whoever opens it: a set-up link was made").await;
        let by = format!("operator {} changed operator", id_of(&stage, "ada").await);
        member(&mut ada, &stage, "bea", "viewer").await;
        expect(&stage, "operator_changed", &format!("{by} bea@company.example: invited as viewer")).await;
        let bea = id_of(&stage, "bea").await;
        expect(&stage, "operator_changed", &format!("operator {bea} changed operator {bea}: joined as viewer")).await;
        ada.post(&stage.console(&format!("/people/{bea}/role")), &[("role", "owner")]).await;
        expect(&stage, "operator_changed", &format!("{by} {bea}: owner instead of viewer")).await;
        ada.post(&stage.console(&format!("/people/{bea}/remove")), &[]).await;
        expect(&stage, "operator_changed", &format!("{by} {bea}: removed, was owner")).await;
        invite(&mut ada, &stage, "cleo", "viewer").await;
        let id = stage.relay.store().invitations(stage.relay.account(), stage.now()).await.unwrap()[0].id;
        ada.post(&stage.console(&format!("/people/invitations/{id}/withdraw")), &[]).await;
        expect(&stage, "operator_changed", &format!("{by} cleo@company.example: invitation withdrawn")).await;
    }

    async fn what_people_do_with_their_own_way_in_is_kept(stage) {
        let mut ada = stage.owner("ada").await;
        let id = id_of(&stage, "ada").await;
        let mut elsewhere = Browser::new(stage.address());
        let fields = [("email", "ada@company.example"), ("passphrase", PASSPHRASE)];
        elsewhere.post("/sign-in", &fields).await;
        expect(&stage, "signed_in", &format!("operator {id} signed in by passphrase from 127.0.0.1")).await;
        elsewhere.post("/sign-out", &[]).await;
        expect(&stage, "signed_out", &format!("operator {id} was signed out")).await;
        let new = "another horse entirely";
        ada.post("/me/passphrase", &[("current", PASSPHRASE), ("passphrase", new), ("repeated", new)]).await;
        expect(&stage, "operator_changed", "new passphrase, every session ended").await;
    }

    async fn a_device_s_new_name_is_kept(stage) {
        let mut ada = stage.owner("ada").await;
        let desk = stage.desk().await;
        ada.post(&stage.console(&format!("/devices/{}/rename", desk.id)), &[("name", "studio")]).await;
        expect(&stage, "device_renamed", "studio").await;
    }

    async fn refused_sign_ins_are_kept_together_and_strangers_leave_nothing(stage) {
        stage.owner("ada").await;
        let before = stage.relay.store().audit_ends(stage.relay.account()).await.unwrap().head.seq;
        for email in ["ada@company.example", "nobody@company.example"] {
            for _ in 0..8 {
                Browser::new(stage.address()).post("/sign-in", &[("email", email), ("passphrase", "wrong horse battery")]).await;
            }
        }
        // What waits to be written is written when a relay ends.
        let stage = stage.restart().await;
        let refused: Vec<u64> = (recorded(&stage).await.iter())
            .filter(|line| line.entry.kind() == "sign_in_refused")
            .map(|line| {
                assert!(line.entry.describe().contains("wrong passphrase"), "{}", line.entry.describe());
                line.entry.decisions()
            })
            .collect();
        assert!(refused.iter().sum::<u64>() == 8 && refused.len() <= 2, "{refused:?}");
        let after = stage.relay.store().audit_ends(stage.relay.account()).await.unwrap().head.seq;
        // The key that a stage makes at its start is one.
        assert!(after - before <= 3, "{before} {after}");
    }
}
