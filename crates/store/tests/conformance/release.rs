//! A desktop that shuts down gives its leases back.

use protocol::JobState;
use protocol::device::Outcome;

use crate::words::{NOW, Pull, after, held, ids, of, valid};

on_every_database! {
    async fn what_is_given_back_is_ready_at_once_under_a_new_fence(fixture) {
        let job_id = fixture.job("a").await;
        let [device, other] = [fixture.device().await, fixture.device().await];
        let first = fixture.lease_and_take_up(device, NOW).await;
        assert_eq!(fixture.store.release(fixture.account, device, vec![held(&first)], after(1)).await.unwrap(), 1);
        assert_eq!(fixture.look(job_id).await.state, JobState::Queued);
        let second = fixture.lease(other, after(1)).await;
        assert_eq!((second.job_id, second.fence), (job_id, first.fence + 1));
        assert_eq!(fixture.report(device, vec![of(&first, valid(NOW))], after(2)).await, [Outcome::Superseded]);
    }

    async fn giving_back_costs_no_attempt(fixture) {
        fixture.job("a").await;
        let device = fixture.device().await;
        // Twice as often as a job has attempts.
        for round in 0..10 {
            let leased = fixture.lease_and_take_up(device, after(round)).await;
            assert_eq!(fixture.store.release(fixture.account, device, vec![held(&leased)], after(round)).await.unwrap(), 1);
        }
        assert_eq!(fixture.lease(device, after(11)).await.fence, 11);
    }

    async fn what_is_given_back_stands_behind_what_waited_meanwhile(fixture) {
        let jobs = fixture.jobs(3).await;
        let device = fixture.device().await;
        let first = fixture.lease(device, NOW).await;
        fixture.store.release(fixture.account, device, vec![held(&first)], after(1)).await.unwrap();
        assert_eq!(ids(&fixture.pull(Pull::by(device).at(after(2))).await.jobs), [jobs[1], jobs[2], jobs[0]]);
    }

    async fn what_is_not_held_is_not_given_back(fixture) {
        fixture.jobs(2).await;
        let [device, other] = [fixture.device().await, fixture.device().await];
        let [mine, others] = [fixture.lease(device, NOW).await, fixture.lease(other, NOW).await];
        let mut stale = mine.clone();
        stale.fence += 1;
        let released = fixture.store.release(fixture.account, device, vec![held(&stale), held(&others)], NOW).await.unwrap();
        assert_eq!(released, 0);
        assert_eq!(fixture.pull(Pull::by(other).max(0).running(&[&others])).await.lost, []);
        let twice = vec![held(&mine), held(&mine)];
        assert_eq!(fixture.store.release(fixture.account, device, twice, NOW).await.unwrap(), 1);
    }
}
