//! Rows: what the newest job said, and whether money may be spent now.

use protocol::device::{LeasedJob, Outcome};
use protocol::{CheckStatus, Conclusion, Context, DeviceId, EngineChoice, Environment, JobResult, NotReadyReason, Row, UnixMillis};
use store::{Admission, RowFilter};

use crate::fixture::Fixture;
use crate::words::{NOW, Pull, after, concluded, of, valid};

on_every_database! {
    async fn a_row_waits_for_its_first_check(fixture) {
        fixture.job("a").await;
        let row = row(&fixture, "a", NOW).await;
        assert_eq!((row.check_status, row.ready_for_ads), (CheckStatus::Pending, false));
        assert_eq!(row.not_ready_reasons, [NotReadyReason::NeverChecked]);
        assert_eq!((row.conclusion, row.final_url, row.last_checked), (None, None, None));
    }

    async fn a_valid_result_makes_it_ready_until_it_is_stale(fixture) {
        check(&fixture, "a", valid(after(-5))).await;
        let fresh = row(&fixture, "a", after(86_400 - 5)).await;
        assert_eq!((fresh.check_status, fresh.ready_for_ads, fresh.not_ready_reasons), (CheckStatus::Valid, true, vec![]));
        assert_eq!((fresh.final_url.as_deref(), fresh.last_checked), (Some("https://shop.example/offer"), Some(after(-5))));
        assert_eq!((fresh.error, fresh.skip_reason), (None, None));
        let stale = row(&fixture, "a", after(86_401 - 5)).await;
        assert_eq!((stale.check_status, stale.not_ready_reasons), (CheckStatus::Valid, vec![NotReadyReason::Stale]));
    }

    async fn each_class_of_conclusion_has_its_status_and_its_place_for_the_reason(fixture) {
        for (conclusion, status) in [
            (Conclusion::HttpGone, CheckStatus::Failed),
            (Conclusion::Drifted, CheckStatus::Review),
            (Conclusion::AccessChallenged, CheckStatus::Inconclusive),
        ] {
            check(&fixture, conclusion.code(), concluded(conclusion, NOW)).await;
            let row = row(&fixture, conclusion.code(), NOW).await;
            assert_eq!((row.conclusion, row.check_status), (Some(conclusion), status));
            assert_eq!((row.error, row.skip_reason), (Some(format!("ended as {conclusion}")), None));
            assert_eq!(row.not_ready_reasons, [NotReadyReason::NotValid]);
        }
        check(&fixture, "skipped", JobResult { hops: vec![], ..concluded(Conclusion::SkippedByRule, NOW) }).await;
        let skipped = row(&fixture, "skipped", NOW).await;
        assert_eq!((skipped.check_status, skipped.error), (CheckStatus::Skipped, None));
        assert_eq!(skipped.skip_reason.as_deref(), Some("ended as skipped_by_rule"));
    }

    async fn a_late_result_of_an_older_job_never_overwrites_a_newer_one(fixture) {
        let [slow, quick] = [fixture.device().await, fixture.device().await];
        fixture.accept(fixture.submission("first").row("offer").at(after(-2))).await;
        let older = fixture.lease(slow, NOW).await;
        fixture.accept(fixture.submission("second").row("offer").at(after(-1))).await;
        let newer = fixture.lease(quick, NOW).await;
        assert_eq!(fixture.report(quick, vec![of(&newer, valid(NOW))], NOW).await, [Outcome::Applied]);
        let before = row(&fixture, "offer", NOW).await;
        assert_eq!(before.job_id, Some(newer.job_id));
        assert_eq!(fixture.report(slow, vec![of(&older, concluded(Conclusion::HttpGone, after(9)))], after(9)).await, [Outcome::Applied]);
        assert_eq!(row(&fixture, "offer", NOW).await, before);
    }

    async fn jobs_of_one_row_in_one_batch_see_each_others_domain(fixture) {
        let device = fixture.device().await;
        let held = fixture.database.hold_writes().await;
        let named = fixture.admit(fixture.submission("first").row("offer").expecting("shop.example").at(after(-2)));
        let unnamed = fixture.admit(fixture.submission("second").row("offer").at(after(-1)));
        let (named, unnamed, ()) = tokio::join!(named, unnamed, held.release());
        assert!(matches!((named, unnamed), (Admission::Accepted(_), Admission::Accepted(_))));
        let jobs = fixture.pull(Pull::by(device).max(10)).await.jobs;
        let domains: Vec<_> = jobs.iter().map(|job| job.expected_domain.as_deref()).collect();
        assert_eq!(domains, [Some("shop.example"), Some("shop.example")]);
        assert_eq!(row(&fixture, "offer", NOW).await.expected_domain.as_deref(), Some("shop.example"));
    }

    async fn a_desktop_whose_clock_is_ahead_does_not_keep_a_row_fresh(fixture) {
        let device = fixture.device().await;
        fixture.job("a").await;
        let leased = fixture.lease(device, NOW).await;
        assert_eq!(fixture.report(device, vec![of(&leased, valid(after(86_400 * 30)))], after(5)).await, [Outcome::Applied]);
        assert_eq!(row(&fixture, "a", after(5)).await.last_checked, Some(after(5)));
    }

    async fn an_older_result_does_not_count_while_a_newer_job_waits(fixture) {
        let device = fixture.device().await;
        fixture.accept(fixture.submission("first").row("offer").at(after(-2))).await;
        let older = fixture.lease(device, NOW).await;
        fixture.accept(fixture.submission("second").row("offer").at(after(-1))).await;
        fixture.report(device, vec![of(&older, valid(NOW))], NOW).await;
        let row = row(&fixture, "offer", NOW).await;
        assert_eq!((row.conclusion, row.ready_for_ads), (None, false));
    }

    async fn of_several_jobs_for_a_row_at_once_the_last_is_the_newest(fixture) {
        let held = fixture.database.hold_writes().await;
        let submissions: Vec<_> = (0..5).map(|number| fixture.submission(&format!("job-{number}")).row("offer")).collect();
        let jobs = futures_util::future::join_all(submissions.into_iter().map(|submission| fixture.accept(submission)));
        let (jobs, ()) = tokio::join!(jobs, held.release());
        assert_eq!(row(&fixture, "offer", NOW).await.job_id, Some(jobs[4].job_id));
    }

    async fn another_tracking_url_means_another_check(fixture) {
        check(&fixture, "offer", valid(NOW)).await;
        fixture.accept(fixture.submission("again").row("offer").url("https://trk.example/new")).await;
        let row = row(&fixture, "offer", NOW).await;
        assert_eq!(row.tracking_url, "https://trk.example/new");
        assert_eq!((row.conclusion, row.not_ready_reasons), (Some(Conclusion::Valid), vec![NotReadyReason::ChangedSinceCheck]));
    }

    async fn the_same_inputs_again_leave_a_checked_row_ready(fixture) {
        check(&fixture, "offer", valid(NOW)).await;
        fixture.accept(fixture.submission("again").row("offer").at(after(1))).await;
        assert!(row(&fixture, "offer", after(1)).await.ready_for_ads);
    }

    async fn a_check_without_the_row_s_expected_domain_uses_it_all_the_same(fixture) {
        let device = fixture.device().await;
        fixture.accept(fixture.submission("first").row("offer").expecting("shop.example").at(after(-2))).await;
        let first = fixture.lease(device, NOW).await;
        fixture.report(device, vec![of(&first, valid(NOW))], NOW).await;
        fixture.accept(fixture.submission("second").row("offer").at(after(-1))).await;
        let second = fixture.lease(device, NOW).await;
        assert_eq!(second.expected_domain.as_deref(), Some("shop.example"));
        fixture.report(device, vec![of(&second, valid(NOW))], NOW).await;
        let row = row(&fixture, "offer", NOW).await;
        assert_eq!((row.expected_domain.as_deref(), row.not_ready_reasons), (Some("shop.example"), vec![]));
    }

    async fn a_result_under_another_context_is_not_what_was_asked_for(fixture) {
        let context = Context { engine: Some(EngineChoice::Browser), ..Context::default() };
        let device = fixture.device().await;
        fixture.accept(fixture.submission("a").context(context)).await;
        let leased = fixture.lease(device, NOW).await;
        fixture.report(device, vec![of(&leased, valid(NOW))], NOW).await;
        assert_eq!(row(&fixture, "a", NOW).await.not_ready_reasons, [NotReadyReason::ContextNotUsed]);
    }

    async fn a_job_that_no_desktop_took_does_not_undo_when_the_link_was_last_checked(fixture) {
        check(&fixture, "offer", valid(NOW)).await;
        fixture.accept(fixture.submission("again").row("offer").deadline(30)).await;
        fixture.upkeep(after(30)).await;
        let row = row(&fixture, "offer", after(30)).await;
        assert_eq!((row.conclusion, row.last_checked), (Some(Conclusion::NotExecuted), Some(NOW)));
        assert_eq!(row.not_ready_reasons, [NotReadyReason::NotValid]);
    }

    async fn rows_of_live_and_test_are_apart(fixture) {
        fixture.accept(fixture.submission("offer").test_environment()).await;
        let of_live = fixture.store.row((fixture.account, Environment::Live), key("offer"), NOW).await.unwrap();
        let of_test = fixture.store.row((fixture.account, Environment::Test), key("offer"), NOW).await.unwrap();
        assert!(of_live.is_none() && of_test.is_some());
    }

    async fn pages_come_by_source_and_row_id_and_go_on_where_they_ended(fixture) {
        for (source, row_id) in [("b", "1"), ("a", "2"), ("a", "10"), ("a", "ü/行"), ("b", "0")] {
            fixture.accept(fixture.submission(&format!("{source}{row_id}")).source(source).row(row_id)).await;
        }
        let everything = RowFilter { limit: 2, ..filter(&fixture) };
        assert_eq!(walk(&fixture, everything).await, [vec!["a/10", "a/2"], vec!["a/ü/行", "b/0"], vec!["b/1"]]);
        let of_a = RowFilter { source: Some("a".to_owned()), limit: 3, ..filter(&fixture) };
        assert_eq!(walk(&fixture, of_a).await, [vec!["a/10", "a/2", "a/ü/行"]]);
    }

    async fn pages_can_show_only_what_is_ready_or_only_what_is_not(fixture) {
        check(&fixture, "good-1", valid(NOW)).await;
        check(&fixture, "bad", concluded(Conclusion::HttpGone, NOW)).await;
        check(&fixture, "good-2", valid(NOW)).await;
        let ready = |wanted| RowFilter { ready_for_ads: Some(wanted), ..filter(&fixture) };
        assert_eq!(walk(&fixture, ready(true)).await.concat(), ["platform_api/good-1", "platform_api/good-2"]);
        assert_eq!(walk(&fixture, ready(false)).await.concat(), ["platform_api/bad"]);
    }
}

