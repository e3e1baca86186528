//! Pages of jobs: newest first, filtered, each going on where the last one ended.

use domain::audit::Actor;
use protocol::{Conclusion, Environment, JobId, JobState};
use store::JobFilter;

use crate::fixture::Fixture;
use crate::words::{NOW, Pull, after, concluded, of, valid};

on_every_database! {
    async fn pages_begin_with_the_newest_and_show_every_job_once(fixture) {
        let mut jobs = fixture.jobs(7).await;
        jobs.reverse();
        let pages = walk(&fixture, JobFilter { limit: 3, ..filter(&fixture) }).await;
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 1]);
        assert_eq!(pages.concat(), jobs);
    }

    async fn a_last_page_that_is_full_has_no_page_behind_it(fixture) {
        fixture.jobs(4).await;
        assert_eq!(walk(&fixture, JobFilter { limit: 2, ..filter(&fixture) }).await.len(), 2);
    }

    async fn no_jobs_are_one_empty_page(fixture) {
        assert_eq!(walk(&fixture, filter(&fixture)).await, [Vec::<JobId>::new()]);
    }

    async fn jobs_that_come_meanwhile_do_not_shift_the_pages(fixture) {
        let jobs = fixture.jobs(4).await;
        let first = fixture.store.jobs(JobFilter { limit: 2, ..filter(&fixture) }).await.unwrap();
        fixture.accept(fixture.submission("newer").at(after(1))).await;
        let second = fixture.store.jobs(JobFilter { limit: 2, before: first.next, ..filter(&fixture) }).await.unwrap();
        assert_eq!(second.jobs.iter().map(|job| job.job_id).collect::<Vec<_>>(), [jobs[1], jobs[0]]);
    }

    async fn each_filter_shows_what_fits_it(fixture) {
        let device = fixture.device().await;
        let [valid_one, gone, cancelled, leased] = fixture.jobs(4).await[..] else { panic!() };
        let held = fixture.pull(Pull::by(device).max(2)).await.jobs;
        fixture.report(device, vec![of(&held[0], valid(NOW)), of(&held[1], concluded(Conclusion::HttpGone, NOW))], NOW).await;
        fixture.store.cancel(fixture.account, Environment::Live, cancelled, Actor::Machine, NOW).await.unwrap();
        assert_eq!(fixture.lease(device, NOW).await.job_id, leased);
        let queued = fixture.accept(fixture.submission("queued").source("csv").row("the row")).await.job_id;
        let in_test = fixture.accept(fixture.submission("in test").test_environment()).await.job_id;

        let only = |filter: JobFilter| async { walk(&fixture, filter).await.concat() };
        let everything = filter(&fixture);
        assert_eq!(only(JobFilter { state: Some(JobState::Concluded), ..everything.clone() }).await, [gone, valid_one]);
        assert_eq!(only(JobFilter { state: Some(JobState::Cancelled), ..everything.clone() }).await, [cancelled]);
        assert_eq!(only(JobFilter { state: Some(JobState::Leased), ..everything.clone() }).await, [leased]);
        assert_eq!(only(JobFilter { state: Some(JobState::Queued), ..everything.clone() }).await, [queued]);
        assert_eq!(only(JobFilter { conclusion: Some(Conclusion::HttpGone), ..everything.clone() }).await, [gone]);
        assert_eq!(only(JobFilter { source: Some("csv".to_owned()), ..everything.clone() }).await, [queued]);
        assert_eq!(only(JobFilter { row_id: Some("the row".to_owned()), ..everything.clone() }).await, [queued]);
        assert_eq!(only(JobFilter { row_id: Some("no row".to_owned()), ..everything.clone() }).await, []);
        assert_eq!(only(JobFilter { environment: Environment::Test, ..everything.clone() }).await, [in_test]);
    }

    async fn a_listed_job_is_the_job(fixture) {
        let device = fixture.device().await;
        let [concluded_one, queued] = fixture.jobs(2).await[..] else { panic!() };
        let leased = fixture.lease(device, NOW).await;
        fixture.report(device, vec![of(&leased, valid(NOW))], NOW).await;
        let page = fixture.store.jobs(filter(&fixture)).await.unwrap();
        assert_eq!(page.jobs, [fixture.look(queued).await, fixture.look(concluded_one).await]);
        assert!(page.jobs[1].result.is_some());
    }
}

fn filter(fixture: &Fixture) -> JobFilter {
    JobFilter::all_of(fixture.account, Environment::Live, 50)
}

async fn walk(fixture: &Fixture, mut filter: JobFilter) -> Vec<Vec<JobId>> {
    let mut pages = Vec::new();
    loop {
        let page = fixture.store.jobs(filter.clone()).await.unwrap();
        pages.push(page.jobs.iter().map(|job| job.job_id).collect());
        match page.next {
            Some(next) => filter.before = Some(next),
            None => return pages,
        }
    }
}
