//! What has been kept long enough is forgotten, in steps; what is promised is kept.

use domain::audit::Actor;
use protocol::{AccountId, Conclusion, Environment, JobId, JobState, UnixMillis};
use store::{Admission, Pruned, Store};

use crate::fixture::Fixture;
use crate::words::{NOW, Pull, concluded, of};

const DAY: i64 = 86_400;

fn days(days: i64) -> UnixMillis {
    NOW.plus_seconds(days * DAY)
}

on_every_database! {
    async fn a_job_is_kept_for_ninety_days_and_its_row_keeps_what_it_said(fixture) {
        let job_id = concluded_job(&fixture, "a").await;
        assert_eq!(prune(&fixture.store, days(90)).await.jobs, 0);
        assert_eq!(fixture.look(job_id).await.state, JobState::Concluded);
        assert_eq!(prune(&fixture.store, days(91)).await.jobs, 1);
        assert_eq!(fixture.store.job(fixture.account, Environment::Live, job_id).await.unwrap(), None);
        let row = row(&fixture, "a").await;
        assert_eq!((row.job_id, row.conclusion), (Some(job_id), Some(Conclusion::HttpGone)));
        assert_eq!(prune(&fixture.store, days(91)).await, Pruned::default(), "there is nothing left to do");
    }

    async fn an_account_may_keep_less_than_is_allowed_and_never_more(fixture) {
        let job_id = concluded_job(&fixture, "a").await;
        let keep = async |days| fixture.store.keep(fixture.account, days, domain::audit::Actor::Machine, NOW).await.unwrap();
        assert_eq!(fixture.store.kept(fixture.account).await.unwrap().now().job_days(), 90);
        keep(Some(1_000)).await;
        assert_eq!(fixture.store.kept(fixture.account).await.unwrap().now().job_days(), 90);
        keep(Some(7)).await;
        let kept = fixture.store.kept(fixture.account).await.unwrap();
        assert_eq!((kept.chosen, kept.now().job_days(), kept.now().idempotency_days()), (Some(7), 7, 6));
        assert_eq!(prune(&fixture.store, days(7)).await.jobs, 0);
        assert_eq!(fixture.look(job_id).await.state, JobState::Concluded);
        assert_eq!(prune(&fixture.store, days(8)).await.jobs, 1);
        keep(None).await;
        assert_eq!(fixture.store.kept(fixture.account).await.unwrap().chosen, None);
    }

    async fn an_idempotency_key_is_remembered_for_thirty_days(fixture) {
        let first = concluded_job(&fixture, "a").await;
        prune(&fixture.store, days(30)).await;
        let again = fixture.admit(fixture.submission("a").at(days(30))).await;
        assert!(matches!(again, Admission::Replayed(job) if job.job_id == first));
        assert_eq!(prune(&fixture.store, days(31)).await.keys, 1);
        let second = fixture.accept(fixture.submission("a").at(days(31))).await.job_id;
        assert_ne!(second, first);
        assert_eq!(fixture.look(first).await.state, JobState::Concluded, "the job itself is kept longer");

        // The older job goes later. The key is the younger one's by then, and stays.
        assert_eq!(prune(&fixture.store, days(60)).await.keys, 0);
        let once_more = fixture.admit(fixture.submission("a").at(days(60))).await;
        assert!(matches!(once_more, Admission::Replayed(job) if job.job_id == second));
    }

    async fn a_job_that_has_not_ended_is_never_dropped(fixture) {
        concluded_job(&fixture, "ends").await;
        let waiting = fixture.accept(fixture.submission("waits, and is older").at(NOW.plus_seconds(-1))).await.job_id;
        assert_eq!(prune(&fixture.store, days(91)).await.jobs, 0);
        assert_eq!(fixture.look(waiting).await.state, JobState::Queued);
        assert_eq!(fixture.upkeep(days(91)).await.expired, 1);
        assert_eq!(prune(&fixture.store, days(91)).await.jobs, 2);
    }

    async fn a_long_history_goes_in_short_steps_oldest_first(fixture) {
        let many = (0..700).map(|number| fixture.accept(fixture.submission(&format!("offer-{number}"))));
        let mut ids: Vec<JobId> = futures_util::future::join_all(many).await.into_iter().map(|job| job.job_id).collect();
        ids.sort();
        while fixture.upkeep(days(1)).await.more {}
        let first = fixture.store.prune(days(91), None).await.unwrap();
        assert_eq!((first.keys, first.jobs), (500, 0));
        let mut from = first.next;
        let (mut keys, mut jobs) = (first.keys, 0);
        while let Some(cursor) = from {
            let step = fixture.store.prune(days(91), Some(cursor)).await.unwrap();
            assert!(step.keys + step.jobs <= 500, "{step:?}");
            if jobs == 0 && step.jobs > 0 {
                assert!(fixture.store.job(fixture.account, Environment::Live, ids[0]).await.unwrap().is_none());
                assert!(fixture.store.job(fixture.account, Environment::Live, ids[699]).await.unwrap().is_some());
            }
            (keys, jobs, from) = (keys + step.keys, jobs + step.jobs, step.next);
        }
        assert_eq!((keys, jobs), (700, 700));
    }

    async fn every_account_has_its_turn(fixture) {
        for number in 0..40 {
            let account = fixture.store.ensure_account(&format!("account {number}"), "unlimited", NOW).await.unwrap().id;
            fixture.accept(fixture.submission_of(account, "a")).await;
        }
        while fixture.upkeep(days(1)).await.more {}
        let pruned = prune(&fixture.store, days(91)).await;
        assert_eq!((pruned.keys, pruned.jobs), (40, 40));
    }

    async fn two_relays_prune_nothing_twice(fixture) {
        for number in 0..30 {
            concluded_job(&fixture, &number.to_string()).await;
        }
        let other = fixture.another_relay().await;
        let (one, two) = tokio::join!(prune(&fixture.store, days(91)), prune(&other, days(91)));
        // Whoever comes while the other is at it does nothing: its next pass will.
        let rest = prune(&other, days(91)).await;
        assert_eq!(one.jobs + two.jobs + rest.jobs, 30);
        assert_eq!(one.keys + two.keys + rest.keys, 30);
        other.close().await;
    }

    async fn a_plan_decides_when_what_of_its_accounts_is_dropped(fixture) {
        let brief = account_with_a_job(&fixture, "a_week").await;
        let long = account_with_a_job(&fixture, "a_decade").await;
        let usual = account_with_a_job(&fixture, "unlimited").await;
        let accounts = [&brief, &long, &usual];
        // What goes on which day: idempotency keys, jobs; and whose jobs are still there then.
        for (day, keys_and_jobs, are_there) in [
            (6, (0, 0), [true, true, true]),
            // A job outlives its key by a day.
            (7, (1, 0), [true, true, true]),
            (8, (0, 1), [false, true, true]),
            (30, (0, 0), [false, true, true]),
            (31, (2, 0), [false, true, true]),
            (90, (0, 0), [false, true, true]),
            // No plan keeps longer than the relay does.
            (91, (0, 2), [false, false, false]),
        ] {
            let pruned = prune(&fixture.store, days(day)).await;
            assert_eq!((pruned.keys, pruned.jobs), keys_and_jobs, "on day {day}");
            for (account, is_there) in accounts.iter().zip(are_there) {
                let job = fixture.store.job(account.id, Environment::Live, account.job).await.unwrap();
                assert_eq!(job.is_some(), is_there, "{} on day {day}", account.plan);
                let name = ("platform_api".to_owned(), "a".to_owned());
                let row = fixture.store.row((account.id, Environment::Live), name, days(day)).await.unwrap().unwrap();
                assert_eq!(row.conclusion, Some(Conclusion::HttpGone), "a row keeps what it said");
            }
        }
    }

    async fn an_account_that_gets_another_plan_is_kept_by_that_one(fixture) {
        let account = account_with_a_job(&fixture, "a_decade").await;
        prune(&fixture.store, days(20)).await;
        let job = async || fixture.store.job(account.id, Environment::Live, account.job).await.unwrap();
        assert!(job().await.is_some());
        fixture.store.set_plan(account.id, "a_week", Actor::Machine, days(20)).await.unwrap();
        assert_eq!(prune(&fixture.store, days(20)).await.jobs, 1);
        assert!(job().await.is_none());
    }

    async fn usage_goes_after_two_years(fixture) {
        concluded_job(&fixture, "a").await;
        let used = async || fixture.used(fixture.account, Environment::Live, NOW).await;
        prune(&fixture.store, days(730)).await;
        assert_eq!(used().await, 1);
        prune(&fixture.store, days(770)).await;
        assert_eq!(used().await, 0);
    }
}

