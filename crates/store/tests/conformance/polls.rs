//! An answer can be lost on the way: the same poll again returns the same leases.

use protocol::{JobState, PollId};

use crate::words::{NOW, Pull, after, ids, of, valid};

on_every_database! {
    async fn the_same_poll_again_returns_the_same_leases(fixture) {
        fixture.jobs(5).await;
        let device = fixture.device().await;
        let poll = PollId::random(NOW);
        let first = fixture.pull(Pull::by(device).poll(poll).max(2)).await.jobs;
        let again = fixture.pull(Pull::by(device).poll(poll).max(2).at(after(4))).await.jobs;
        assert_eq!(again.iter().map(|job| (job.job_id, job.fence)).collect::<Vec<_>>(), first.iter().map(|job| (job.job_id, job.fence)).collect::<Vec<_>>());
        assert_eq!(again.iter().map(|job| job.lease_seconds).collect::<Vec<_>>(), [11, 11], "what is left of them");
        assert_eq!(again[0].tracking_url, first[0].tracking_url);
        assert_eq!(fixture.pull(Pull::by(device)).await.jobs.len(), 3, "another poll takes the others");
    }

    async fn a_poll_that_found_nothing_finds_what_has_come_since(fixture) {
        let device = fixture.device().await;
        let poll = PollId::random(NOW);
        assert_eq!(fixture.pull(Pull::by(device).poll(poll)).await.jobs, []);
        let job_id = fixture.job("a").await;
        assert_eq!(ids(&fixture.pull(Pull::by(device).poll(poll)).await.jobs), [job_id]);
    }

    async fn what_has_ended_is_not_returned_again(fixture) {
        fixture.jobs(2).await;
        let device = fixture.device().await;
        let poll = PollId::random(NOW);
        let first = fixture.pull(Pull::by(device).poll(poll)).await.jobs;
        fixture.report(device, vec![of(&first[0], valid(NOW))], NOW).await;
        assert_eq!(ids(&fixture.pull(Pull::by(device).poll(poll)).await.jobs), [first[1].job_id]);
    }

    async fn another_device_s_poll_of_the_same_id_is_another_poll(fixture) {
        let jobs = fixture.jobs(2).await;
        let [device, other] = [fixture.device().await, fixture.device().await];
        let poll = PollId::random(NOW);
        assert_eq!(ids(&fixture.pull(Pull::by(device).poll(poll).max(1)).await.jobs), jobs[..1]);
        assert_eq!(ids(&fixture.pull(Pull::by(other).poll(poll).max(1)).await.jobs), jobs[1..]);
    }

    async fn a_repetition_after_the_lease_has_gone_to_another_device_gets_what_is_ready(fixture) {
        let job_id = fixture.job("a").await;
        let [device, other] = [fixture.device().await, fixture.device().await];
        let poll = PollId::random(NOW);
        fixture.pull(Pull::by(device).poll(poll)).await;
        fixture.upkeep(after(15)).await;
        assert_eq!(ids(&fixture.pull(Pull::by(other).at(after(15))).await.jobs), [job_id]);
        assert_eq!(fixture.pull(Pull::by(device).poll(poll).at(after(16))).await.jobs, []);
        assert_eq!(fixture.look(job_id).await.state, JobState::Leased);
    }

    async fn two_repetitions_at_once_lease_once(fixture) {
        fixture.jobs(8).await;
        let device = fixture.device().await;
        let poll = PollId::random(NOW);
        let pulls = (0..6).map(|_| fixture.pull(Pull::by(device).poll(poll).max(3)));
        let answers = futures_util::future::join_all(pulls).await;
        for answer in &answers {
            assert_eq!(ids(&answer.jobs), ids(&answers[0].jobs));
        }
        assert_eq!(fixture.pull(Pull::by(device)).await.jobs.len(), 5);
    }
}
