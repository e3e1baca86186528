//! From a verified request to a durable job, or to a refusal that leaves nothing behind.

use domain::Plans;
use domain::audit::Actor;
use protocol::{Environment, JobState};
use store::{Admission, JobFilter};

use crate::fixture::Fixture;
use crate::words::{NOW, Submission, after};

on_every_database! {
    async fn an_accepted_request_is_a_queued_job_and_its_row(fixture) {
        let job = fixture.accept(fixture.submission("offer-1").url("https://trk.example/z").deadline(3_600)).await;
        assert_eq!((job.state, job.environment), (JobState::Queued, Environment::Live));
        assert_eq!((job.tracking_url.as_str(), job.row_id.as_str()), ("https://trk.example/z", "offer-1"));
        assert_eq!((job.created_at, job.expires_at, job.result.as_deref()), (NOW, after(3_600), None));
        assert_eq!(fixture.look(job.job_id).await, job, "what was answered is what is stored");

        let row = fixture.store.row((fixture.account, Environment::Live), key("offer-1"), NOW).await.unwrap().unwrap();
        assert_eq!((row.tracking_url.as_str(), row.job_id), ("https://trk.example/z", Some(job.job_id)));
    }

    async fn what_was_accepted_survives_a_restart(fixture) {
        let mut fixture = fixture;
        let job = fixture.accept(fixture.submission("offer-1")).await;
        fixture.restart().await;
        assert_eq!(fixture.look(job.job_id).await, job);
    }

    async fn the_answer_tells_how_the_account_stands(fixture) {
        let account = fixture.account_on("ten_a_month").await;
        let standing = fixture.answer(fixture.submission_of(account, "a")).await.standing;
        assert_eq!((standing.used, standing.limit, standing.remaining()), (1, Some(10), Some(9)));
        let unlimited = fixture.answer(fixture.submission("a")).await.standing;
        assert_eq!((unlimited.used, unlimited.limit), (1, None));
    }

    async fn a_plan_without_signed_requests_admits_none_and_keeps_nothing(fixture) {
        let account = fixture.account_on("shell_only").await;
        assert_eq!(fixture.admit(fixture.submission_of(account, "a")).await, Admission::PlanRequired);
        assert_nothing_of(&fixture, account).await;
    }

    async fn an_account_that_nobody_made_is_refused_like_one_without_a_plan(fixture) {
        let nobody = protocol::AccountId::random(NOW);
        assert_eq!(fixture.admit(fixture.submission_of(nobody, "a")).await, Admission::PlanRequired);
    }

    async fn another_plan_takes_effect_with_the_next_request(fixture) {
        let account = fixture.account_on("shell_only").await;
        fixture.store.set_plan(account, Plans::UNLIMITED, Actor::Machine, NOW).await.unwrap();
        assert!(matches!(fixture.admit(fixture.submission_of(account, "a")).await, Admission::Accepted(_)));
        fixture.store.set_plan(account, "shell_only", Actor::Machine, NOW).await.unwrap();
        assert_eq!(fixture.admit(fixture.submission_of(account, "b")).await, Admission::PlanRequired);
    }

    async fn many_at_once_are_all_admitted_each_with_a_job_of_its_own(fixture) {
        let submissions: Vec<Submission> = (0..300).map(|number| fixture.submission(&format!("offer-{number}"))).collect();
        let jobs = futures_util::future::join_all(submissions.into_iter().map(|submission| fixture.accept(submission))).await;
        let mut ids: Vec<_> = jobs.iter().map(|job| job.job_id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 300);
        for job in jobs {
            assert_eq!(fixture.look(job.job_id).await, job);
        }
        assert_eq!(fixture.used(fixture.account, Environment::Live, NOW).await, 300);
    }
}

fn key(row_id: &str) -> (String, String) {
    ("platform_api".to_owned(), row_id.to_owned())
}

async fn assert_nothing_of(fixture: &Fixture, account: protocol::AccountId) {
    let environment = Environment::Live;
    let everything = JobFilter::all_of(account, environment, 200);
    assert_eq!(fixture.store.jobs(everything).await.unwrap().jobs, []);
    assert_eq!(fixture.store.row((account, environment), key("a"), NOW).await.unwrap(), None);
    assert_eq!(fixture.used(account, environment, NOW).await, 0);
}
