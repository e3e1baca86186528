//! Help, and what happens to command lines that cannot be understood.

use crate::program::run;

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
    ] {
        let ended = run(arguments);
        assert_eq!(ended.code, 2, "{arguments:?}: {}", ended.err);
        assert!(ended.out.is_empty() && !ended.err.is_empty(), "{arguments:?}");
    }
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
