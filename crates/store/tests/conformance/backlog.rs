//! Jobs that may wait at once: what waits, waits for a desktop, whether it is ready or not.

use domain::audit::Actor;
use protocol::{AccountId, DeviceId, Environment};
use store::Admission;

use crate::fixture::Fixture;
use crate::words::{NOW, Pull, after, held};

on_every_database! {
    async fn the_fourth_of_three_is_refused(fixture) {
        let (account, _) = full(&fixture).await;
        assert_eq!(fixture.admit(fixture.submission_of(account, "d")).await, FULL);
        assert_eq!(fixture.used(account, Environment::Live, NOW).await, 3);
    }

    async fn of_many_at_once_only_three_are_accepted(fixture) {
        let account = fixture.account_on("three_waiting").await;
        let submissions: Vec<_> = (0..32).map(|number| fixture.submission_of(account, &format!("offer-{number}"))).collect();
        let answers = futures_util::future::join_all(submissions.into_iter().map(|submission| fixture.admit(submission))).await;
        assert_eq!(answers.iter().filter(|answer| matches!(answer, Admission::Accepted(_))).count(), 3);
        assert_eq!(answers.iter().filter(|answer| **answer == FULL).count(), 29);
    }

    async fn what_a_desktop_has_taken_no_longer_waits(fixture) {
        let (account, device) = full(&fixture).await;
        fixture.store.pull(Pull::by(device).max(2).into_order(account)).await.unwrap();
        assert_room_for(&fixture, account, 2).await;
    }

    async fn what_a_desktop_gives_back_waits_again(fixture) {
        let (account, device) = full(&fixture).await;
        let jobs = fixture.store.pull(Pull::by(device).into_order(account)).await.unwrap().jobs;
        fixture.store.release(account, device, vec![held(&jobs[0])], NOW).await.unwrap();
        assert_room_for(&fixture, account, 2).await;
    }

    async fn what_comes_back_from_a_dead_desktop_waits_again_also_during_its_backoff(fixture) {
        let (account, device) = full(&fixture).await;
        let jobs = fixture.store.pull(Pull::by(device).max(1).into_order(account)).await.unwrap().jobs;
        fixture.store.pull(Pull::by(device).max(0).running(&[&jobs[0]]).into_order(account)).await.unwrap();
        assert_eq!(fixture.upkeep(after(60)).await.reclaimed, 1);
        assert_room_for(&fixture, account, 0).await;
    }

    async fn what_is_cancelled_or_expired_no_longer_waits(fixture) {
        let account = fixture.account_on("three_waiting").await;
        let cancelled = fixture.accept(fixture.submission_of(account, "a")).await;
        fixture.accept(fixture.submission_of(account, "b").deadline(30)).await;
        fixture.accept(fixture.submission_of(account, "c")).await;
        fixture.store.cancel(account, Environment::Live, cancelled.job_id, Actor::Machine, NOW).await.unwrap();
        assert_eq!(fixture.upkeep(after(30)).await.expired, 1);
        assert_room_for(&fixture, account, 2).await;
    }

    async fn a_revoked_desktop_s_jobs_wait_again(fixture) {
        let (account, device) = full(&fixture).await;
        fixture.store.pull(Pull::by(device).into_order(account)).await.unwrap();
        assert!(fixture.store.revoke_device(account, device, Actor::Machine, NOW).await.unwrap());
        assert_room_for(&fixture, account, 0).await;
    }
}

const FULL: Admission = Admission::BacklogFull { waiting: 3, limit: 3 };

/// An account whose backlog is full, and a device of it.
async fn full(fixture: &Fixture) -> (AccountId, DeviceId) {
    let account = fixture.account_on("three_waiting").await;
    for name in ["a", "b", "c"] {
        fixture.accept(fixture.submission_of(account, name)).await;
    }
    (account, fixture.device_of(account).await)
}

async fn assert_room_for(fixture: &Fixture, account: AccountId, room: usize) {
    for number in 0..room {
        fixture.accept(fixture.submission_of(account, &format!("fits-{number}"))).await;
    }
    assert_eq!(fixture.admit(fixture.submission_of(account, "one too many")).await, FULL);
}
