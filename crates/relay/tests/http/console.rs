//! The console as a browser sees it: what one must be to have a page, and that nobody else's form does anything.

use std::collections::BTreeSet;

use relay::{Audience, Relay};

use crate::browser::Browser;
use crate::stage::Stage;

/// The same case on either database; `stage` is a relay on it.
macro_rules! on_both_databases {
    ($($(#[$attribute:meta])* async fn $name:ident($stage:ident) $body:block)*) => {$(
        $(#[$attribute])*
        mod $name {
            #[allow(clippy::wildcard_imports, unused_imports)]
            use super::*;

            async fn case($stage: crate::stage::Stage) $body

            #[tokio::test]
            async fn sqlite() {
                case(crate::stage::Stage::new().await).await;
            }

            #[tokio::test]
            async fn postgres() {
                case(crate::stage::Stage::on_postgres().await).await;
            }
        }
    )*};
}

mod bounds;
mod decisions;
mod defence;
mod jobs;
mod keys;
mod linking;
mod oidc;
mod people;
mod requests;
pub(crate) mod rights;
mod rows;
mod settings;
mod sign_in;
mod weight;

/// A passphrase that is taken.
pub(crate) const PASSPHRASE: &str = "correct horse battery";

impl Stage {
    /// A browser in which the owner of the relay's own account is signed in.
    pub(crate) async fn owner(&self, name: &str) -> Browser {
        let link = self.relay.first_setup_link().await.unwrap().expect("nobody is owner yet");
        let mut browser = Browser::new(self.address());
        let path = link.expose().strip_prefix(self.relay.public_url()).unwrap().to_owned();
        assert_eq!(browser.get(&path).await.status, 200);
        let token = path.split_once("token=").unwrap().1;
        let email = format!("{name}@company.example");
        let fields = [("token", token), ("email", &email), ("name", name), ("passphrase", PASSPHRASE), ("repeated", PASSPHRASE)];
        let answer = browser.post("/setup", &fields).await;
        assert_eq!((answer.status, answer.header("location")), (303, Some("/")), "{}", answer.text());
        browser
    }

    /// The path of a page of the relay's own account.
    pub(crate) fn console(&self, rest: &str) -> String {
        format!("/console/{}{rest}", self.relay.account())
    }
}

/// Every page, as the router knows them: method and path.
fn pages() -> Vec<(&'static str, &'static str)> {
    let pages: Vec<_> = relay::endpoints().into_iter().filter(|endpoint| endpoint.audience == Audience::Console).collect();
    assert!(pages.len() > 15);
    pages.iter().map(|endpoint| (endpoint.method, endpoint.path)).collect()
}

/// A path of the router with ids in its variable parts.
fn filled(path: &str, relay: &Relay) -> String {
    let unknown = "00000000000000000000000000000000";
    path.replace("{account}", &relay.account().to_string())
        .replace("{env}", "live")
        .replace("{source}", "csv")
        .replace("{row}", "a")
        .replace("{job}", &format!("job_{unknown}"))
        .replace("{key}", "lp_live_0000000000000000")
        .replace("{device}", &format!("dev_{unknown}"))
        .replace("{operator}", &format!("op_{unknown}"))
        .replace("{session}", &format!("ses_{unknown}"))
        .replace("{invitation}", &format!("inv_{unknown}"))
}

#[tokio::test]
async fn only_reading_and_forms_reach_the_console() {
    let methods: BTreeSet<_> = pages().into_iter().map(|(method, _)| method).collect();
    assert_eq!(methods, BTreeSet::from(["GET", "POST"]));
}

on_both_databases! {
    async fn every_page_of_an_account_sends_a_stranger_to_the_sign_in_and_takes_no_form(stage) {
        stage.owner("ada").await;
        let mut stranger = Browser::new(stage.address());
        let mut seen = 0;
        for (method, path) in pages().into_iter().filter(|(_, path)| path.starts_with("/console/")) {
            let path = filled(path, &stage.relay);
            let answer = if method == "GET" { stranger.get(&path).await } else { stranger.post(&path, &[]).await };
            let to = answer.header("location").unwrap_or_default();
            assert!(answer.status == 303 && to.starts_with("/sign-in"), "{method} {path}: {} {to}", answer.status);
            seen += 1;
        }
        assert!(seen > 5);
    }

    async fn every_page_goes_out_with_the_headers_of_a_page(stage) {
        let mut owner = stage.owner("ada").await;
        let mut stranger = Browser::new(stage.address());
        for (_, path) in pages().into_iter().filter(|(method, _)| *method == "GET") {
            let path = filled(path, &stage.relay);
            for browser in [&mut stranger, &mut owner] {
                let answer = browser.get(&path).await;
                let policy = answer.header("content-security-policy").unwrap_or_default();
                assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
                assert!(!policy.contains("unsafe"), "{path}");
                for (name, value) in [("x-content-type-options", "nosniff"), ("referrer-policy", "same-origin"), ("cache-control", "no-store")]
                {
                    assert_eq!(answer.header(name), Some(value), "{path}");
                }
                assert!(!answer.text().contains("<script>") && !answer.text().contains(" style="), "{path}");
            }
        }
    }

    async fn what_is_missing_is_said_to_a_person(stage) {
        let mut owner = stage.owner("ada").await;
        for path in [stage.console("/people/op_x"), "/console/acc_00000000000000000000000000000000/people".to_owned(), "/console/x".to_owned()]
        {
            let answer = owner.get(&path).await;
            assert_eq!((answer.status, answer.header("content-type")), (404, Some("text/html; charset=utf-8")), "{path}");
            assert!(answer.text().contains("Nothing is here"), "{path}");
        }
        let wrong = owner.post("/accounts", &[]).await;
        assert_eq!((wrong.status, wrong.header("content-type")), (405, Some("text/html; charset=utf-8")));
    }

    async fn another_account_s_pages_are_not_there(stage) {
        let mut owner = stage.owner("ada").await;
        let other = stage.relay.store().create_account("Zebra Ltd", "unlimited", stage.now()).await.unwrap().unwrap();
        for (method, path) in pages().into_iter().filter(|(_, path)| path.starts_with("/console/")) {
            let path = filled(path, &stage.relay).replace(&stage.relay.account().to_string(), &other.id.to_string());
            let answer = if method == "GET" { owner.get(&path).await } else { owner.post(&path, &[]).await };
            assert_eq!(answer.status, 404, "{method} {path}");
            assert!(!answer.text().contains("Zebra"), "{method} {path}");
        }
    }
}
