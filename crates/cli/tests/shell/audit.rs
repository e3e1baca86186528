//! `link-peeler audit`, `plans` and `channel` as an operator's scripts meet them.

use std::fs;

use crate::program::{Service, run, run_with, text};

#[test]
fn what_a_relay_has_decided_is_listed_exported_and_verified_offline() {
    let folder = tempfile::tempdir().unwrap();
    let data = text(folder.path());
    let mut relay = Service::start(&["relay", "--json", "--listen", "127.0.0.1:0", "--data-dir", data, "--log", "warn"]);
    let url = relay.next_json()["relayUrl"].as_str().unwrap().to_owned();
    let set = run(&["channel", "set", "--freshness-seconds", "3600", "--relay", &url, "--data-dir", data, "--json"]).json();
    assert_eq!(set["freshnessSeconds"], 3_600);
    let shown = run(&["channel", "show", "--relay", &url, "--data-dir", data, "--json"]).json();
    assert_eq!((&shown["source"], &shown["freshnessSeconds"]), (&set["source"], &set["freshnessSeconds"]));
    let refused = run(&["channel", "set", "--source", "csv", "--relay", &url, "--data-dir", data]);
    assert!(refused.code == 3 && refused.err.contains("platform_api"), "{}", refused.err);

    // Beside a running relay, and without one.
    let whole = run(&["audit", "verify", "--data-dir", data, "--json"]);
    assert_eq!((whole.code, whole.json()["whole"].as_bool()), (0, Some(true)));
    assert_eq!(relay.stop().0, 0);
    let whole = run(&["audit", "verify", "--data-dir", data, "--json"]).json();
    let account = &whole["accounts"][0];
    let noted = format!(
        "{}:{}:{}",
        account["account"].as_str().unwrap(),
        account["head"]["seq"].as_u64().unwrap(),
        account["head"]["hash"].as_str().unwrap()
    );
    let listed = run(&["audit", "list", "--data-dir", data, "--kind", "setting_changed", "--json"]);
    assert!(listed.out.contains("\"value\":\"3600\"") && listed.out.contains("\"by\":\"machine\""), "{}", listed.out);
    assert!(run(&["audit", "list", "--data-dir", data]).out.contains("account default was made"));

    let exported = run(&["audit", "export", "--data-dir", data]).out;
    let file = folder.path().join("audit.ndjson");
    fs::write(&file, &exported).unwrap();
    assert_eq!(run(&["audit", "verify", "--file", text(&file), "--noted", &noted]).code, 0);
    assert_eq!(run_with(&["audit", "verify", "--file", "-"], &[], exported.as_bytes()).code, 0);

    fs::write(&file, exported.replace("\"3600\"", "\"9999\"")).unwrap();
    let broken = run(&["audit", "verify", "--file", text(&file), "--json"]);
    assert_eq!((broken.code, broken.json()["accounts"][0]["broken"]["why"].as_str().unwrap()), (1, "changed"));
    let without_last: Vec<&str> = exported.lines().take(exported.lines().count() - 1).collect();
    fs::write(&file, without_last.join("\n")).unwrap();
    let broken = run(&["audit", "verify", "--file", text(&file)]);
    assert!(broken.code == 1 && broken.out.contains("it is missing"), "{}", broken.out);
    let unknown = noted.replacen(':', ":9", 1);
    assert_eq!(run(&["audit", "verify", "--data-dir", data, "--noted", &unknown]).code, 1, "a record that the chain has not");
    assert_eq!(run(&["audit", "verify", "--data-dir", data, "--noted", "x"]).code, 2);
}

#[test]
fn plans_are_shown_and_checked_before_a_relay_is_given_them() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plans.toml");
    let plans = run(&["plans", "show", "--json"]).json();
    assert_eq!((&plans["free"]["api_links"], &plans["pro"]["monthly_fetches"]), (&false.into(), &100_000.into()));
    fs::write(&file, run(&["plans", "show", "--toml"]).out).unwrap();
    assert_eq!(run(&["plans", "check", text(&file)]).code, 0, "what it shows is what it reads");
    assert_eq!(run(&["plans", "show", text(&file), "--json"]).json(), plans);
    fs::write(&file, "[team]\napi_links = true\nmonthly_fetches = 0\n").unwrap();
    let doubtful = run(&["plans", "check", text(&file)]);
    assert!(doubtful.code == 1 && doubtful.out.contains("every request will be refused"), "{}", doubtful.out);
    fs::write(&file, "[team]\napi_links = true\nburst = 5\n").unwrap();
    let refused = run(&["relay", "--plans", text(&file), "--data-dir", text(folder.path())]);
    assert!(refused.code == 2 && refused.err.contains("plan `team`"), "{}", refused.err);
}
