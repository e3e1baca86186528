//! Help, and what happens to command lines that cannot be understood.

use crate::program::{run, text};

#[test]
fn the_help_names_every_command_and_every_exit_code() {
    let help = run(&["--help"]);
    assert_eq!(help.code, 0);
    for command in [
        "up",
        "resolve",
        "fetch",
        "jobs",
        "rows",
        "verify",
        "sign",
        "keys",
        "desktop",
        "relay",
        "link",
        "devices",
        "lab",
        "db",
        "completions",
    ] {
        assert!(help.out.contains(&format!("\n  {command} ")), "{command}");
        let its_own = run(&[command, "--help"]);
        assert_eq!(its_own.code, 0, "{command}");
        assert!(its_own.out.contains("Example"), "{command} shows no example");
    }
    for code in
        ["0  done", "1  the answer is no", "2  the command line", "3  the relay refused", "4  something could not", "5  incon", "6  review"]
    {
        assert!(help.out.contains(code), "{code}");
    }
}

#[test]
fn what_cannot_be_understood_ends_with_2() {
    for arguments in [
        &["fly"][..],
        &["resolve", "--engine", "steam", "https://a.example/"],
        &["resolve", "--connect-to", "nonsense", "https://a.example/"],
        &["resolve", "--hop-timeout", "0", "https://a.example/"],
        &["fetch", "https://a.example/", "--key", "lp_prod_x"],
        &["sign", "--key", "lp_test_0123456789abcdef", "--secret", "lps_x"],
        &["up", "--check", "--data-dir", "/tmp/x"],
        &["jobs", "show", "job_1", "--key", "lp_test_0123456789abcdef"],
        &["keys", "list", "--data-dir", "/nowhere/at/all"],
        &["relay", "--public-url", "nonsense"],
        &["relay", "--public-url", "https://relay.example/path"],
        &["operators", "setup-link", "--database", "none.sqlite", "--public-url", "ftp://relay.example"],
        &["audit", "list", "--kind", "refusd"],
    ] {
        let ended = run(arguments);
        assert_eq!(ended.code, 2, "{arguments:?}: {}", ended.err);
        assert!(ended.out.is_empty() && !ended.err.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_desktop_that_could_not_start_is_not_started_at_login() {
    let home = tempfile::tempdir().unwrap();
    let environment = [("HOME", home.path().to_str().unwrap()), ("XDG_CONFIG_HOME", "")];
    let ended = crate::program::run_with(&["desktop", "autostart", "on", "--", "--nonsense"], &environment, b"");
    assert!(ended.code == 2 && ended.err.contains("--nonsense"), "{} {}", ended.code, ended.err);
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn a_key_that_nobody_named_is_asked_for_by_its_variable() {
    for command in [&["verify"][..], &["fetch", "https://a.example/"], &["rows", "list"], &["sign"]] {
        let ended = run(&[command, &["--data-dir", "/nowhere/at/all"]].concat());
        assert!(ended.code == 2 && ended.err.contains("LINK_PEELER_KEY"), "{command:?}: {} {}", ended.code, ended.err);
    }
    let kinds = run(&["audit", "list", "--help"]).out;
    assert!(kinds.contains("refused") && kinds.contains("sign_in_refused"), "{kinds}");
}

#[test]
fn a_relay_that_is_not_there_ends_with_4() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let relay = format!("http://{closed}");
    let environment = [("LINK_PEELER_SECRET", "lps_x"), ("LINK_PEELER_KEY", "lp_test_0123456789abcdef"), ("LINK_PEELER_RELAY", &*relay)];
    let ended = crate::program::run_with(&["verify"], &environment, b"");
    assert_eq!(ended.code, 4, "{}", ended.err);
    assert!(ended.err.contains("cannot reach"), "{}", ended.err);
}

#[test]
fn shells_can_complete_every_command() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = run(&["completions", shell]);
        assert_eq!(script.code, 0, "{shell}: {}", script.err);
        for command in ["resolve", "devices", "completions"] {
            assert!(script.out.contains(command), "{shell}: {command}");
        }
    }
    assert_eq!(run(&["completions", "cmd"]).code, 2);
}

/// Scripts tell "not there (yet)" from "not understood" by it, whichever command they run.
#[test]
fn a_file_that_is_not_there_ends_every_command_alike() {
    let folder = tempfile::tempdir().unwrap();
    let (data, missing) = (text(folder.path()), folder.path().join("none"));
    let (missing, at_missing) = (text(&missing), format!("@{}", missing.display()));
    for command in [
        &["resolve", "--no-browser", "--file", missing][..],
        &["resolve", "--no-browser", "--csv", missing],
        &["resolve", "--no-browser", "--proxy", &at_missing, "http://192.0.2.1/"],
        &["resolve", "--no-browser", "--rules", missing, "http://192.0.2.1/"],
        &["rules", "check", missing],
        &["plans", "check", missing],
        &["audit", "verify", "--file", missing],
        &["db", "status", "--database", missing],
        &["db", "status", "--database", &at_missing],
        &["db", "restore", missing, "--database", &format!("{data}/restored.sqlite")],
        &["relay", "--listen", "127.0.0.1:0", "--data-dir", data, "--tls-cert", missing, "--tls-key", missing],
        &["relay", "--listen", "127.0.0.1:0", "--data-dir", data, "--plans", missing],
        &["relay", "--listen", "127.0.0.1:0", "--data-dir", data, "--oidc-providers", missing],
    ] {
        let refused = run(command);
        assert!(refused.code == 4 && refused.err.contains(missing), "{command:?}: {} {}", refused.code, refused.err);
    }
}
