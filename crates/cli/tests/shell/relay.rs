//! What a relay says of the machine that it is started on, and how its operator looks after devices.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use crate::program::{Service, run, text};

#[test]
fn a_relay_that_may_open_too_few_files_names_the_number_that_it_needs() {
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        "ulimit -n 300 && exec {} relay --listen 127.0.0.1:0 --data-dir {}",
        env!("CARGO_BIN_EXE_link-peeler"),
        folder.path().display()
    );
    let mut relay = Command::new("sh").args(["-c", &script]).stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(relay.stderr.take().unwrap()).lines();
    let warned = log.find_map(|line| line.ok().filter(|line| line.contains("open files")));
    relay.kill().unwrap();
    relay.wait().unwrap();
    let warned = warned.unwrap();
    assert!(warned.contains("WARN") && warned.contains("300") && warned.contains("8320"), "{warned}");
}

#[test]
fn a_data_folder_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let ended = run(&["relay", "--listen", "127.0.0.1:0", "--data-dir", text(&file)]);
    assert!(ended.code == 4 && ended.err.contains(text(&file)), "{} {}", ended.code, ended.err);
}

#[test]
fn an_invitation_is_taken_back_where_it_was_made() {
    let folder = tempfile::tempdir().unwrap();
    let mut relay = Service::start(&["relay", "--listen", "127.0.0.1:0", "--json", "--data-dir", text(folder.path())]);
    let url = relay.next_json()["relayUrl"].as_str().unwrap().to_owned();
    let operators = |arguments: &[&str]| run(&[&["operators"], arguments, &["--relay", &url, "--data-dir", text(folder.path())]].concat());
    assert_eq!(operators(&["invite", "ada@company.example"]).code, 0);
    assert!(operators(&["list"]).out.contains("ada@company.example"));
    let removed = operators(&["remove", "Ada@Company.Example"]);
    assert!(removed.code == 0 && removed.out.contains("no longer invited"), "{} {}", removed.out, removed.err);
    assert!(!operators(&["list"]).out.contains("ada@company.example"));
    let unknown = operators(&["remove", "ada@company.example"]);
    assert!(unknown.code == 3 && unknown.err.contains("operator.token is not of this relay"), "{}", unknown.err);
    assert_eq!(relay.stop().0, 0);
}

#[test]
fn devices_are_listed_and_revoked_where_the_relay_runs() {
    let folder = tempfile::tempdir().unwrap();
    let mut relay = Service::start(&["relay", "--listen", "127.0.0.1:0", "--json", "--data-dir", text(folder.path())]);
    let url = relay.next_json()["relayUrl"].as_str().unwrap().to_owned();
    let devices = |arguments: &[&str]| run(&[&["devices"], arguments, &["--relay", &url, "--data-dir", text(folder.path())]].concat());
    let listed = devices(&["list"]);
    assert_eq!((listed.code, listed.out.trim()), (0, "DEVICE  NAME  PLATFORM  LINKED  REVOKED"), "{}", listed.err);
    let unknown = devices(&["revoke", "dev_00000000000170008000000000000000"]);
    assert_eq!(unknown.code, 3, "{}", unknown.err);
    assert!(unknown.err.contains("No desktop was linked under this id"), "{}", unknown.err);
    assert_eq!(devices(&["revoke", "nonsense"]).code, 2);
    assert_eq!(relay.stop().0, 0);
}
