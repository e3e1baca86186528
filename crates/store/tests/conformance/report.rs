//! A result takes effect exactly once, under the fence that it was made under.

use domain::audit::Actor;
use protocol::device::Outcome;
use protocol::{Conclusion, Environment, JobId, JobState};

use crate::admin::tamper;
use crate::words::{NOW, Pull, after, concluded, of, valid};

on_every_database! {
    async fn a_result_concludes_its_job_with_its_evidence(fixture) {
        let job_id = fixture.job("a").await;
        let device = fixture.device().await;
        let leased = fixture.lease(device, NOW).await;
        assert_eq!(fixture.report(device, vec![of(&leased, concluded(Conclusion::HttpGone, after(3)))], after(4)).await, [Outcome::Applied]);
        let job = fixture.look(job_id).await;
        assert_eq!(job.state, JobState::Concluded);
        let result: protocol::JobResult = serde_json::from_str(&job.result.unwrap()).unwrap();
        assert_eq!(result, concluded(Conclusion::HttpGone, after(3)));
    }

    async fn the_same_report_again_is_a_duplicate_and_changes_nothing(fixture) {
        let job_id = fixture.job("a").await;
        let device = fixture.device().await;
        let leased = fixture.lease(device, NOW).await;
        fixture.report(device, vec![of(&leased, valid(NOW))], NOW).await;
        let before = fixture.look(job_id).await;
        let other = concluded(Conclusion::HttpGone, NOW);
        assert_eq!(fixture.report(device, vec![of(&leased, other)], after(9)).await, [Outcome::Duplicate]);
        assert_eq!(fixture.look(job_id).await, before);
    }

    async fn a_late_report_after_the_lease_moved_is_superseded(fixture) {
        let job_id = fixture.job("a").await;
        let [slow, quick] = [fixture.device().await, fixture.device().await];
        let first = fixture.lease(slow, NOW).await;
        fixture.upkeep(after(15)).await;
        assert_eq!(fixture.report(slow, vec![of(&first, valid(NOW))], after(16)).await, [Outcome::Superseded], "taken back");
        let second = fixture.lease(quick, after(17)).await;
        assert!(second.fence > first.fence);
        assert_eq!(fixture.report(slow, vec![of(&first, valid(NOW))], after(18)).await, [Outcome::Superseded], "another holds it");
        assert_eq!(fixture.report(quick, vec![of(&second, concluded(Conclusion::HttpGone, NOW))], after(19)).await, [Outcome::Applied]);
        assert_eq!(fixture.report(slow, vec![of(&first, valid(NOW))], after(20)).await, [Outcome::Superseded], "another ended it");
        let result = fixture.look(job_id).await.result.unwrap();
        assert!(result.contains("http_gone"), "{result}");
    }

    async fn a_report_after_the_lease_ran_out_counts_while_nobody_has_taken_the_job(fixture) {
        let job_id = fixture.job("a").await;
        let device = fixture.device().await;
        let leased = fixture.lease(device, NOW).await;
        assert_eq!(fixture.report(device, vec![of(&leased, valid(NOW))], after(1_000)).await, [Outcome::Applied]);
        assert_eq!(fixture.look(job_id).await.state, JobState::Concluded);
    }

    async fn only_the_holder_can_report_under_its_fence(fixture) {
        fixture.job("a").await;
        let [holder, other] = [fixture.device().await, fixture.device().await];
        let leased = fixture.lease(holder, NOW).await;
        assert_eq!(fixture.report(other, vec![of(&leased, valid(NOW))], NOW).await, [Outcome::Superseded]);
        let mut ahead = leased.clone();
        ahead.fence += 1;
        assert_eq!(fixture.report(holder, vec![of(&ahead, valid(NOW))], NOW).await, [Outcome::Superseded]);
        assert_eq!(fixture.report(holder, vec![of(&leased, valid(NOW))], NOW).await, [Outcome::Applied]);
        assert_eq!(fixture.report(other, vec![of(&leased, valid(NOW))], NOW).await, [Outcome::Superseded]);
    }

    async fn a_report_on_a_cancelled_job_is_superseded(fixture) {
        let job_id = fixture.job("a").await;
        let device = fixture.device().await;
        let leased = fixture.lease(device, NOW).await;
        fixture.store.cancel(fixture.account, Environment::Live, job_id, Actor::Machine, NOW).await.unwrap();
        assert_eq!(fixture.report(device, vec![of(&leased, valid(NOW))], NOW).await, [Outcome::Superseded]);
        assert_eq!(fixture.look(job_id).await.state, JobState::Cancelled);
    }

    async fn a_report_on_a_job_that_does_not_exist_is_unknown(fixture) {
        fixture.job("a").await;
        let device = fixture.device().await;
        let mut leased = fixture.lease(device, NOW).await;
        leased.job_id = JobId::random(NOW);
        assert_eq!(fixture.report(device, vec![of(&leased, valid(NOW))], NOW).await, [Outcome::Unknown]);
    }

    async fn outcomes_stand_in_the_order_of_the_results(fixture) {
        fixture.jobs(4).await;
        let device = fixture.device().await;
        let jobs = fixture.pull(Pull::by(device)).await.jobs;
        fixture.report(device, vec![of(&jobs[2], valid(NOW))], NOW).await;
        let mut unknown = jobs[0].clone();
        unknown.job_id = JobId::random(NOW);
        let mut stale = jobs[3].clone();
        stale.fence = 0;
        let results = [&unknown, &jobs[1], &jobs[2], &jobs[1], &stale, &jobs[0]].map(|job| of(job, valid(NOW)));
        let outcomes = fixture.report(device, results.into(), NOW).await;
        use Outcome::{Applied, Duplicate, Superseded, Unknown};
        assert_eq!(outcomes, [Unknown, Applied, Duplicate, Duplicate, Superseded, Applied]);
    }

    async fn whichever_of_two_results_for_one_lease_comes_first_counts(fixture) {
        let job_id = fixture.job("a").await;
        let device = fixture.device().await;
        let leased = fixture.lease(device, NOW).await;
        let mut stale = leased.clone();
        stale.fence += 7;
        let results = vec![of(&stale, concluded(Conclusion::HttpGone, NOW)), of(&leased, valid(NOW))];
        assert_eq!(fixture.report(device, results, NOW).await, [Outcome::Superseded, Outcome::Applied]);
        assert_eq!(fixture.look(job_id).await.state, JobState::Concluded);
    }

    async fn an_empty_report_has_no_outcomes(fixture) {
        let device = fixture.device().await;
        assert_eq!(fixture.report(device, vec![], NOW).await, []);
    }

    async fn whoever_waits_for_the_end_hears_of_it(fixture) {
        let job_id = fixture.job("a").await;
        let device = fixture.device().await;
        let leased = fixture.lease(device, NOW).await;
        let watch = fixture.store.watch_ended(job_id);
        let ended = watch.listen();
        fixture.report(device, vec![of(&leased, valid(NOW))], NOW).await;
        ended.await;
    }

    async fn a_lease_of_an_earlier_version_does_not_know_what_its_job_is_about(fixture) {
        let jobs = fixture.jobs(2).await;
        let device = fixture.device().await;
        let leased = fixture.pull(Pull::by(device)).await.jobs;
        tamper(&fixture.database, "UPDATE leased SET source = NULL, row_id = NULL, checked_hash = NULL, context = NULL");
        let results = leased.iter().map(|job| of(job, valid(NOW))).collect();
        assert_eq!(fixture.report(device, results, NOW).await, [Outcome::Applied; 2]);
        for job in jobs {
            assert_eq!(fixture.look(job).await.state, JobState::Concluded);
        }
    }
}
