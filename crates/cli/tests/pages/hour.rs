//! Somebody's first hour, with everything that they would have: a relay, desktops, a terminal and a browser. The pictures of
//! `docs/first-hour.md` are taken here.

use crate::script;
use crate::world::World;

async fn passes(postgres: Option<String>) {
    // One of the two takes the pictures.
    let pictures = postgres.is_none();
    let mut world = World::start(postgres).await;
    let mut given = world.given();
    given["pictures"] = pictures.into();
    given["looksOnce"] = (!pictures).into();
    script::run("hour.mjs", given, async |name, with| world.act(&name, &with).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_hour_on_a_file() {
    passes(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_hour_on_postgres() {
    passes(Some(testkit::postgres::new_database())).await;
}
