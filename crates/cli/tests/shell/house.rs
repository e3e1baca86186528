//! Relay, desktop and caller as processes of their own, from nothing to a result and back to silence.

use crate::program::{Service, run, run_with, text};

#[test]
fn a_desktop_is_linked_by_code_a_key_made_a_link_fetched_and_everybody_goes_home() {
    let folder = tempfile::tempdir().unwrap();
    let data = text(folder.path());
    let mut lab = Service::start(&["lab", "--json", "--listen", "127.0.0.1:0"]);
    let lab_url = lab.next_json()["labUrl"].as_str().unwrap().to_owned();
    let mut relay = Service::start(&["relay", "--json", "--listen", "127.0.0.1:0", "--data-dir", data, "--log", "warn"]);
    let relay_url = relay.next_json()["relayUrl"].as_str().unwrap().to_owned();
    let allow = lab_url.strip_prefix("http://").unwrap();
    let mut desktop =
        Service::start(&["desktop", "--json", "--relay", &relay_url, "--data-dir", data, "--name", "the office", "--allow", allow]);

    let code = desktop.until(|line| line["event"] == "code")["userCode"].as_str().unwrap().to_owned();
    let pending = run(&["link", "list", "--relay", &relay_url, "--data-dir", data]);
    assert!(pending.out.contains(&code) && pending.out.contains("the office"), "{}", pending.out);
    let nobody = run(&["link", "approve", "ZZZZ-ZZZZ", "--relay", &relay_url, "--data-dir", data]);
    assert_eq!(nobody.code, 3, "{}", nobody.err);
    assert_eq!(run(&["link", "approve", &code, "--relay", &relay_url, "--data-dir", data]).code, 0);
    desktop.until(|line| line["event"] == "started");

    let key = run(&["keys", "create", "--test", "--label", "a script", "--data-dir", data, "--json"]).json();
    let (key_id, secret) = (key["keyId"].as_str().unwrap(), key["secret"].as_str().unwrap());
    let caller = [("LINK_PEELER_KEY", key_id), ("LINK_PEELER_SECRET", secret), ("LINK_PEELER_RELAY", &*relay_url)];
    let shell = |arguments: &[&str]| run_with(arguments, &caller, b"");
    let verified = shell(&["verify", "--json"]).json();
    assert_eq!((verified["label"].as_str(), verified["environment"].as_str()), (Some("a script"), Some("test")));

    let link = format!("{lab_url}/refresh/mix");
    let fetch = ["fetch", &link, "--row-id", "offer-001", "--idempotency-key", "once", "--wait", "60", "--json"];
    let job = shell(&fetch).json();
    assert_eq!((job["state"].as_str(), job["result"]["conclusion"].as_str()), (Some("concluded"), Some("valid")));
    let again = shell(&fetch).json();
    assert_eq!((&again["jobId"], &again["replayed"]), (&job["jobId"], &true.into()));
    let other = shell(&["fetch", &lab_url, "--row-id", "offer-001", "--idempotency-key", "once"]);
    assert!(other.code == 3 && other.err.contains("idempotency_mismatch"), "{}", other.err);
    assert_eq!(shell(&["fetch", &format!("{lab_url}/status/410"), "--wait"]).code, 1, "bad links end with 1");

    let row = shell(&["rows", "show", "platform_api", "offer-001", "--json"]);
    assert_eq!((row.code, row.json()["readyForAds"].as_bool()), (0, Some(true)));
    let listed = shell(&["jobs", "list", "--all", "--json"]);
    assert_eq!(listed.out.lines().count(), 2);
    let without_secret = [caller[0], caller[2]];
    let keyring = run_with(&["verify", "--data-dir", data], &without_secret, b"");
    assert_eq!(keyring.code, 0, "the keyring of the desktop that made the key has its secret: {}", keyring.err);

    assert_eq!(run(&["keys", "revoke", key_id, "--data-dir", data]).code, 0);
    let revoked = shell(&["verify"]);
    assert!(revoked.code == 3 && revoked.err.contains("invalid_credentials"), "{}", revoked.err);
    for service in [desktop, relay, lab] {
        assert_eq!(service.stop().0, 0);
    }
}
