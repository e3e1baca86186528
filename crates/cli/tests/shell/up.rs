//! `up`: all of it with one command, and the same again the next day.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::program::{Service, command, run, run_with, text};

/// On free ports.
const ELSEWHERE: [&str; 6] = ["--listen", "127.0.0.1:0", "--lab-listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"];

fn up(data: &str) -> (Service, Value) {
    let mut service = Service::start(&[&["up", "--json", "--data-dir", data][..], &ELSEWHERE].concat());
    let addresses = service.next_json();
    (service, addresses)
}

#[test]
fn one_line_says_where_everything_is_and_a_second_run_has_the_same_key() {
    let folder = tempfile::tempdir().unwrap();
    let data = text(folder.path());
    let (service, first) = up(data);
    for member in ["endpoint", "keyId", "secret", "consoleUrl", "labUrl", "metricsUrl", "dataDir"] {
        assert!(first[member].is_string(), "{member}");
    }
    assert!(first["endpoint"].as_str().unwrap().ends_with("/api/links/fetch"));
    let second = run(&["up", "--json", "--data-dir", data]);
    assert!(second.code == 2 && second.err.contains("another `link-peeler up`"), "{}", second.err);
    assert_eq!(service.stop(), (0, String::new()), "exactly one line");

    let (service, again) = up(data);
    assert_eq!((&again["keyId"], &again["secret"]), (&first["keyId"], &first["secret"]));
    let environment = ["keyId", "secret", "endpoint"].map(|member| again[member].as_str().unwrap());
    let caller = [("LINK_PEELER_KEY", environment[0]), ("LINK_PEELER_SECRET", environment[1]), ("LINK_PEELER_RELAY", environment[2])];
    let link = format!("{}/cookie-gate", again["labUrl"].as_str().unwrap());
    let fetched = run_with(&["fetch", &link, "--wait", "60"], &caller, b"");
    assert_eq!(fetched.code, 0, "{}{}", fetched.out, fetched.err);
    let alone = run(&["verify", "--relay", environment[2], "--data-dir", data, "--json"]);
    assert_eq!((alone.code, alone.json()["keyId"].as_str()), (0, Some(environment[0])), "{}", alone.err);
    assert_eq!(service.stop().0, 0);
}

#[test]
fn a_desktop_that_was_paused_is_named_where_links_wait_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = text(folder.path());
    let (service, _) = up(data);
    assert_eq!(run(&["desktop", "pause", "--data-dir", data]).code, 0);
    assert_eq!(service.stop().0, 0);
    let mut again = command(&[&["up", "--no-browser", "--log", "off", "--data-dir", data][..], &ELSEWHERE].concat());
    let mut again = again.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut notes = BufReader::new(again.stderr.take().unwrap()).lines();
    let paused = notes.find_map(|line| line.ok().filter(|line| line.contains("paused")));
    again.kill().unwrap();
    again.wait().unwrap();
    assert!(paused.unwrap().contains(&format!("link-peeler desktop resume --data-dir '{data}'")));
}

/// A caller as they exist in the field: only the four values that it reads from the environment are ours.
const CALLER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/signatures/caller.mjs");

#[test]
fn a_caller_from_the_field_works_as_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let (service, addresses) = up(text(folder.path()));
    let value = |member: &str| addresses[member].as_str().unwrap().to_owned();
    let call = || {
        let mut node = Command::new("node");
        node.arg(CALLER).env("LP_KEY", value("keyId")).env("LP_SECRET", value("secret")).env("LP_ENDPOINT", value("endpoint"));
        let output = node.env("LP_TRACKING_URL", format!("{}/chain/302/3", value("labUrl"))).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let job = call();
    assert_eq!((job["state"].as_str(), job["replayed"].as_bool()), (Some("queued"), Some(false)));
    let again = call();
    assert_eq!((&again["jobId"], again["replayed"].as_bool()), (&job["jobId"], Some(true)));
    assert_eq!(service.stop().0, 0);
}

#[test]
fn every_link_of_the_lab_ends_as_it_should() {
    // The shorter budget makes the page that never answers end sooner; nothing else in the lab takes so long.
    let ended = run(&["up", "--check", "--json", "--hop-timeout", "4"]);
    assert_eq!(ended.code, 0, "{}{}", ended.out, ended.err);
    let report = ended.json();
    assert_eq!(report["ok"], true);
    assert!(report["links"].as_u64().unwrap() > 60);
}