/// An account with one job, concluded on the first day.
struct Kept {
    plan: &'static str,
    id: AccountId,
    job: JobId,
}

async fn account_with_a_job(fixture: &Fixture, plan: &'static str) -> Kept {
    let id = fixture.store.ensure_account(&format!("of {plan}"), plan, NOW).await.unwrap().id;
    let job = fixture.accept(fixture.submission_of(id, "a")).await.job_id;
    let device = fixture.device_of(id).await;
    let leased = fixture.store.pull(Pull::by(device).into_order(id)).await.unwrap().jobs.remove(0);
    let results = vec![of(&leased, concluded(Conclusion::HttpGone, NOW))];
    fixture.store.pull(Pull::by(device).max(0).results(results).into_order(id)).await.unwrap();
    Kept { plan, id, job }
}

/// A whole pass over all accounts.
async fn prune(store: &Store, at: UnixMillis) -> Pruned {
    let mut all = Pruned::default();
    loop {
        let step = store.prune(at, all.next).await.unwrap();
        all = Pruned { keys: all.keys + step.keys, jobs: all.jobs + step.jobs, next: step.next };
        if all.next.is_none() {
            return all;
        }
    }
}

async fn concluded_job(fixture: &Fixture, name: &str) -> JobId {
    let job_id = fixture.job(name).await;
    let device = fixture.device().await;
    let leased = fixture.lease(device, NOW).await;
    fixture.report(device, vec![of(&leased, concluded(Conclusion::HttpGone, NOW))], NOW).await;
    job_id
}

async fn row(fixture: &Fixture, name: &str) -> protocol::Row {
    let key = ("platform_api".to_owned(), name.to_owned());
    fixture.store.row((fixture.account, Environment::Live), key, days(91)).await.unwrap().unwrap()
}
