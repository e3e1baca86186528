//! Strangers in a real Chromium: pages of other origins, names that were made to point here, a resolved link with a program
//! in it, and text that somebody else wrote. Nothing of it has an effect, and nothing of it is more than text.

use serde_json::json;

use crate::script;
use crate::world::World;

/// Names of strangers that lead to this machine, as whoever owns a name can have it at any moment (DNS rebinding).
const REBINDING: &str = "--host-resolver-rules=MAP *.test 127.0.0.1";

#[tokio::test(flavor = "multi_thread")]
async fn strangers_have_no_effect_and_write_text() {
    let mut world = World::start(None).await;
    let mut given = world.given();
    given["console"] = json!(crate::console::routes());
    given["desktop"] = desktop::ui::endpoints().iter().map(|route| json!({"method": route.method, "path": route.path})).collect();
    script::run_in(&[REBINDING], "hostile.mjs", given, async |name, with| world.act(&name, &with).await).await;
}
