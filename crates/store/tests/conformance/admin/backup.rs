//! Backups are whole whatever the relay does meanwhile, and nothing is ever overwritten.

use std::path::PathBuf;

use store::admin::{AdminError, Tools, backup, check, migrate, restore, status};
use store::{DatabaseUrl, Store};

use super::fill;
use crate::fixture::{Fixture, settings};
use crate::words::{NOW, after};

fn tools() -> Tools {
    Tools::in_folders(vec![testkit::postgres::program("pg_dump").unwrap().parent().unwrap().to_owned()])
}

/// Somewhere new of the same kind of database.
fn elsewhere(fixture: &Fixture, folder: &tempfile::TempDir) -> DatabaseUrl {
    match fixture.database.url() {
        DatabaseUrl::Sqlite(_) => DatabaseUrl::Sqlite(folder.path().join("restored.db")),
        DatabaseUrl::Postgres(_) => DatabaseUrl::Postgres(testkit::postgres::new_database()),
    }
}

on_every_database! {
    async fn a_backup_under_load_restores_to_a_sound_database(fixture) {
        fill(&fixture).await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("backup");
        let (url, tools) = (fixture.database.url(), tools());
        let working = async {
            for number in 0..100 {
                fixture.job(&format!("meanwhile {number}")).await;
            }
        };
        let (made, ()) = tokio::join!(backup(&url, &file, &tools), working);
        let made = made.unwrap();
        assert!(made.size_bytes > 0 && !made.verified_by.is_empty());
        assert_eq!(files_in(&folder), ["backup"], "one file, whole by itself");
        #[cfg(unix)]
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions()) & 0o077, 0, "for its owner alone");

        let target = elsewhere(&fixture, &folder);
        assert!(restore(&file, &target, &tools).await.unwrap().schema.pending.is_empty());
        assert!(check(&target, false).await.unwrap().is_sound());
        let there = status(&target, 1, after(0)).await.unwrap().counts.unwrap();
        assert!((6..=106).contains(&there.jobs_counted), "{there:?}");
        let restored = Store::open(&target, settings()).await.unwrap();
        assert_eq!(restored.ensure_account("default", "unlimited", NOW).await.unwrap().id, fixture.account);
        restored.close().await;

        // Neither a backup nor a database is ever written over.
        let again = backup(&url, &file, &tools).await.unwrap_err();
        assert!(matches!(again, AdminError::Exists(_)) && again.is_refusal(), "{again}");
        let over = restore(&file, &target, &tools).await.unwrap_err();
        assert!(matches!(over, AdminError::Exists(_) | AdminError::NotEmpty(_)) && over.is_refusal(), "{over}");
    }
}

#[tokio::test]
async fn without_pg_dump_it_says_what_to_run() {
    let folder = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::Postgres(testkit::postgres::new_database());
    migrate(&url).await.unwrap();
    let refused = backup(&url, &folder.path().join("backup"), &Tools::default()).await.unwrap_err().to_string();
    assert!(refused.contains("pg_dump --format=custom") && refused.contains("pg_basebackup"), "{refused}");
    assert_eq!(files_in(&folder), Vec::<String>::new());
}

#[tokio::test]
async fn a_damaged_or_foreign_file_is_not_restored() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| -> PathBuf { folder.path().join(name) };
    let fixture = Fixture::open(crate::fixture::Backend::Sqlite).await;
    futures_util::future::join_all((0..300).map(|number| fixture.accept(fixture.submission(&format!("offer-{number}"))))).await;
    backup(&fixture.database.url(), &path("good"), &tools()).await.unwrap();
    let mut bytes = std::fs::read(path("good")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 8_192].fill(0x5a);
    std::fs::write(path("damaged"), &bytes).unwrap();
    std::fs::write(path("text"), "not a database, but long enough to be read as one".repeat(100)).unwrap();
    rusqlite::Connection::open(path("foreign")).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
    let target = DatabaseUrl::Sqlite(path("restored.db"));
    for name in ["damaged", "text", "foreign"] {
        let refused = restore(&path(name), &target, &tools()).await.unwrap_err();
        assert!(matches!(refused, AdminError::Unsuitable(_)), "{name}: {refused}");
        assert!(!path("restored.db").exists());
    }
    assert!(matches!(restore(&path("missing"), &target, &tools()).await, Err(AdminError::Missing(_))));
    std::fs::write(path("restored.db-wal"), "").unwrap();
    assert!(matches!(restore(&path("good"), &target, &tools()).await, Err(AdminError::Exists(_))), "a log without its file is somebody's");
}

#[tokio::test]
async fn what_no_relay_has_made_is_neither_backed_up_nor_restored() {
    let folder = tempfile::tempdir().unwrap();
    let (theirs, file) = (folder.path().join("theirs.sqlite"), folder.path().join("backup"));
    rusqlite::Connection::open(&theirs).unwrap().execute_batch("CREATE TABLE users (name TEXT)").unwrap();
    let on_server = testkit::postgres::new_database();
    testkit::postgres::sql(&on_server, "CREATE TABLE users (name TEXT)").unwrap();
    for url in [DatabaseUrl::Sqlite(theirs), DatabaseUrl::Postgres(on_server.clone())] {
        let refused = backup(&url, &file, &tools()).await.unwrap_err();
        assert!(refused.is_refusal() && refused.to_string().contains("no database of link-peeler's"), "{refused}");
        assert_eq!(files_in(&folder), ["theirs.sqlite"]);
    }
    let dumped = std::process::Command::new(testkit::postgres::program("pg_dump").unwrap())
        .args(["--format=custom", "--no-password", "--file"])
        .arg(&file)
        .arg(&on_server)
        .status();
    assert!(dumped.unwrap().success());
    let target = DatabaseUrl::Postgres(testkit::postgres::new_database());
    let refused = restore(&file, &target, &tools()).await.unwrap_err();
    assert!(matches!(refused, AdminError::Unsuitable(_)), "{refused}");
    assert!(status(&target, 1, NOW).await.unwrap().counts.is_none(), "nothing of it was restored");
}

fn files_in(folder: &tempfile::TempDir) -> Vec<String> {
    let mut names: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
