//! What time does to jobs: every job ends, whatever dies on the way.

use protocol::{Conclusion, DeviceId, JobId, JobResult, JobState};
use store::Upkeep;

use crate::fixture::Fixture;
use crate::words::{NOW, Pull, after, ids};

on_every_database! {
    async fn nothing_to_do_is_nothing_done(fixture) {
        fixture.jobs(3).await;
        assert_eq!(fixture.upkeep(NOW).await, Upkeep::default());
    }

    async fn a_lease_that_ended_is_taken_back_and_waits_out_its_backoff(fixture) {
        let job_id = fixture.job("a").await;
        let device = fixture.device().await;
        fixture.lease_and_take_up(device, NOW).await;
        assert_eq!(fixture.upkeep(after(60)).await.reclaimed, 1);
        assert_eq!(fixture.look(job_id).await.state, JobState::Queued);
        assert_eq!(fixture.pull(Pull::by(device).at(after(60))).await.jobs, [], "not at once");
        // The first backoff is 1 to 2 s.
        assert_eq!(fixture.upkeep(after(62)).await.due, 1);
        let again = fixture.lease(device, after(62)).await;
        assert_eq!((again.job_id, again.fence), (job_id, 2));
    }

    async fn a_lease_that_nobody_took_up_is_ready_again_at_once_and_costs_no_attempt(fixture) {
        let job_id = fixture.job("a").await;
        let device = fixture.device().await;
        // More often than a job has attempts.
        for round in 0..8 {
            let at = after(round * 15);
            assert_eq!(fixture.lease(device, at).await.job_id, job_id, "round {round}");
            assert_eq!(fixture.upkeep(at.plus_seconds(15)).await.reclaimed, 1);
        }
        assert_eq!(fixture.look(job_id).await.state, JobState::Queued);
    }

    async fn five_attempts_without_a_result_end_the_job_as_not_executed(fixture) {
        let job_id = fixture.job("a").await;
        let device = fixture.device().await;
        let mut now = NOW;
        for attempt in 1..=5 {
            assert_eq!(fixture.lease_and_take_up(device, now).await.fence, attempt);
            now = now.plus_seconds(60);
            assert_eq!(fixture.upkeep(now).await.reclaimed, 1);
            now = now.plus_seconds(32); // longer than the fourth backoff
            fixture.upkeep(now).await;
        }
        let result = result_of(&fixture, job_id).await;
        assert_eq!((result.conclusion, result.hops.len()), (Conclusion::NotExecuted, 0));
        assert!(result.detail.contains("5 times"), "{}", result.detail);
        assert_eq!(fixture.pull(Pull::by(device).at(now)).await.jobs, []);
    }

    async fn a_deadline_ends_a_job_wherever_it_is(fixture) {
        let device = fixture.device().await;
        let delayed = fixture.accept(fixture.submission("delayed").deadline(61)).await.job_id;
        fixture.lease_and_take_up(device, NOW).await;
        assert_eq!(fixture.upkeep(after(60)).await.reclaimed, 1);
        let leased = fixture.accept(fixture.submission("leased").deadline(61)).await.job_id;
        fixture.lease_and_take_up(device, after(60)).await;
        let queued = fixture.accept(fixture.submission("queued").deadline(61)).await.job_id;
        let elsewhere = fixture.job("lives on").await;
        fixture.upkeep(after(61)).await;
        fixture.upkeep(after(62)).await;
        for job_id in [delayed, leased, queued] {
            let result = result_of(&fixture, job_id).await;
            assert_eq!(result.conclusion, Conclusion::NotExecuted);
            assert!(result.detail.contains("deadline"), "{}", result.detail);
        }
        assert_eq!(fixture.look(elsewhere).await.state, JobState::Queued);
    }

    async fn a_job_that_ends_by_time_is_told_to_whoever_waits(fixture) {
        let job = fixture.accept(fixture.submission("a").deadline(30)).await;
        let watch = fixture.store.watch_ended(job.job_id);
        let ended = watch.listen();
        fixture.upkeep(after(30)).await;
        ended.await;
    }

    async fn jobs_that_one_desktop_held_do_not_all_come_back_together(fixture) {
        let device = fixture.device().await;
        fixture.jobs(64).await;
        let jobs = fixture.pull(Pull::by(device).max(64)).await.jobs;
        fixture.pull(Pull::by(device).max(0).running(&jobs.iter().collect::<Vec<_>>())).await;
        assert_eq!(fixture.upkeep(after(60)).await.reclaimed, 64);
        let halfway = fixture.store.upkeep(after(61).plus_millis(500), 0.0).await.unwrap().due;
        let rest = fixture.store.upkeep(after(62), 0.0).await.unwrap().due;
        assert_eq!(halfway + rest, 64);
        assert!((8..=56).contains(&halfway), "{halfway} of 64 in the first half of the spread");
    }

    async fn one_step_does_a_bounded_amount_and_says_when_there_is_more(fixture) {
        let device = fixture.device().await;
        let submissions: Vec<_> = (0..600).map(|number| fixture.submission(&format!("offer-{number}"))).collect();
        futures_util::future::join_all(submissions.into_iter().map(|submission| fixture.accept(submission))).await;
        for _ in 0..6 {
            assert_eq!(fixture.pull(Pull::by(device).max(100)).await.jobs.len(), 100);
        }
        let first = fixture.upkeep(after(15)).await;
        assert_eq!((first.reclaimed, first.more), (500, true));
        let second = fixture.upkeep(after(15)).await;
        assert_eq!((second.reclaimed, second.more), (100, false));
    }

    async fn what_two_relays_do_at_once_happens_once(fixture) {
        fixture.jobs(20).await;
        let device = fixture.device().await;
        fixture.pull(Pull::by(device).max(20)).await;
        let steps = (0..4).map(|_| fixture.upkeep(after(15)));
        let done = futures_util::future::join_all(steps).await;
        assert_eq!(done.iter().map(|step| step.reclaimed).sum::<usize>(), 20);
        assert_eq!(ids(&fixture.pull(Pull::by(device).max(100).at(after(15))).await.jobs).len(), 20);
    }

    async fn a_desktop_that_renews_in_time_keeps_its_job(fixture) {
        let job_id = fixture.job("a").await;
        let device = fixture.device().await;
        let leased = fixture.lease_and_take_up(device, NOW).await;
        for minute in 0..10 {
            let at = after(minute * 50 + 50);
            assert_eq!(fixture.upkeep(at).await.reclaimed, 0);
            assert_eq!(fixture.pull(Pull::by(device).max(0).running(&[&leased]).at(at)).await.lost, []);
        }
        assert_eq!(held_by(&fixture, device, job_id).await, 1);
    }
}

async fn result_of(fixture: &Fixture, job_id: JobId) -> JobResult {
    let job = fixture.look(job_id).await;
    assert_eq!(job.state, JobState::Concluded);
    serde_json::from_str(&job.result.unwrap()).unwrap()
}

/// How many leases of this job the device could give back.
async fn held_by(fixture: &Fixture, device: DeviceId, job_id: JobId) -> u32 {
    let held = vec![protocol::device::HeldJob { job_id, fence: 1 }];
    fixture.store.release(fixture.account, device, held, NOW).await.unwrap()
}
