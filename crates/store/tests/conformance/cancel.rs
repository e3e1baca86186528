//! A caller takes its wish back.

use domain::audit::Actor;
use protocol::{Environment, JobId, JobState};
use store::Cancelled;

use crate::fixture::Fixture;
use crate::words::{NOW, Pull, after, of, valid};

on_every_database! {
    async fn a_queued_job_is_cancelled_and_never_leased(fixture) {
        let job_id = fixture.job("a").await;
        let Cancelled::Done(job) = cancel(&fixture, job_id).await else { panic!() };
        assert_eq!((job.job_id, job.state), (job_id, JobState::Cancelled));
        assert_eq!(fixture.look(job_id).await, *job);
        let device = fixture.device().await;
        assert_eq!(fixture.pull(Pull::by(device)).await.jobs, []);
        assert_eq!(fixture.upkeep(after(100_000)).await.expired, 0);
    }

    async fn a_leased_job_is_cancelled_and_its_desktop_told_at_its_next_pull(fixture) {
        let job_id = fixture.job("a").await;
        let device = fixture.device().await;
        let leased = fixture.lease(device, NOW).await;
        assert!(matches!(cancel(&fixture, job_id).await, Cancelled::Done(_)));
        assert_eq!(fixture.pull(Pull::by(device).running(&[&leased])).await.lost, [job_id]);
        assert_eq!(fixture.upkeep(after(15)).await.reclaimed, 0);
    }

    async fn a_job_that_waits_out_its_backoff_is_cancelled(fixture) {
        let job_id = fixture.job("a").await;
        let device = fixture.device().await;
        fixture.lease_and_take_up(device, NOW).await;
        assert_eq!(fixture.upkeep(after(60)).await.reclaimed, 1);
        assert!(matches!(cancel(&fixture, job_id).await, Cancelled::Done(_)));
        assert_eq!(fixture.used(fixture.account, Environment::Live, NOW).await, 0, "it waited: its fetch is given back");
        assert_eq!(fixture.upkeep(after(90)).await.due, 0);
        assert_eq!(fixture.pull(Pull::by(device).at(after(90))).await.jobs, []);
    }

    async fn cancelling_again_is_harmless(fixture) {
        let job_id = fixture.job("a").await;
        let first = cancel(&fixture, job_id).await;
        assert_eq!(cancel(&fixture, job_id).await, first);
    }

    async fn a_concluded_job_cannot_be_cancelled(fixture) {
        let job_id = fixture.job("a").await;
        let device = fixture.device().await;
        let leased = fixture.lease(device, NOW).await;
        fixture.report(device, vec![of(&leased, valid(NOW))], NOW).await;
        assert_eq!(cancel(&fixture, job_id).await, Cancelled::AlreadyConcluded);
        assert_eq!(fixture.look(job_id).await.state, JobState::Concluded);
    }

    async fn a_job_that_is_not_there_or_of_the_other_environment_is_unknown(fixture) {
        let job_id = fixture.job("a").await;
        assert_eq!(cancel(&fixture, JobId::random(NOW)).await, Cancelled::Unknown);
        let elsewhere = fixture.store.cancel(fixture.account, Environment::Test, job_id, Actor::Machine, NOW).await.unwrap();
        assert_eq!(elsewhere, Cancelled::Unknown);
        assert_eq!(fixture.look(job_id).await.state, JobState::Queued);
    }

    async fn whoever_waits_for_the_end_hears_of_it(fixture) {
        let job_id = fixture.job("a").await;
        let watch = fixture.store.watch_ended(job_id);
        let ended = watch.listen();
        cancel(&fixture, job_id).await;
        ended.await;
    }

    async fn of_a_cancellation_and_a_result_at_once_one_wins(fixture) {
        for round in 0..20 {
            let job_id = fixture.job(&format!("offer-{round}")).await;
            let device = fixture.device().await;
            let leased = fixture.lease(device, NOW).await;
            let (cancelled, outcomes) = tokio::join!(cancel(&fixture, job_id), fixture.report(device, vec![of(&leased, valid(NOW))], NOW));
            let job = fixture.look(job_id).await;
            match cancelled {
                Cancelled::Done(_) => {
                    assert_eq!((job.state, outcomes), (JobState::Cancelled, vec![protocol::device::Outcome::Superseded]));
                }
                Cancelled::AlreadyConcluded => {
                    assert_eq!((job.state, outcomes), (JobState::Concluded, vec![protocol::device::Outcome::Applied]));
                }
                Cancelled::Unknown => panic!("the job is there"),
            }
        }
    }
}

async fn cancel(fixture: &Fixture, job_id: JobId) -> Cancelled {
    fixture.store.cancel(fixture.account, Environment::Live, job_id, Actor::Machine, NOW).await.unwrap()
}
