//! No secret lies where it should not: a whole story with real programs (TLS, both databases, a desktop with its browser, a
//! proxy that wants a password, an OpenID provider, invitations, keys), and then every secret of it is looked for in
//! everything that was written down meanwhile, however it may be written.
#![allow(clippy::unwrap_used)]
#![cfg(target_os = "linux")]

#[path = "../../../relay/tests/http/console/oidc/npm.rs"]
mod npm;
#[path = "../end_to_end/process.rs"]
#[allow(dead_code, reason = "shared with the end-to-end tests")]
mod process;
mod program;
mod search;
mod site;
mod story;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use protocol::Secret;
use testkit::postgres::{new_database, program as postgres_program, sql};

use crate::search::{Canaries, Hit};
use crate::story::Story;

/// Where a secret lies by intent: its name, the end of the place, and why.
const BY_INTENT: &[(&str, &str, &str)] = &[
    ("set-up link", "relay.stdout", "the relay prints it once, for whoever sits there"),
    ("set-up link", "to /setup", "the form that was filled in wrongly can be sent again; whoever gets it has sent the link"),
    ("linking code", "desktop.stdout", "the desktop shows it, so that somebody types it"),
    ("sealing key", "relay/sealing.key", "its own file, mode 0600"),
    ("operator token", "relay/operator.token", "its own file, mode 0600"),
    ("device key", "desktop/device.key", "its own file, mode 0600"),
    ("new API key secret", "desktop/keyring.json", "its own file, mode 0600, where there is no keychain; the old one is gone from it"),
    ("desktop control token", "desktop/pages.json", "programs of this user ask the desktop with it; mode 0600"),
    ("a variable of the desktop", "environ of desktop", "it was started with it; what it starts is not"),
];

fn unexpected(hits: Vec<Hit>) -> Vec<Hit> {
    let is_meant = |hit: &Hit| BY_INTENT.iter().any(|(canary, place, _)| hit.canary == *canary && hit.place.ends_with(place));
    hits.into_iter().filter(|hit| !is_meant(hit)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_of_a_relay_on_sqlite_lies_about() {
    let story = Story::tell(None).await;
    let hits = story.search();
    // The control: what is there by intent was found, so that a search which finds nothing does not pass.
    for (canary, place, _) in BY_INTENT {
        assert!(hits.iter().any(|hit| hit.canary == *canary && hit.place.ends_with(place)), "{canary} is not in {place}: {hits:#?}");
    }
    assert_eq!(unexpected(hits), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_of_a_relay_on_postgresql_lies_about() {
    let url = new_database();
    let password = format!("canary:{}/%", Secret::generate().expose());
    let database = url.rsplit('/').next().unwrap();
    sql(&url, &format!("CREATE ROLE \"of {database}\" LOGIN SUPERUSER PASSWORD '{password}'")).unwrap();
    #[expect(clippy::disallowed_methods, reason = "compared with the times of files")]
    let began = std::time::SystemTime::now();
    let story = Story::tell(Some((&url, &format!("of {database}"), &password))).await;
    let mut hits = story.search();
    let search = story.canaries.search();
    sql(&url, "CHECKPOINT").unwrap();
    let dump = std::process::Command::new(postgres_program("pg_dump").unwrap()).args(["--dbname", &url]).output().unwrap();
    assert!(dump.status.success());
    hits.extend(search.bytes("pg_dump", &dump.stdout));
    // The files of the server, where this test may read them: the database's own, and what was logged ahead since it began.
    let folder = sql(&url, "SHOW data_directory").unwrap();
    let oid = sql(&url, "SELECT oid FROM pg_database WHERE datname = current_database()").unwrap();
    hits.extend(search.files(&Path::new(folder.trim()).join("base").join(oid.trim())));
    for file in std::fs::read_dir(Path::new(folder.trim()).join("pg_wal")).into_iter().flatten().flatten() {
        if file.metadata().is_ok_and(|file| file.is_file() && file.modified().is_ok_and(|at| at >= began)) {
            hits.extend(search.files(&file.path()));
        }
    }
    sql(&url, &format!("REASSIGN OWNED BY \"of {database}\" TO CURRENT_USER; DROP ROLE \"of {database}\"")).unwrap();
    assert_eq!(unexpected(hits), []);
}

#[test]
fn what_holds_a_secret_does_not_print_it_in_a_panic() {
    let mut canaries = Canaries::default();
    let folder = tempfile::tempdir().unwrap();
    let secrets = relay::InstallSecrets::load_or_create(folder.path()).unwrap();
    canaries.add("operator token", secrets.operator_token().expose());
    canaries.add("sealing key", std::fs::read_to_string(folder.path().join("sealing.key")).unwrap().trim());
    let secret = Secret::generate();
    canaries.add("secret", secret.expose());
    let device = protocol::device_signature::DeviceKey::generate();
    canaries.add_bytes("device key", device.to_bytes().as_slice());
    let database: store::DatabaseUrl = format!("postgres://u:{}@h/d", secret.expose()).parse().unwrap();
    let proxy: resolver::ProxyProfile = format!("http://u:{}@h:1", secret.expose()).parse().unwrap();
    let provider = relay::OidcProvider::new(("a", "A"), ("https://id.example", "c"), Some(secret.clone())).unwrap();
    let verifying = protocol::signature::VerifyingSecret::new(&secret);
    let config = relay::Config::new(([127, 0, 0, 1], 0).into(), database.clone(), secrets.clone());
    let said = catch_unwind(AssertUnwindSafe(|| {
        panic!("{:?}", (&secrets, &secret, &device, &database, &proxy, &provider, &verifying, &config, secrets.sealing_source()))
    }));
    let said = *said.unwrap_err().downcast::<String>().unwrap();
    assert!(said.contains("Secret"), "{said}");
    assert_eq!(canaries.search().bytes("a panic", said.as_bytes()), [], "{said}");
}
