//! Members, roles, invitations.

use super::{PASSPHRASE, filled, pages};
use crate::browser::Browser;
use crate::stage::Stage;

/// Invites an address and returns the path of the invitation.
pub(super) async fn invite(owner: &mut Browser, stage: &Stage, name: &str, role: &str) -> String {
    let email = format!("{name}@company.example");
    let answer = owner.post(&stage.console("/people/invite"), &[("email", &email), ("role", role)]).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let text = answer.text();
    let at = text.find("/invitation?token=").expect("the link is shown");
    text[at..].chars().take("/invitation?token=".len() + 43).collect()
}

/// A browser in which somebody new with this role is signed in.
pub(super) async fn member(owner: &mut Browser, stage: &Stage, name: &str, role: &str) -> Browser {
    let path = invite(owner, stage, name, role).await;
    let mut browser = Browser::new(stage.address());
    assert!(browser.get(&path).await.text().contains(role));
    let token = path.split_once("token=").unwrap().1;
    let fields = [("token", token), ("name", name), ("passphrase", PASSPHRASE), ("repeated", PASSPHRASE)];
    let answer = browser.post("/invitation", &fields).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some(stage.console("").as_str())), "{}", answer.text());
    browser
}

pub(super) async fn id_of(stage: &Stage, name: &str) -> String {
    let email = format!("{name}@company.example").parse().unwrap();
    stage.relay.store().operator_by_email(email).await.unwrap().unwrap().operator.id.to_string()
}

on_both_databases! {
    async fn an_invitation_brings_somebody_in_once_and_with_the_role_that_it_says(stage) {
        let mut owner = stage.owner("ada").await;
        let path = invite(&mut owner, &stage, "bea", "viewer").await;
        assert!(owner.get(&stage.console("/people")).await.text().contains("Open invitations"));
        member(&mut owner, &stage, "cleo", "operator").await;
        let again = Browser::new(stage.address()).get(&invite(&mut owner, &stage, "bea", "viewer").await).await;
        assert_eq!(again.status, 200);
        assert_eq!(Browser::new(stage.address()).get(&path).await.status, 410, "a new invitation voids the one before");
        let known = owner.post(&stage.console("/people/invite"), &[("email", "cleo@company.example"), ("role", "viewer")]).await;
        assert_eq!(known.status, 422);
        assert!(known.text().contains("belongs to the account already"));
    }

    async fn somebody_of_another_account_signs_in_first(stage) {
        let mut ada = stage.owner("ada").await;
        let mut bea = member(&mut ada, &stage, "bea", "viewer").await;
        let other = stage.relay.store().create_account("other", "unlimited", stage.now()).await.unwrap().unwrap();
        // Bea becomes owner of another account, and invites Ada there.
        let setup = relay_setup_link(&stage, "other").await;
        let token = setup.split_once("token=").unwrap().1;
        let fields =
            [("token", token), ("email", "bea@company.example"), ("name", "Bea"), ("passphrase", PASSPHRASE), ("repeated", PASSPHRASE)];
        assert_eq!(bea.post("/setup", &fields).await.status, 303);
        let invited = bea.post(&format!("/console/{}/people/invite", other.id), &[("email", "ada@company.example"), ("role", "viewer")]).await;
        let text = invited.text();
        let at = text.find("/invitation?token=").unwrap();
        let path: String = text[at..].chars().take("/invitation?token=".len() + 43).collect();
        let token = path.split_once("token=").unwrap().1;
        let stranger = Browser::new(stage.address()).get(&path).await;
        assert!(stranger.text().contains("Sign in, and you can accept"), "{}", stranger.text());
        let takes_over = [("token", token), ("name", "Eve"), ("passphrase", "a passphrase of eve"), ("repeated", "a passphrase of eve")];
        let refused = Browser::new(stage.address()).post("/invitation", &takes_over).await;
        assert!(refused.status == 200 && refused.header("set-cookie").is_none(), "the link alone is no passphrase");
        assert_eq!(ada.post("/invitation", &[("token", token)]).await.header("location"), Some(format!("/console/{}", other.id).as_str()));
        let switcher = ada.get("/accounts").await.text();
        assert!(switcher.contains("default") && switcher.contains("other"), "{switcher}");
        assert_eq!(ada.get(&format!("/console/{}/people", other.id)).await.status, 200);
    }
}

pub(super) async fn relay_setup_link(stage: &Stage, account: &str) -> String {
    let path = format!("/api/operator/accounts/{account}/setup-link");
    stage.send(&stage.operator("POST", &path)).await.json()["url"].as_str().unwrap().to_owned()
}

on_both_databases! {
    async fn each_role_reaches_what_it_should(stage) {
        let mut owner = stage.owner("ada").await;
        let mut viewer = member(&mut owner, &stage, "vera", "viewer").await;
        let mut operator = member(&mut owner, &stage, "otto", "operator").await;
        for browser in [&mut viewer, &mut operator] {
            let page = browser.get(&stage.console("/people")).await;
            assert_eq!(page.status, 200);
            assert!(!page.text().contains("Invite somebody"), "no button that would not work");
            for (method, path) in
                pages().into_iter().filter(|(method, path)| path.starts_with("/console/{account}/people/") && *method == "POST")
            {
                let path = filled(path, &stage.relay);
                let answer = browser.post(&path, &[("email", "x@company.example"), ("role", "owner")]).await;
                assert_eq!(answer.status, 403, "{method} {path}");
                assert!(answer.text().contains("owner"), "{}", answer.text());
            }
        }
    }

    async fn a_role_that_was_taken_is_gone_with_the_next_request(stage) {
        let mut ada = stage.owner("ada").await;
        let mut bea = member(&mut ada, &stage, "bea", "owner").await;
        assert_eq!(bea.get(&stage.console("/people")).await.text().matches("Invite somebody").count(), 1);
        let id = id_of(&stage, "bea").await;
        assert_eq!(ada.get(&stage.console(&format!("/people/{id}"))).await.status, 200);
        assert_eq!(ada.post(&stage.console(&format!("/people/{id}/role")), &[("role", "viewer")]).await.status, 303);
        assert!(!bea.get(&stage.console("/people")).await.text().contains("Invite somebody"));
        let alone = ada.post(&stage.console(&format!("/people/{}/remove", id_of(&stage, "ada").await)), &[]).await;
        assert_eq!(alone.status, 409);
        assert!(alone.text().contains("The last owner stays"));
        assert_eq!(ada.post(&stage.console(&format!("/people/{id}/remove")), &[]).await.status, 303);
        assert_eq!(bea.get(&stage.console("/people")).await.status, 404);
        assert!(bea.get("/accounts").await.text().contains("You belong to no account"));
    }

    async fn what_people_are_called_is_text(stage) {
        let mut owner = stage.owner("ada").await;
        let path = invite(&mut owner, &stage, "bea", "viewer").await;
        let token = path.split_once("token=").unwrap().1;
        let name = "<script>alert(1)</script>\"'&";
        let fields = [("token", token), ("name", name), ("passphrase", PASSPHRASE), ("repeated", PASSPHRASE)];
        assert_eq!(Browser::new(stage.address()).post("/invitation", &fields).await.status, 303);
        let page = owner.get(&stage.console("/people")).await.text();
        assert!(page.contains("&lt;script&gt;") && !page.contains("<script>alert"), "{page}");
    }
}
