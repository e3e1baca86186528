//! `db copy` moves an installation to PostgreSQL with nothing lost: a desktop in the middle of a job and a caller in the
//! middle of a retry notice nothing.

use protocol::device::Outcome;
use protocol::{Environment, JobState};
use store::admin::{AdminError, check, copy};
use store::{Admission, DatabaseUrl, Store};

use super::fill;
use crate::fixture::{Backend, Fixture, settings};
use crate::words::{NOW, Pull, after, ids, of, valid};

#[tokio::test]
async fn an_installation_moves_whole() {
    let fixture = Fixture::open(Backend::Sqlite).await;
    let places = fill(&fixture).await;
    let spent = fixture.submission("once").nonce("a-nonce-that-is-spent");
    fixture.accept(spent.clone()).await;
    fixture.accept(fixture.submission("words").url("https://trk.example/ä?q='\"\\n%00").row("Zeile “1”")).await;
    fixture.store.close().await;

    let target = testkit::postgres::new_database();
    let mut heard = 0;
    let copied = copy(&file_of(&fixture), &target, |_| heard += 1).await.unwrap();
    assert_eq!(heard, copied.len());
    let rows = |name: &str| copied.iter().find(|table| table.table == name).map(|table| table.rows);
    assert_eq!(
        (rows("jobs"), rows("leased"), rows("delayed"), rows("results"), rows("nonce_slots")),
        (Some(9), Some(1), Some(1), Some(1), Some(8))
    );
    assert!(copied.iter().all(|table| table.sha256.len() == 64));
    let url = DatabaseUrl::Postgres(target);
    assert!(check(&url, false).await.unwrap().is_sound());

    let store = Store::open(&url, settings()).await.unwrap();
    let replayed = store.admit(spent.clone().into_request()).await.unwrap().admission;
    assert_eq!(replayed, Admission::NonceReused, "no window opens for a replay");
    let retried = store.admit(spent.nonce("another-nonce-for-it").into_request()).await.unwrap().admission;
    assert!(matches!(retried, Admission::Replayed(_)));
    let outcome = store.report(fixture.account, places.device, vec![of(&places.leased, valid(after(63)))], after(63)).await.unwrap();
    assert_eq!(outcome[0].outcome, Outcome::Applied, "a lease goes on where it was");
    let pulled = store.pull(Pull::by(places.device).at(after(63)).into_order(fixture.account)).await.unwrap();
    assert!(ids(&pulled.jobs).contains(&places.ready));
    let job = store.job(fixture.account, Environment::Live, places.concluded).await.unwrap().unwrap();
    assert!(job.state == JobState::Concluded && job.result.is_some());
    assert_eq!(store.ensure_account("default", "unlimited", NOW).await.unwrap().id, fixture.account);
    store.close().await;

    let again = copy(&file_of(&fixture), &postgres(&url), |_| {}).await.unwrap_err();
    assert!(matches!(&again, AdminError::NotEmpty(_)) && again.is_refusal(), "{again}");
}

#[tokio::test]
async fn a_file_that_a_relay_uses_is_not_copied() {
    let fixture = Fixture::open(Backend::Sqlite).await;
    fixture.job("a").await;
    let target = testkit::postgres::new_database();
    let refused = copy(&file_of(&fixture), &target, |_| {}).await.unwrap_err();
    assert!(matches!(refused, AdminError::InUse(_)), "{refused}");
    fixture.job("b").await;
    fixture.store.close().await;
    copy(&file_of(&fixture), &target, |_| {}).await.unwrap();
}

#[tokio::test]
async fn a_copy_that_fails_leaves_the_target_empty() {
    let fixture = Fixture::open(Backend::Sqlite).await;
    fixture.job("a").await;
    fixture.store.close().await;
    // PostgreSQL's texts cannot hold a NUL; ours never do.
    let file = file_of(&fixture);
    rusqlite::Connection::open(&file).unwrap().execute_batch("UPDATE rows SET offer_name = 'a' || char(0)").unwrap();
    let target = testkit::postgres::new_database();
    copy(&file, &target, |_| {}).await.unwrap_err();
    rusqlite::Connection::open(&file).unwrap().execute_batch("UPDATE rows SET offer_name = 'a'").unwrap();
    let copied = copy(&file, &target, |_| {}).await.unwrap();
    assert!(copied.iter().any(|table| table.table == "jobs" && table.rows == 1));
}

fn file_of(fixture: &Fixture) -> std::path::PathBuf {
    let DatabaseUrl::Sqlite(path) = fixture.database.url() else { panic!("no file") };
    path
}

fn postgres(url: &DatabaseUrl) -> String {
    let DatabaseUrl::Postgres(url) = url else { panic!("no server") };
    url.clone()
}
