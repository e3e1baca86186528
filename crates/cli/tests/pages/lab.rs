//! The lab's index: the smallest page of ours, and so the one that shows that the harness sees what it should.

use serde_json::json;

use crate::process::Process;
use crate::script;

#[tokio::test(flavor = "multi_thread")]
async fn the_lab_s_index_is_a_page_for_everybody() {
    let lab = Process::start(&["lab", "--json", "--listen", "127.0.0.1:0"]);
    let said = lab.says("the lab listens", |said| said["labUrl"].is_string()).await;
    let given = json!({"base": said["labUrl"], "cases": said["cases"].as_array().unwrap().len()});
    script::run("lab.mjs", given, async |name, with| json!({"did": name, "with": with})).await;
}
