//! The writer: many operations share a commit, one that fails spoils only itself, and its queue is bounded.

use domain::audit::Actor;
use futures_util::future::{join_all, poll_immediate};
use protocol::device_signature::DeviceKey;
use protocol::{Environment, JobState};
use store::{Admission, ApprovedLink, StoreError};

use crate::fixture::{Fixture, settings};
use crate::words::{NOW, Pull, after};

on_every_database! {
    async fn an_operation_that_fails_spoils_none_of_its_batch(fixture) {
        fixture.store.approve_link(link(&fixture), Actor::Machine, NOW).await.unwrap();
        let waiting = fixture.job("waits already").await;
        let device = fixture.device().await;
        // All of these queue while writes are held, and share a batch.
        let held = fixture.database.hold_writes().await;
        let submissions: Vec<_> = (0..20).map(|number| fixture.submission(&format!("offer-{number}"))).collect();
        let admissions = join_all(submissions.into_iter().map(|submission| fixture.admit(submission)));
        // A code that is stored already breaks a uniqueness rule of the database itself.
        let failing = fixture.store.approve_link(link(&fixture), Actor::Machine, NOW);
        let cancel = fixture.store.cancel(fixture.account, Environment::Live, waiting, Actor::Machine, NOW);
        let used = fixture.used(fixture.account, Environment::Live, NOW);
        let (admissions, failed, cancelled, used, ()) = tokio::join!(admissions, failing, cancel, used, held.release());
        assert!(admissions.iter().all(|admission| matches!(admission, Admission::Accepted(_))), "{admissions:?}");
        assert!(matches!(failed, Err(StoreError::Database(_))), "{failed:?}");
        assert!(cancelled.is_ok());
        assert!(used <= 21, "{used}");
        assert_eq!(fixture.look(waiting).await.state, JobState::Cancelled);
        assert_eq!(fixture.pull(Pull::by(device).max(100).at(after(1))).await.jobs.len(), 20);
        assert_eq!(fixture.used(fixture.account, Environment::Live, NOW).await, 20, "each once");
    }

    async fn a_full_queue_refuses_at_once_and_what_had_queued_is_served(fixture) {
        let held = fixture.database.hold_writes().await;
        let submissions: Vec<_> = (0..6_000).map(|number| fixture.submission(&format!("offer-{number}"))).collect();
        let mut admissions: Vec<_> = submissions.into_iter().map(|submission| Box::pin(fixture.store.admit(submission.into_request()))).collect();
        let mut refused = 0;
        let mut queued = Vec::new();
        for mut admission in admissions.drain(..) {
            match poll_immediate(&mut admission).await {
                Some(Err(StoreError::Overloaded)) => refused += 1,
                Some(other) => panic!("answered while writes were held: {other:?}"),
                None => queued.push(admission),
            }
        }
        assert!(refused > 0 && queued.len() >= 4_096, "{refused} refused, {} queued", queued.len());
        assert!(fixture.store.queued_operations() <= 4_096);
        held.release().await;
        let accepted = queued.len();
        for answer in join_all(queued).await {
            assert!(matches!(answer.unwrap().admission, Admission::Accepted(_)));
        }
        assert_eq!(fixture.used(fixture.account, Environment::Live, NOW).await, accepted as u64, "what was refused left nothing");
    }

    async fn a_closing_store_serves_what_has_queued_and_then_answers_closed(fixture) {
        let held = fixture.database.hold_writes().await;
        let submissions: Vec<_> = (0..50).map(|number| fixture.submission(&format!("offer-{number}"))).collect();
        let admissions = join_all(submissions.into_iter().map(|submission| fixture.admit(submission)));
        let (admissions, (), ()) = tokio::join!(admissions, fixture.store.close(), held.release());
        assert!(admissions.iter().all(|admission| matches!(admission, Admission::Accepted(_))));
        let late = fixture.store.admit(fixture.submission("late").into_request()).await;
        assert!(matches!(late, Err(StoreError::Closed)), "{late:?}");
        let late = fixture.store.upkeep(NOW, 0.0).await;
        assert!(matches!(late, Err(StoreError::Closed)), "{late:?}");
        assert!(matches!(fixture.store.check().await, Err(StoreError::Closed)));
        fixture.store.close().await;
    }

    async fn closing_loses_nothing(fixture) {
        let mut fixture = fixture;
        let submissions: Vec<_> = (0..50).map(|number| fixture.submission(&format!("offer-{number}"))).collect();
        join_all(submissions.into_iter().map(|submission| fixture.accept(submission))).await;
        fixture.restart().await;
        assert_eq!(fixture.used(fixture.account, Environment::Live, NOW).await, 50);
        let device = fixture.device().await;
        assert_eq!(fixture.pull(Pull::by(device).max(100)).await.jobs.len(), 50);
    }

    async fn an_open_store_answers_its_health_check(fixture) {
        fixture.store.check().await.unwrap();
        assert_eq!(fixture.store.queued_operations(), 0);
    }

    async fn a_request_whose_caller_hung_up_makes_its_job_all_the_same(fixture) {
        let held = fixture.database.hold_writes().await;
        let submission = fixture.submission("a");
        {
            let admission = fixture.store.admit(submission.clone().into_request());
            tokio::pin!(admission);
            assert!(poll_immediate(&mut admission).await.is_none());
        }
        held.release().await;
        assert!(matches!(fixture.admit(fixture.submission("a")).await, Admission::Replayed(_)));
    }
}

fn link(fixture: &Fixture) -> ApprovedLink {
    let device_code = "one-code-that-is-approved-twice".to_owned();
    let (name, platform) = ("desk".to_owned(), "linux".to_owned());
    ApprovedLink {
        account: fixture.account,
        device_code,
        public_key: DeviceKey::generate().public(),
        name,
        platform,
        expires_at: after(600),
    }
}

#[tokio::test]
async fn a_closed_file_is_whole_without_its_log() {
    let fixture = Fixture::open(crate::fixture::Backend::Sqlite).await;
    fixture.accept(fixture.submission("a")).await;
    // Reads have connections of their own, which outlive them.
    fixture.used(fixture.account, Environment::Live, NOW).await;
    fixture.store.close().await;
    let store::DatabaseUrl::Sqlite(path) = fixture.database.url() else { unreachable!() };
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.db");
    std::fs::copy(&path, &copy).unwrap();
    let jobs = rusqlite::Connection::open(&copy).unwrap().query_one("SELECT count(*) FROM jobs", [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(jobs, 1);
    assert!(!path.with_extension("db-wal").exists() && !path.with_extension("db-shm").exists(), "nothing of it lies beside it");
    assert!(matches!(fixture.store.account_by_name("default").await, Err(StoreError::Closed)));
}

#[tokio::test]
async fn one_relay_serves_a_file() {
    let fixture = Fixture::open(crate::fixture::Backend::Sqlite).await;
    let url = fixture.database.url();
    let refused = store::Store::open(&url, settings()).await;
    assert!(matches!(&refused, Err(StoreError::Served(_))), "{refused:?}");
    fixture.store.close().await;
    store::Store::open(&url, settings()).await.unwrap().close().await;
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "not a database, but long enough to be looked at as one. ".repeat(100)).unwrap();
    let refused = store::Store::open(&path.to_str().unwrap().parse().unwrap(), settings()).await;
    assert!(matches!(&refused, Err(StoreError::Damaged(why)) if why.contains("notes.txt")), "{refused:?}");
}