fn key(row_id: &str) -> (String, String) {
    ("platform_api".to_owned(), row_id.to_owned())
}

async fn row(fixture: &Fixture, row_id: &str, at: UnixMillis) -> Row {
    fixture.store.row((fixture.account, Environment::Live), key(row_id), at).await.unwrap().unwrap()
}

/// Admits, leases and concludes a job for the row.
async fn check(fixture: &Fixture, row_id: &str, result: JobResult) {
    let device: DeviceId = fixture.device().await;
    fixture.job(row_id).await;
    let leased: LeasedJob = fixture.pull(Pull::by(device).max(1)).await.jobs.remove(0);
    assert_eq!(fixture.report(device, vec![of(&leased, result)], NOW).await, [Outcome::Applied]);
}

fn filter(fixture: &Fixture) -> RowFilter {
    RowFilter {
        account: fixture.account,
        asker: None,
        environment: Environment::Live,
        source: None,
        ready_for_ads: None,
        after: None,
        limit: 50,
    }
}

/// Every page, each row as `source/row id`.
async fn walk(fixture: &Fixture, mut filter: RowFilter) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    loop {
        let page = fixture.store.rows(filter.clone(), NOW).await.unwrap();
        pages.push(page.rows.iter().map(|row| format!("{}/{}", row.source, row.row_id)).collect());
        match page.next {
            Some(next) => filter.after = Some(next),
            None => return pages,
        }
    }
}
