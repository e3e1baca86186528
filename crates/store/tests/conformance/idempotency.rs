//! The same logical job again: one job, whatever happens on the way to the answer.

use domain::Plans;
use domain::audit::Actor;
use protocol::device::Outcome;
use protocol::{Environment, JobState};
use store::{Admission, JobRecord};

use crate::words::{NOW, Submission, after, of, valid};

on_every_database! {
    async fn the_same_request_again_is_answered_with_the_first_job(fixture) {
        let first = fixture.accept(fixture.submission("offer-1")).await;
        let again = fixture.admit(fixture.submission("offer-1").at(after(60))).await;
        assert_eq!(again, Admission::Replayed(Box::new(first)));
        assert_eq!(fixture.used(fixture.account, Environment::Live, NOW).await, 1);
    }

    async fn a_replay_tells_how_the_job_is_now(fixture) {
        let job_id = fixture.job("offer-1").await;
        let device = fixture.device().await;
        let leased = fixture.lease(device, NOW).await;
        assert_eq!(replayed(fixture.admit(fixture.submission("offer-1")).await).state, JobState::Leased);
        assert_eq!(fixture.report(device, vec![of(&leased, valid(NOW))], NOW).await, [Outcome::Applied]);
        let concluded = replayed(fixture.admit(fixture.submission("offer-1")).await);
        assert_eq!((concluded.job_id, concluded.state), (job_id, JobState::Concluded));
        let result: protocol::JobResult = serde_json::from_str(&concluded.result.unwrap()).unwrap();
        assert_eq!(result, valid(NOW));
    }

    async fn another_payload_under_the_same_key_is_told_which_job_has_it(fixture) {
        let first = fixture.job("offer-1").await;
        for other in [
            fixture.submission("offer-1").url("https://trk.example/other"),
            fixture.submission("offer-1").row("another-row"),
            fixture.submission("offer-1").expecting("shop.example"),
            fixture.submission("offer-1").deadline(60),
        ] {
            assert_eq!(fixture.admit(other).await, Admission::IdempotencyMismatch { first });
        }
    }

    async fn live_and_test_and_other_accounts_have_keys_of_their_own(fixture) {
        let other = fixture.account_on("ten_a_month").await;
        let live = fixture.job("offer-1").await;
        let test = fixture.accept(fixture.submission("offer-1").test_environment()).await;
        let others = fixture.accept(fixture.submission_of(other, "offer-1")).await;
        assert_eq!(test.environment, Environment::Test);
        assert!(live != test.job_id && live != others.job_id);
        let again = replayed(fixture.admit(fixture.submission("offer-1").test_environment()).await);
        assert_eq!((again.job_id, again.environment), (test.job_id, Environment::Test));
    }

    async fn equal_requests_in_flight_at_once_make_one_job_and_all_get_it(fixture) {
        let submissions: Vec<Submission> = (0..64).map(|_| fixture.submission("offer-1")).collect();
        let answers = futures_util::future::join_all(submissions.into_iter().map(|submission| fixture.admit(submission))).await;
        let accepted = answers.iter().filter(|answer| matches!(answer, Admission::Accepted(_))).count();
        let ids: std::collections::BTreeSet<_> = answers.into_iter().map(|answer| job(answer).job_id).collect();
        assert_eq!((accepted, ids.len()), (1, 1));
        assert_eq!(fixture.used(fixture.account, Environment::Live, NOW).await, 1);
    }

    async fn unequal_requests_in_flight_at_once_make_one_job_and_the_others_are_told(fixture) {
        let submissions: Vec<Submission> =
            (0..32).map(|number| fixture.submission("offer-1").url(&format!("https://trk.example/{number}"))).collect();
        let answers = futures_util::future::join_all(submissions.into_iter().map(|submission| fixture.admit(submission))).await;
        let first = answers.iter().find_map(|answer| if let Admission::Accepted(job) = answer { Some(job.job_id) } else { None }).unwrap();
        assert_eq!(answers.iter().filter(|answer| **answer == Admission::IdempotencyMismatch { first }).count(), 31);
    }

    async fn a_replay_needs_neither_plan_nor_quota(fixture) {
        let account = fixture.account_on("ten_a_month").await;
        for number in 0..10 {
            fixture.accept(fixture.submission_of(account, &format!("offer-{number}"))).await;
        }
        assert_eq!(fixture.admit(fixture.submission_of(account, "offer-10")).await, Admission::QuotaExceeded);
        replayed(fixture.admit(fixture.submission_of(account, "offer-3")).await);
        fixture.store.set_plan(account, "shell_only", Actor::Machine, NOW).await.unwrap();
        replayed(fixture.admit(fixture.submission_of(account, "offer-3")).await);
    }

    async fn a_refused_request_does_not_take_its_key(fixture) {
        let account = fixture.account_on("shell_only").await;
        assert_eq!(fixture.admit(fixture.submission_of(account, "a")).await, Admission::PlanRequired);
        fixture.store.set_plan(account, Plans::UNLIMITED, Actor::Machine, NOW).await.unwrap();
        let other_payload = fixture.submission_of(account, "a").url("https://trk.example/other");
        assert!(matches!(fixture.admit(other_payload).await, Admission::Accepted(_)));
    }

    async fn keys_are_remembered_over_a_restart(fixture) {
        let mut fixture = fixture;
        let first = fixture.job("offer-1").await;
        fixture.restart().await;
        assert_eq!(replayed(fixture.admit(fixture.submission("offer-1")).await).job_id, first);
    }

    async fn a_cancelled_job_keeps_its_key(fixture) {
        let first = fixture.job("offer-1").await;
        fixture.store.cancel(fixture.account, Environment::Live, first, Actor::Machine, NOW).await.unwrap();
        assert_eq!(replayed(fixture.admit(fixture.submission("offer-1")).await).state, JobState::Cancelled);
    }
}

fn replayed(admission: Admission) -> JobRecord {
    match admission {
        Admission::Replayed(job) => *job,
        other => panic!("not replayed but {other:?}"),
    }
}

fn job(admission: Admission) -> JobRecord {
    match admission {
        Admission::Accepted(job) | Admission::Replayed(job) => *job,
        other => panic!("no job but {other:?}"),
    }
}
