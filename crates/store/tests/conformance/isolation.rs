//! Accounts never meet: what one has, the other cannot see, take, end or name.

use domain::audit::Actor;
use protocol::device::Outcome;
use protocol::{AccountId, DeviceId, Environment, JobState};
use store::{Cancelled, JobFilter, RowFilter};

use crate::fixture::Fixture;
use crate::words::{NOW, Pull, after, held, ids, of, valid};

on_every_database! {
    async fn another_account_s_jobs_and_rows_are_not_there(fixture) {
        let (stranger, _) = stranger(&fixture).await;
        let job_id = fixture.job("a").await;
        assert_eq!(fixture.store.job(stranger, Environment::Live, job_id).await.unwrap(), None);
        let key = ("platform_api".to_owned(), "a".to_owned());
        assert_eq!(fixture.store.row((stranger, Environment::Live), key, NOW).await.unwrap(), None);
        let (environment, limit) = (Environment::Live, 200);
        let jobs = JobFilter { row_id: Some("a".to_owned()), ..JobFilter::all_of(stranger, environment, limit) };
        assert_eq!(fixture.store.jobs(jobs.clone()).await.unwrap().jobs, []);
        assert_eq!(fixture.store.jobs(JobFilter { row_id: None, ..jobs }).await.unwrap().jobs, []);
        let rows = RowFilter { account: stranger, asker: None, environment, source: None, ready_for_ads: None, after: None, limit };
        assert_eq!(fixture.store.rows(rows, NOW).await.unwrap().rows, []);
    }

    async fn another_account_s_jobs_cannot_be_cancelled(fixture) {
        let (stranger, _) = stranger(&fixture).await;
        let job_id = fixture.job("a").await;
        assert_eq!(fixture.store.cancel(stranger, Environment::Live, job_id, Actor::Machine, NOW).await.unwrap(), Cancelled::Unknown);
        assert_eq!(fixture.look(job_id).await.state, JobState::Queued);
    }

    async fn a_device_gets_jobs_of_its_own_account_only(fixture) {
        let (stranger, device) = stranger(&fixture).await;
        fixture.job("a").await;
        let theirs = fixture.accept(fixture.submission_of(stranger, "b")).await;
        let pulled = fixture.store.pull(Pull::by(device).into_order(stranger)).await.unwrap();
        assert_eq!(ids(&pulled.jobs), [theirs.job_id]);
    }

    async fn a_device_can_neither_keep_report_nor_release_what_another_account_holds(fixture) {
        let (stranger, theirs) = stranger(&fixture).await;
        let job_id = fixture.job("a").await;
        let device = fixture.device().await;
        let leased = fixture.lease(device, NOW).await;
        let pull = Pull::by(theirs).running(&[&leased]).results(vec![of(&leased, valid(NOW))]);
        let pulled = fixture.store.pull(pull.into_order(stranger)).await.unwrap();
        assert_eq!((pulled.lost, pulled.outcomes[0].outcome), (vec![job_id], Outcome::Unknown));
        let outcomes = fixture.store.report(stranger, theirs, vec![of(&leased, valid(NOW))], NOW).await.unwrap();
        assert_eq!(outcomes[0].outcome, Outcome::Unknown);
        assert_eq!(fixture.store.release(stranger, theirs, vec![held(&leased)], NOW).await.unwrap(), 0);
        assert_eq!(fixture.look(job_id).await.state, JobState::Leased);
        assert_eq!(fixture.upkeep(after(15)).await.reclaimed, 1, "nobody has renewed it");
    }

    async fn another_account_s_device_cannot_be_revoked(fixture) {
        let (stranger, _) = stranger(&fixture).await;
        let device = fixture.device().await;
        assert!(!fixture.store.revoke_device(stranger, device, Actor::Machine, NOW).await.unwrap());
        assert_eq!(fixture.store.device(device).await.unwrap().unwrap().revoked_at, None);
        assert_eq!(fixture.store.devices(stranger).await.unwrap().len(), 1);
    }

    async fn usage_and_nonces_are_counted_apart(fixture) {
        let (stranger, _) = stranger(&fixture).await;
        fixture.accept(fixture.submission("a").nonce("the-same-nonce-of-both")).await;
        fixture.accept(fixture.submission_of(stranger, "a").nonce("the-same-nonce-of-both")).await;
        assert_eq!(fixture.used(fixture.account, Environment::Live, NOW).await, 1);
        assert_eq!(fixture.used(stranger, Environment::Live, NOW).await, 1);
    }
}

async fn stranger(fixture: &Fixture) -> (AccountId, DeviceId) {
    let account = fixture.account_on("ten_a_month").await;
    (account, fixture.device_of(account).await)
}
