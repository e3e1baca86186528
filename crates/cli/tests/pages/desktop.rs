//! The desktop's own pages, on a real desktop with a real relay and the lab.

use std::path::Path;

use desktop::ui::{Audience, endpoints};
use serde_json::{Value, json};

use crate::process::Process;
use crate::script;
use crate::world::{World, ended};

/// Relay, desktop and lab in one, as somebody has them who tries it out.
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

/// Every page and action for people, from the router's own list: what no case has visited fails the last case.
fn routes() -> Value {
    let routes = endpoints().into_iter().filter(|route| route.audience != Audience::Program);
    routes.map(|route| json!({"method": route.method, "path": route.path})).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_desktop_s_pages_are_for_everybody_who_sits_there() {
    let folder = tempfile::tempdir().unwrap();
    let mut up = Some(start(folder.path()));
    let mut said = up.as_ref().unwrap().says("it is up", |said| said["endpoint"].is_string()).await;
    said["routes"] = routes();
    script::run("desktop.mjs", said, async |name, with| match name.as_str() {
        "run" => ran(&with, folder.path()).await,
        "shell" => pasted(&with).await,
        "restart" => {
            up.take().unwrap().stop();
            let again = up.insert(start(folder.path()));
            let mut said = again.says("it is up again", |said| said["endpoint"].is_string()).await;
            said["routes"] = routes();
            said
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
    ended(&mut command).await
}

/// What somebody pastes into a terminal.
async fn pasted(with: &Value) -> Value {
    ended(tokio::process::Command::new("bash").args(["-c", with["script"].as_str().unwrap()])).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_desktop_that_is_not_linked_shows_the_code_and_works_once_it_is_approved() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let relay = Process::start(&["relay", "--json", "--listen", "127.0.0.1:0", "--data-dir", data]);
    let said = relay.says("the relay listens", |said| said["address"].is_string()).await;
    let url = format!("http://{}", said["address"].as_str().unwrap());
    let _desktop =
        Process::start_at(folder.path(), &["desktop", "--json", "--relay", &url, "--data-dir", data, "--pages-listen", "127.0.0.1:0"]);
    let given = json!({"relay": url});
    script::run("linking.mjs", given, async |name, with| match name.as_str() {
        "run" => ran(&with, folder.path()).await,
        _ => panic!("nobody does `{name}`"),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_desktop_s_pages_while_its_relay_is_away() {
    let mut world = World::start(None).await;
    let given = world.given();
    script::run("away.mjs", given, async |name, with| world.act(&name, &with).await).await;
}
