//! Every limit that a plan may have, reached over HTTP on either database: what fits goes through, and the one beyond is
//! refused by its own code. Which limits there are is asked of the plan itself, so that none is forgotten.

use std::collections::BTreeSet;

use domain::Plans;
use protocol::key::{KeyTerms, NewKey};
use protocol::{Environment, KeyId, Secret};
use store::DatabaseUrl;

use crate::linking::poll;
use crate::stage::{NOW, Stage};
use crate::wire::{Answer, refused};

/// A plan with this limit, how often what it counts can be done in it, and how the next one is refused. The stage itself
/// has a key and a desktop already.
const LIMITS: [(&str, &str, usize, (u16, &str)); 8] = [
    ("api_links", "api_links = false", 0, (403, "plan_required")),
    ("monthly_fetches", "api_links = true\nmonthly_fetches = 3", 3, (429, "quota_exceeded")),
    ("requests_per_second", "api_links = true\nrequests_per_second = 3", 3, (429, "rate_limited")),
    ("burst", "api_links = true\nrequests_per_second = 1\nburst = 3", 3, (429, "rate_limited")),
    ("jobs_waiting", "api_links = true\njobs_waiting = 3", 3, (429, "backlog_full")),
    ("keys", "api_links = true\nkeys = 3", 2, (409, "plan_full")),
    ("devices", "api_links = true\ndevices = 3", 2, (409, "plan_full")),
    // It shows when things are dropped: `prune` in the store's conformance suite.
    ("retention_days", "api_links = true\nretention_days = 7", usize::MAX, (0, "")),
];

/// More than any limit here.
const NO_LIMIT: usize = 20;

async fn every_limit_holds(database: impl Fn() -> Option<DatabaseUrl>) {
    for (member, terms, fits, (status, code)) in LIMITS {
        let stage = Stage::with(|config| {
            config.plans = Plans::from_toml(&format!("[limited]\n{terms}")).unwrap();
            "limited".clone_into(&mut config.plan);
            if let Some(url) = database() {
                config.database = url;
            }
        })
        .await;
        let desk = stage.desk().await;
        let mut done = 0;
        let refusal = loop {
            let answer = once_more(&stage, &desk, member).await;
            if answer.status >= 300 || done == NO_LIMIT {
                break answer;
            }
            done += 1;
        };
        if fits == usize::MAX {
            assert_eq!(done, NO_LIMIT, "{member}: {}", refusal.text());
        } else {
            assert_eq!((done, refusal.refusal()), (fits, refused(status, code)), "{member}: {}", refusal.text());
            assert_eq!(refusal.header("retry-after").is_some(), status == 429, "{member}");
        }
        stage.relay.shutdown().await;
    }
}

/// Does once more what a limit counts.
async fn once_more(stage: &Stage, desk: &crate::desk::Desk, member: &str) -> Answer {
    let name = format!("thing-{}", stage.count());
    match member {
        "keys" => {
            let new = NewKey::new(KeyId::generate(Environment::Live), Secret::generate(), name, KeyTerms::default());
            stage.send(&desk.signed_at(NOW, "POST", "/api/device/keys", &serde_json::to_vec(&new).unwrap())).await
        }
        "devices" => {
            let (_, started) = stage.start_link().await;
            let decided = stage.decide(&started.user_code, "approve").await;
            if decided.status == 200 { stage.send(&poll(&started)).await } else { decided }
        }
        _ => stage.send(&stage.fetch(&name)).await,
    }
}

#[tokio::test]
async fn every_limit_of_a_plan_holds_on_sqlite() {
    every_limit_holds(|| None).await;
}

#[tokio::test]
async fn every_limit_of_a_plan_holds_on_postgres() {
    every_limit_holds(|| Some(DatabaseUrl::Postgres(testkit::postgres::new_database()))).await;
}

#[test]
fn no_member_of_a_plan_is_forgotten_here() {
    let plan = serde_json::to_value(Plans::default().get("pro").unwrap()).unwrap();
    let members: BTreeSet<&str> = plan.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, LIMITS.iter().map(|(member, ..)| *member).collect());
}
