//! Fetches a calendar month: counted exactly, by whoever was accepted.

use domain::audit::Actor;
use protocol::{AccountId, Environment, UnixMillis};
use store::{Admission, Cancelled};

use crate::fixture::Fixture;
use crate::words::{NOW, Pull, Submission, after};

on_every_database! {
    async fn the_eleventh_of_ten_is_refused_and_stores_nothing(fixture) {
        let account = fixture.account_on("ten_a_month").await;
        for number in 0..10 {
            fixture.accept(fixture.submission_of(account, &format!("offer-{number}"))).await;
        }
        let refused = fixture.answer(fixture.submission_of(account, "offer-10")).await;
        assert_eq!((refused.admission, refused.standing.used), (Admission::QuotaExceeded, 10));
        assert_eq!(fixture.used(account, Environment::Live, NOW).await, 10);
    }

    async fn of_many_at_once_exactly_as_many_are_accepted_as_the_quota_has_left(fixture) {
        let account = fixture.account_on("ten_a_month").await;
        let submissions = (0..64).map(|number| fixture.submission_of(account, &format!("offer-{number}")));
        let answers = admit_all(&fixture, submissions).await;
        assert_eq!(count(&answers), (10, 54));
        assert_eq!(fixture.used(account, Environment::Live, NOW).await, 10);
    }

    async fn a_new_month_begins_anew_and_the_old_one_stays_counted(fixture) {
        let account = fixture.account_on("ten_a_month").await;
        let (last_of_may, first_of_june) = (at("2026-05-31T23:59:59.999Z"), at("2026-06-01T00:00:00Z"));
        let answers = admit_all(&fixture, month_of(&fixture, account, "may", last_of_may, 12)).await;
        assert_eq!(count(&answers), (10, 2));
        let answers = admit_all(&fixture, month_of(&fixture, account, "june", first_of_june, 12)).await;
        assert_eq!(count(&answers), (10, 2));
        assert_eq!(fixture.used(account, Environment::Live, last_of_may).await, 10);
        assert_eq!(fixture.used(account, Environment::Live, first_of_june).await, 10);
    }

    async fn a_batch_over_midnight_counts_each_request_to_the_month_in_which_it_came(fixture) {
        let account = fixture.account_on("ten_a_month").await;
        let (last_of_may, first_of_june) = (at("2026-05-31T23:59:59.999Z"), at("2026-06-01T00:00:00Z"));
        admit_all(&fixture, month_of(&fixture, account, "before", last_of_may, 8)).await;
        // Both months in one batch: they queue while writes are held.
        let held = fixture.database.hold_writes().await;
        let waiting = admit_all(
            &fixture,
            month_of(&fixture, account, "may", last_of_may, 6).chain(month_of(&fixture, account, "june", first_of_june, 12)),
        );
        let (answers, ()) = tokio::join!(waiting, held.release());
        assert_eq!(count(&answers[..6]), (2, 4), "two were left of May");
        assert_eq!(count(&answers[6..]), (10, 2), "June has ten");
        assert_eq!(fixture.used(account, Environment::Live, last_of_may).await, 10);
        assert_eq!(fixture.used(account, Environment::Live, first_of_june).await, 10);
    }

    async fn live_and_test_are_counted_apart(fixture) {
        let account = fixture.account_on("ten_a_month").await;
        let live = (0..10).map(|number| fixture.submission_of(account, &format!("live-{number}")));
        let test = (0..11).map(|number| fixture.submission_of(account, &format!("test-{number}")).test_environment());
        assert_eq!(count(&admit_all(&fixture, live).await), (10, 0));
        assert_eq!(count(&admit_all(&fixture, test).await), (10, 1));
    }

    async fn cancelling_a_queued_job_gives_its_fetch_back(fixture) {
        let account = fixture.account_on("ten_a_month").await;
        let job = fixture.accept(fixture.submission_of(account, "a")).await;
        let cancelled = fixture.store.cancel(account, Environment::Live, job.job_id, Actor::Machine, after(5)).await.unwrap();
        assert!(matches!(cancelled, Cancelled::Done(_)));
        assert_eq!(fixture.used(account, Environment::Live, NOW).await, 0);
        fixture.store.cancel(account, Environment::Live, job.job_id, Actor::Machine, after(6)).await.unwrap();
        assert_eq!(fixture.used(account, Environment::Live, NOW).await, 0, "once");
    }

    async fn a_fetch_is_given_back_to_the_month_that_paid_for_it(fixture) {
        let account = fixture.account_on("ten_a_month").await;
        let (last_of_may, first_of_june) = (at("2026-05-31T23:59:59.999Z"), at("2026-06-01T00:00:00Z"));
        let job = fixture.accept(fixture.submission_of(account, "a").at(last_of_may)).await;
        fixture.accept(fixture.submission_of(account, "b").at(first_of_june)).await;
        fixture.store.cancel(account, Environment::Live, job.job_id, Actor::Machine, first_of_june).await.unwrap();
        assert_eq!(fixture.used(account, Environment::Live, last_of_may).await, 0);
        assert_eq!(fixture.used(account, Environment::Live, first_of_june).await, 1);
    }

    async fn cancelling_a_leased_job_gives_nothing_back(fixture) {
        let job_id = fixture.job("a").await;
        let device = fixture.device().await;
        assert_eq!(fixture.pull(Pull::by(device)).await.jobs.len(), 1);
        fixture.store.cancel(fixture.account, Environment::Live, job_id, Actor::Machine, NOW).await.unwrap();
        assert_eq!(fixture.used(fixture.account, Environment::Live, NOW).await, 1);
    }
}

fn at(text: &str) -> UnixMillis {
    text.parse().unwrap()
}

fn month_of<'f>(
    fixture: &'f Fixture,
    account: AccountId,
    name: &'f str,
    at: UnixMillis,
    count: u32,
) -> impl Iterator<Item = Submission> + 'f {
    (0..count).map(move |number| fixture.submission_of(account, &format!("{name}-{number}")).at(at))
}

async fn admit_all(fixture: &Fixture, submissions: impl Iterator<Item = Submission>) -> Vec<Admission> {
    futures_util::future::join_all(submissions.map(|submission| fixture.admit(submission))).await
}

/// How many were accepted, and how many were over quota; there must be no other answer.
fn count(answers: &[Admission]) -> (usize, usize) {
    let accepted = answers.iter().filter(|answer| matches!(answer, Admission::Accepted(_))).count();
    let refused = answers.iter().filter(|answer| **answer == Admission::QuotaExceeded).count();
    assert_eq!(accepted + refused, answers.len(), "{answers:?}");
    (accepted, refused)
}
