//! The console in a real Chromium, over either database: every page and every action, as each of those sees it who may, and
//! live.

use relay::Audience;
use serde_json::{Value, json};

use crate::script;
use crate::world::World;

/// Every page and action of the console, from the router's own list: what no case has visited fails the last case.
pub(crate) fn routes() -> Vec<Value> {
    let routes = relay::endpoints().into_iter().filter(|endpoint| endpoint.audience == Audience::Console);
    routes.map(|endpoint| json!({"method": endpoint.method, "path": endpoint.path})).collect()
}

async fn walked(postgres: Option<String>) {
    // The same pages look the same over the other database.
    let looks_once = postgres.is_some();
    let mut world = World::start_with_provider(postgres).await;
    let mut given = world.given();
    given["looksOnce"] = looks_once.into();
    given["routes"] = json!(routes());
    script::run("console.mjs", given, async |name, with| world.act(&name, &with).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_and_action_on_a_file() {
    walked(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_and_action_on_postgres() {
    walked(Some(testkit::postgres::new_database())).await;
}
