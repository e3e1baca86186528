//! Runs a script of cases in a real Chromium against programs that the test has started. The script lies beside the
//! test; what it works with is `harness/case.mjs`. A script that needs something done to the programs meanwhile (a relay
//! killed, a code approved) asks for it by `act`.

use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{ChildStdin, Command};

/// When it is set, pictures of the pages are written into `docs` (`cargo xtask screenshots`).
const SCREENS: &str = "LINK_PEELER_SCREENS";
/// When it is set, only cases whose name contains it are run.
const ONLY: &str = "LINK_PEELER_CASE";

/// Runs every case of `script`, which finds `given` as `test.given`; `act` does what it asks for by name, and answers.
///
/// # Panics
/// When a case fails, with what it said; when there was none.
pub(crate) async fn run(script: &str, given: Value, act: impl AsyncFnMut(String, Value) -> Value) {
    run_in(&[], script, given, act).await;
}

/// As [`run`], in a browser that is started with these arguments besides.
pub(crate) async fn run_in(browser: &[&str], script: &str, given: Value, mut act: impl AsyncFnMut(String, Value) -> Value) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pages");
    let harness = here.join("harness");
    testkit::npm::ensure_packages(&harness).unwrap();
    // A browser that is killed leaves what it has there.
    let rubbish = tempfile::tempdir().unwrap();
    let mut node = Command::new("node")
        .arg("run.mjs")
        .env("TMPDIR", rubbish.path())
        .current_dir(&harness)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("node is installed: `cargo xtask test` sees to it");
    let mut stdin = node.stdin.take().unwrap();
    let mut lines = BufReader::new(node.stdout.take().unwrap()).lines();
    let docs = std::env::var_os(SCREENS).map(|_| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs"));
    let order = json!({
        "script": here.join(script), "given": given, "docs": docs, "only": std::env::var(ONLY).ok(), "browserArguments": browser,
    });
    say(&mut stdin, &order).await;
    let (mut passed, mut failed) = (0_usize, Vec::new());
    while let Some(line) = lines.next_line().await.unwrap() {
        let told: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{script} printed: {line}"));
        if let Some(name) = told["act"].as_str() {
            let answer = act(name.to_owned(), told["with"].clone()).await;
            say(&mut stdin, &answer).await;
            continue;
        }
        let name = told["case"].as_str().unwrap();
        if told["ok"] == true {
            println!("ok  {name} ({} ms)", told["milliseconds"]);
            passed += 1;
        } else {
            println!("NOT {name} ({} ms)", told["milliseconds"]);
            failed.push(format!("{name}\n{}", told["error"].as_str().unwrap_or_default()));
        }
    }
    assert!(node.wait().await.unwrap().success(), "{script}: node failed; see above");
    assert!(failed.is_empty(), "{script}: {} of {} cases failed:\n\n{}", failed.len(), passed + failed.len(), failed.join("\n\n"));
    assert!(passed > 0 || std::env::var_os(ONLY).is_some(), "{script} has no case");
}

async fn say(stdin: &mut ChildStdin, what: &Value) {
    stdin.write_all(format!("{what}\n").as_bytes()).await.unwrap();
}
