//! `link-peeler db` as an operator's scripts meet it.

use std::path::Path;

use crate::program::{Service, run, run_with, text};

#[test]
fn a_databases_password_is_not_taken_from_the_command_line() {
    for url in ["postgres://peeler:canary@127.0.0.1:1/peeler", "postgres://127.0.0.1:1/peeler?user=peeler&password=canary"] {
        for refused in [run(&["db", "status", "--database", url]), run(&["db", "status", &format!("--database={url}")])] {
            assert_eq!(refused.code, 2, "{}", refused.err);
            assert!(refused.err.contains("@FILE") && !refused.err.contains("canary"), "{}", refused.err);
        }
        let unreachable = run_with(&["db", "status"], &[("LINK_PEELER_DATABASE", url)], b"");
        assert!(unreachable.code != 2 && unreachable.code != 0, "by the environment it is tried: {}", unreachable.err);
    }
}

#[test]
fn a_relay_is_backed_up_while_it_runs_restored_checked_and_moved_to_postgres() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let data = text(folder.path());
    let mut relay = Service::start(&["relay", "--json", "--listen", "127.0.0.1:0", "--data-dir", data, "--log", "warn"]);
    relay.next_json();

    let status = run(&["db", "status", "--data-dir", data, "--json"]).json();
    assert_eq!((status["backend"].as_str(), status["counts"]["accounts"].as_u64()), (Some("sqlite"), Some(1)));
    assert_eq!(status["schema"]["pending"].as_array().map(Vec::len), Some(0));
    let made = run(&["db", "backup", &path("one.backup"), "--data-dir", data, "--json"]).json();
    assert_eq!(made["verifiedBy"], "integrity_check");
    let over = run(&["db", "backup", &path("one.backup"), "--data-dir", data]);
    assert!(over.code == 2 && over.err.contains("exists already"), "{}", over.err);
    let file = path("relay/relay.sqlite");
    let to = testkit::postgres::new_database();
    let in_use = run(&["db", "copy", "--from", &file, "--to", &to]);
    assert!(in_use.code == 4 && in_use.err.contains("is in use"), "{}", in_use.err);
    assert_eq!(relay.stop().0, 0);

    let restored = path("restored.sqlite");
    assert_eq!(run(&["db", "restore", &path("one.backup"), "--database", &restored]).code, 0);
    assert_eq!(run(&["db", "restore", &path("one.backup"), "--database", &restored]).code, 2);
    let checked = run(&["db", "check", "--database", &restored, "--json"]);
    assert_eq!((checked.code, checked.json()["sound"].as_bool()), (0, Some(true)));

    // The URL may hold a password: it goes by the environment.
    let elsewhere = [("LINK_PEELER_DATABASE", &*to)];
    let copied = run_with(&["db", "copy", "--from", &format!("sqlite:{file}"), "--json"], &elsewhere, b"").json();
    let accounts = copied["tables"].as_array().unwrap().iter().find(|table| table["table"] == "accounts").unwrap();
    assert_eq!((accounts["rows"].as_u64(), accounts["sha256"].as_str().map(str::len)), (Some(1), Some(64)));
    let moved = run_with(&["db", "status", "--json"], &elsewhere, b"").json();
    assert_eq!((moved["backend"].as_str(), moved["counts"]["accounts"].as_u64()), (Some("postgres"), Some(1)));
    assert_eq!(run_with(&["db", "check"], &elsewhere, b"").code, 0);
    let again = run_with(&["db", "copy", "--from", &file], &elsewhere, b"");
    assert!(again.code == 2 && again.err.contains("holds data already"), "{}", again.err);
}

#[test]
fn a_script_branches_on_what_a_check_finds() {
    let database = testkit::postgres::new_database();
    let migrated = run(&["db", "migrate", "--database", &database, "--json"]).json();
    assert_eq!(migrated["from"], 0);
    assert!(!migrated["applied"].as_array().unwrap().is_empty());
    testkit::postgres::sql(&database, "INSERT INTO backlog VALUES ('\\x00000000000000000000000000000001', 5)").unwrap();
    let checked = run(&["db", "check", "--database", &database]);
    assert_eq!(checked.code, 1);
    assert!(checked.out.contains("(backlog_counter)") && checked.out.contains("(unknown_account)"), "{}", checked.out);
    let repaired = run(&["db", "check", "--database", &database, "--repair-counters", "--json"]).json();
    assert_eq!((repaired["repairedCounters"].as_u64(), repaired["sound"].as_bool()), (Some(1), Some(false)));
    let left = run(&["db", "check", "--database", &database]).out;
    assert!(!left.contains("(backlog_counter)") && left.contains("(unknown_account)"), "{left}");
}

#[test]
fn one_relay_serves_a_file_and_leaves_it_whole() {
    let folder = tempfile::tempdir().unwrap();
    let data = text(folder.path());
    let relay = ["relay", "--json", "--listen", "127.0.0.1:0", "--data-dir", data, "--log", "warn"];
    let file = folder.path().join("relay/relay.sqlite");
    let mut first = Service::start(&relay);
    first.next_json();
    let second = run(&relay);
    assert!(second.code != 0 && second.err.contains("relay.sqlite") && second.err.contains("stop that relay first"), "{}", second.err);
    // What works for a moment does so beside it.
    for command in [&["db", "check", "--data-dir", data][..], &["operators", "setup-link", "--database", text(&file)]] {
        let beside = run(command);
        assert_eq!(beside.code, 0, "{command:?}: {}", beside.err);
    }
    assert_eq!(first.stop().0, 0);
    let names: Vec<_> = std::fs::read_dir(folder.path().join("relay")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name == "relay.sqlite-wal" || name == "relay.sqlite-shm"), "{names:?}");
    let copy = folder.path().join("copy.sqlite");
    std::fs::copy(&file, &copy).unwrap();
    let status = run(&["db", "status", "--database", text(&copy), "--json"]).json();
    assert_eq!(status["counts"]["accounts"].as_u64(), Some(1));

    // Killed, it leaves no lock behind, and its log is read at the next start.
    let mut killed = Service::start(&relay);
    killed.next_json();
    drop(killed);
    let mut again = Service::start(&relay);
    again.next_json();
    assert_eq!(again.stop().0, 0);
}

#[test]
fn looking_makes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none.sqlite");
    for command in ["status", "check"] {
        let refused = run(&["db", command, "--database", text(&missing)]);
        assert!(refused.code == 4 && refused.err.contains("does not exist"), "{command}: {}", refused.err);
    }
    assert!(!Path::new(&missing).exists());
    let setup = run(&["operators", "setup-link", "--database", text(&missing)]);
    assert!(setup.code == 4 && setup.err.contains("none.sqlite does not exist"), "{}", setup.err);
    for command in ["status", "rotate", "retire"] {
        let refused = run(&["secrets", command, "--data-dir", text(&folder.path().join("typo"))]);
        assert!(refused.code != 0 && refused.err.contains("sealing.key") && refused.err.contains("does not exist"), "{}", refused.err);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was made");
    let short = run(&["relay", "--retention-days", "30", "--data-dir", text(folder.path())]);
    assert!(short.code == 2 && short.err.contains("longer than idempotency keys"), "{}", short.err);
}
