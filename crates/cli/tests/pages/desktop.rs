//! The desktop's own pages, on a real desktop with a real relay and the lab.

use std::path::Path;

use serde_json::{Value, json};

use crate::process::Process;
use crate::script;

/// The same path for every run would be one machine's: pages that are pictured show this one.
fn start(data: &Path) -> Process {
    let any = "127.0.0.1:0";
    let data = data.to_str().unwrap();
    Process::start(&[
        "up",
        "--json",
        "--data-dir",
        data,
        "--listen",
        any,
        "--lab-listen",
        any,
        "--metrics-listen",
        any,
        "--pages-listen",
        any,
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn the_desktop_s_pages_are_for_everybody_who_sits_there() {
    let folder = tempfile::tempdir().unwrap();
    let mut up = Some(start(folder.path()));
    let said = up.as_ref().unwrap().says("it is up", |said| said["endpoint"].is_string()).await;
    script::run("desktop.mjs", said, async |name, with| match name.as_str() {
        "run" => ran(&with, folder.path()).await,
        "restart" => {
            up.take().unwrap().stop();
            let again = up.insert(start(folder.path()));
            again.says("it is up again", |said| said["endpoint"].is_string()).await
        }
        _ => panic!("nobody does `{name}`"),
    })
    .await;
}

/// Runs a command of ours to its end, in the data folder of the test.
async fn ran(with: &Value, data: &Path) -> Value {
    let words: Vec<&str> = with["arguments"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_link-peeler"));
    command.args(words).env("HOME", data).env_remove("XDG_CONFIG_HOME");
    if with["inData"] == true {
        command.arg("--data-dir").arg(data);
    }
    for (name, value) in with["environment"].as_object().into_iter().flatten() {
        command.env(name, value.as_str().unwrap());
    }
    let output = command.output().await.unwrap();
    json!({"code": output.status.code(), "out": String::from_utf8_lossy(&output.stdout), "err": String::from_utf8_lossy(&output.stderr)})
}
