//! A device takes jobs, keeps them, and loses them.

use domain::audit::Actor;
use protocol::{Context, DeviceKind, Environment, JobState};
use store::{Admission, Cancelled};

use crate::words::{NOW, Pull, after, held, ids, of, valid};

on_every_database! {
    async fn a_pull_takes_the_oldest_first_and_no_more_than_it_asks_for(fixture) {
        let jobs = fixture.jobs(5).await;
        let device = fixture.device().await;
        let first = fixture.pull(Pull::by(device).max(2)).await;
        assert_eq!(ids(&first.jobs), jobs[..2]);
        let rest = fixture.pull(Pull::by(device).max(16)).await;
        assert_eq!(ids(&rest.jobs), jobs[2..]);
        assert_eq!(fixture.pull(Pull::by(device)).await.jobs, []);
    }

    async fn a_leased_job_carries_what_the_desktop_needs(fixture) {
        let context = Context { device: Some(DeviceKind::Mobile), accept_language: Some("de".to_owned()), ..Context::default() };
        let wanted = fixture.submission("a").url("https://trk.example/z").expecting("shop.example").context(context.clone()).deadline(600);
        let job = fixture.accept(wanted).await;
        let device = fixture.device().await;
        let leased = fixture.lease(device, after(1)).await;
        assert_eq!((leased.job_id, leased.fence, leased.lease_seconds), (job.job_id, 1, 15));
        assert_eq!((leased.tracking_url.as_str(), leased.expected_domain.as_deref()), ("https://trk.example/z", Some("shop.example")));
        assert_eq!((leased.context, leased.deadline), (context, after(600)));
        assert_eq!(fixture.look(job.job_id).await.state, JobState::Leased);
    }

    async fn a_job_goes_to_one_device_only(fixture) {
        let jobs = fixture.jobs(40).await;
        let devices = [fixture.device().await, fixture.device().await];
        let pulls = (0..20).map(|number| fixture.pull(Pull::by(devices[number % 2]).max(3)));
        let mut leased: Vec<_> = futures_util::future::join_all(pulls).await.into_iter().flat_map(|pulled| ids(&pulled.jobs)).collect();
        leased.sort();
        let mut all = jobs;
        all.sort();
        assert_eq!(leased, all, "each once");
    }

    async fn a_lease_must_be_taken_up_within_15_s_and_lasts_60_s_from_each_renewal(fixture) {
        let device = fixture.device().await;
        fixture.jobs(1).await;
        let job = fixture.lease(device, NOW).await;
        assert_eq!(fixture.upkeep(after(14)).await.reclaimed, 0);
        assert_eq!(fixture.pull(Pull::by(device).max(0).running(&[&job]).at(after(14))).await.lost, []);
        assert_eq!(fixture.upkeep(after(73)).await.reclaimed, 0);
        assert_eq!(fixture.pull(Pull::by(device).max(0).running(&[&job]).at(after(73))).await.lost, []);
        assert_eq!(fixture.upkeep(after(132)).await.reclaimed, 0);
        assert_eq!(fixture.upkeep(after(133)).await.reclaimed, 1);
    }

    async fn a_lease_that_nobody_takes_up_ends_after_15_s(fixture) {
        let device = fixture.device().await;
        let job_id = fixture.job("a").await;
        fixture.lease(device, NOW).await;
        assert_eq!(fixture.upkeep(after(15)).await.reclaimed, 1);
        assert_eq!(fixture.look(job_id).await.state, JobState::Queued);
    }

    async fn a_lease_never_outlives_the_deadline(fixture) {
        let device = fixture.device().await;
        fixture.accept(fixture.submission("a").deadline(40)).await;
        let job = fixture.lease(device, after(30)).await;
        assert_eq!(job.lease_seconds, 10);
        assert_eq!(fixture.pull(Pull::by(device).max(0).running(&[&job]).at(after(35))).await.lost, []);
        assert_eq!(fixture.upkeep(after(40)).await.reclaimed, 1);
    }

    async fn a_job_past_its_deadline_is_not_leased(fixture) {
        let device = fixture.device().await;
        fixture.accept(fixture.submission("a").deadline(30)).await;
        assert_eq!(fixture.pull(Pull::by(device).at(after(30))).await.jobs, []);
    }

    async fn a_pull_names_the_running_jobs_that_the_device_no_longer_holds(fixture) {
        let [device, other] = [fixture.device().await, fixture.device().await];
        fixture.jobs(6).await;
        let jobs = fixture.pull(Pull::by(device).max(5)).await.jobs;
        let others = fixture.lease(other, NOW).await;
        let [kept, cancelled, released, concluded, stale] = &jobs[..] else { panic!("{jobs:?}") };
        let outcome = fixture.store.cancel(fixture.account, Environment::Live, cancelled.job_id, Actor::Machine, NOW).await.unwrap();
        assert!(matches!(outcome, Cancelled::Done(_)));
        fixture.store.release(fixture.account, device, vec![held(released)], NOW).await.unwrap();
        fixture.report(device, vec![of(concluded, valid(NOW))], NOW).await;
        let mut stale = stale.clone();
        stale.fence += 1;
        let pulled = fixture.pull(Pull::by(device).max(0).running(&[kept, cancelled, released, concluded, &stale, &others])).await;
        assert_eq!(pulled.lost, ids(&[cancelled.clone(), released.clone(), concluded.clone(), stale, others]));
    }

    async fn a_busy_desktop_hands_in_and_takes_the_next_in_one_pull(fixture) {
        let jobs = fixture.jobs(3).await;
        let device = fixture.device().await;
        let first = fixture.pull(Pull::by(device).max(2)).await.jobs;
        let pull = Pull::by(device).max(2).running(&[&first[1]]).results(vec![of(&first[0], valid(NOW))]);
        let pulled = fixture.pull(pull).await;
        assert_eq!(pulled.outcomes.iter().map(|one| (one.job_id, one.outcome)).collect::<Vec<_>>(), [(jobs[0], protocol::device::Outcome::Applied)]);
        assert_eq!((ids(&pulled.jobs), pulled.lost), (vec![jobs[2]], vec![]));
        let states = [fixture.look(jobs[0]).await.state, fixture.look(jobs[1]).await.state, fixture.look(jobs[2]).await.state];
        assert_eq!(states, [JobState::Concluded, JobState::Leased, JobState::Leased]);
    }

    async fn a_result_and_its_own_running_entry_in_one_pull_end_the_job(fixture) {
        let device = fixture.device().await;
        let job_id = fixture.job("a").await;
        let leased = fixture.lease(device, NOW).await;
        let pulled = fixture.pull(Pull::by(device).max(0).running(&[&leased]).results(vec![of(&leased, valid(NOW))])).await;
        assert_eq!(pulled.lost, [job_id]);
        assert_eq!(fixture.look(job_id).await.state, JobState::Concluded);
    }

    async fn leases_survive_a_restart(fixture) {
        let mut fixture = fixture;
        let job_id = fixture.job("a").await;
        let device = fixture.device().await;
        let leased = fixture.lease(device, NOW).await;
        fixture.restart().await;
        assert_eq!(fixture.look(job_id).await.state, JobState::Leased);
        assert_eq!(fixture.pull(Pull::by(device).running(&[&leased])).await.lost, []);
    }

    async fn jobs_of_both_environments_are_leased(fixture) {
        let test = fixture.accept(fixture.submission("a").test_environment().at(after(-2))).await;
        let live = fixture.accept(fixture.submission("a").at(after(-1))).await;
        let device = fixture.device().await;
        assert_eq!(ids(&fixture.pull(Pull::by(device)).await.jobs), [test.job_id, live.job_id]);
    }

    async fn a_pull_whose_connection_is_gone_leases_nothing(fixture) {
        let job_id = fixture.job("a").await;
        let device = fixture.device().await;
        let held = fixture.database.hold_writes().await;
        {
            let pull = fixture.store.pull(Pull::by(device).into_order(fixture.account));
            tokio::pin!(pull);
            assert!(futures_util::future::poll_immediate(&mut pull).await.is_none(), "it waits for the writer");
        }
        held.release().await;
        assert_eq!(fixture.pull(Pull::by(device).max(0)).await.jobs, [], "a later write is through");
        assert_eq!(fixture.look(job_id).await.state, JobState::Queued);
    }

    async fn whoever_waits_for_ready_jobs_hears_of_them(fixture) {
        let watch = fixture.store.watch_ready(fixture.account);
        let woken = watch.listen();
        fixture.job("a").await;
        woken.await;
        let device = fixture.device().await;
        let job = fixture.lease(device, NOW).await;
        let woken = watch.listen();
        fixture.store.release(fixture.account, device, vec![held(&job)], NOW).await.unwrap();
        woken.await;
        fixture.lease(device, NOW).await;
        let woken = watch.listen();
        fixture.upkeep(after(15)).await;
        woken.await;
    }

    async fn a_job_that_another_relay_enters_before_where_this_one_took_last_is_found(fixture) {
        let jobs = fixture.jobs(3).await;
        let device = fixture.device().await;
        assert_eq!(ids(&fixture.pull(Pull::by(device).max(1)).await.jobs), jobs[..1]);
        let other = fixture.another_relay().await;
        let early = fixture.submission("early").at(after(-60)).into_request();
        let Admission::Accepted(early) = other.admit(early).await.unwrap().admission else { panic!("not accepted") };
        let taken = fixture.pull(Pull::by(device)).await.jobs;
        assert_eq!(ids(&taken), [early.job_id, jobs[1], jobs[2]], "too little lay behind that place");
        other.close().await;
    }

    async fn a_job_that_is_given_back_comes_before_those_behind_it(fixture) {
        let jobs = fixture.jobs(3).await;
        let device = fixture.device().await;
        let first = fixture.pull(Pull::by(device).max(2)).await.jobs;
        fixture.store.release(fixture.account, device, vec![held(&first[0])], after(-60)).await.unwrap();
        assert_eq!(ids(&fixture.pull(Pull::by(device).max(1)).await.jobs), jobs[..1]);
        let late = fixture.accept(fixture.submission("late").at(after(-90))).await.job_id;
        assert_eq!(ids(&fixture.pull(Pull::by(device)).await.jobs), [late, jobs[2]]);
    }
}
