//! A caller as it exists in the field, against everything at once: its call concludes with the landing page of the lab
//! and every hop on the way.

use std::process::Command;

use serde_json::Value;

use crate::process::{Process, until};

/// Only the four values that it reads from the environment are ours.
const CALLER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/signatures/caller.mjs");

#[tokio::test]
async fn a_call_made_again_and_again_is_one_job_and_ends_with_every_hop() {
    let folder = tempfile::tempdir().unwrap();
    let any = ["--listen", "--lab-listen", "--metrics-listen"].iter().flat_map(|flag| [*flag, "127.0.0.1:0"]);
    let arguments = ["up", "--json", "--no-browser", "--data-dir", folder.path().to_str().unwrap()].into_iter().chain(any);
    let up = Process::start(&arguments.collect::<Vec<_>>());
    let addresses = up.says("all of it is up", |said| said["endpoint"].is_string()).await;
    let value = |member: &str| addresses[member].as_str().unwrap().to_owned();
    let lab = value("labUrl");
    let call = || {
        let mut node = Command::new("node");
        node.arg(CALLER).env("LP_KEY", value("keyId")).env("LP_SECRET", value("secret")).env("LP_ENDPOINT", value("endpoint"));
        let output = node.env("LP_TRACKING_URL", format!("{lab}/chain/302/3")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };

    let first = call();
    assert_eq!((first["replayed"].as_bool(), first["result"].is_null()), (Some(false), true));
    let ended = until("the job has concluded", async || Some(call()).filter(|job| !job["result"].is_null())).await;
    assert_eq!((&ended["jobId"], ended["replayed"].as_bool(), &ended["state"]), (&first["jobId"], Some(true), &"concluded".into()));
    let result = &ended["result"];
    assert_eq!((&result["conclusion"], &result["finalUrl"]), (&"valid".into(), &format!("{lab}/landing").into()));
    let hops: Vec<_> =
        result["hops"].as_array().unwrap().iter().map(|hop| (hop["url"].as_str().unwrap(), hop["status"].as_u64())).collect();
    let chain = ["/chain/302/3", "/chain/302/2", "/chain/302/1", "/landing"].map(|path| format!("{lab}{path}"));
    let expected: Vec<_> = chain.iter().map(String::as_str).zip([302, 302, 302, 200].map(Some)).collect();
    assert_eq!(hops, expected);
    up.stop();
}
