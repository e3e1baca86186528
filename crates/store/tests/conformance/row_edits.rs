//! What a person changes about a row, and what becomes of its jobs then.

use domain::audit::Actor;
use protocol::device::Outcome;
use protocol::{
    CheckStatus, Conclusion, Context, EngineChoice, Environment, JobResult, JobState, NotReadyReason, RequiredParameter, Row, UnixMillis,
};
use store::{Admission, Recheck, RowEdit, RowEdited};

use crate::fixture::Fixture;
use crate::words::{NOW, Pull, after, concluded, of, valid};

on_every_database! {
    async fn jobs_are_checked_against_what_the_row_asks_for_when_they_are_made(fixture) {
        let device = fixture.device().await;
        fixture.job("offer").await;
        edit(&fixture, RowEdit::RequiredParameters(required(&["clickid", "sub=north"]))).await;
        edit(&fixture, RowEdit::AcceptedUrl(Some("https://shop.example/offer?x=1".to_owned()))).await;
        let row = edit(&fixture, RowEdit::ExpectedDomain(Some("SHOP.Example".to_owned()))).await;
        assert_eq!((row.expected_domain.as_deref(), row.required_parameters.len()), (Some("shop.example"), 2));
        let before = fixture.lease(device, NOW).await;
        assert!(before.expectation.is_empty() && before.expected_domain.is_none(), "the job is older than the edits");

        let Recheck::UnderWay(under_way) = recheck(&fixture, NOW).await else { panic!("its job has not ended") };
        assert_eq!(under_way, before.job_id);
        fixture.report(device, vec![of(&before, valid(NOW))], NOW).await;
        assert_eq!(row_of(&fixture, NOW).await.not_ready_reasons, [NotReadyReason::ChangedSinceCheck]);

        let Recheck::Decided(Admission::Accepted(job)) = recheck(&fixture, after(1)).await else { panic!("not accepted") };
        let leased = fixture.pull(Pull::by(device).at(after(1))).await.jobs.remove(0);
        assert_eq!((leased.job_id, leased.expected_domain.as_deref()), (job.job_id, Some("shop.example")));
        assert_eq!(leased.expectation.required_parameters, required(&["clickid", "sub=north"]));
        assert_eq!(leased.expectation.accepted_url.as_deref(), Some("https://shop.example/offer?x=1"));
        fixture.report(device, vec![of(&leased, valid(after(2)))], after(2)).await;
        let row = row_of(&fixture, after(2)).await;
        assert_eq!((row.ready_for_ads, row.not_ready_reasons, row.job_id), (true, vec![], Some(job.job_id)));
    }

    async fn the_same_poll_again_tells_the_same_expectation(fixture) {
        let device = fixture.device().await;
        fixture.job("offer").await;
        fixture.pull(Pull::by(device).max(1)).await;
        edit(&fixture, RowEdit::RequiredParameters(required(&["clickid"]))).await;
        fixture.accept(fixture.submission("again").row("offer").at(after(1))).await;
        let poll_id = protocol::PollId::random(NOW);
        let first = fixture.pull(Pull::by(device).poll(poll_id).at(after(1))).await.jobs;
        assert_eq!(first[0].expectation.required_parameters, required(&["clickid"]));
        assert_eq!(fixture.pull(Pull::by(device).poll(poll_id).at(after(1))).await.jobs, first);
    }

    async fn what_asks_for_nothing_any_more_leaves_the_row_as_it_was(fixture) {
        check(&fixture, valid(NOW)).await;
        edit(&fixture, RowEdit::RequiredParameters(required(&["clickid"]))).await;
        edit(&fixture, RowEdit::AcceptedUrl(Some("https://shop.example/".to_owned()))).await;
        assert!(!row_of(&fixture, NOW).await.ready_for_ads);
        edit(&fixture, RowEdit::AcceptedUrl(None)).await;
        let row = edit(&fixture, RowEdit::RequiredParameters(vec![])).await;
        assert!(row.ready_for_ads, "{:?}", row.not_ready_reasons);
    }

    async fn a_drifted_url_is_accepted_as_it_was_seen(fixture) {
        check(&fixture, concluded(Conclusion::Drifted, NOW)).await;
        let seen = |url: &str| RowEdit::AcceptFinalUrl { seen: url.to_owned() };
        let elsewhere = RowEdited::LandsElsewhere { final_url: Some("https://shop.example/offer".to_owned()) };
        assert_eq!(try_edit(&fixture, "offer", seen("https://shop.example/earlier")).await, elsewhere);
        let row = edit(&fixture, seen("https://shop.example/offer")).await;
        assert_eq!(row.accepted_url.as_deref(), Some("https://shop.example/offer"));
        assert_eq!(row.conclusion, Some(Conclusion::Drifted), "until it is checked again");
        let Recheck::Decided(Admission::Accepted(_)) = recheck(&fixture, after(1)).await else { panic!("not accepted") };
    }

    async fn faults_are_named_and_change_nothing(fixture) {
        fixture.job("offer").await;
        let before = row_of(&fixture, NOW).await;
        for (wrong, pointer) in [
            (RowEdit::ExpectedDomain(Some("https://shop.example/".to_owned())), "/expectedDomain"),
            (RowEdit::RequiredParameters(required(&["a", "a"])), "/requiredParameters/1/name"),
            (RowEdit::AcceptedUrl(Some("javascript:alert(1)".to_owned())), "/acceptedUrl"),
            (RowEdit::Skip { reason: "  ".to_owned() }, "/reason"),
            (RowEdit::Skip { reason: "a\u{1b}[2J".to_owned() }, "/reason"),
        ] {
            let RowEdited::Invalid(fault) = try_edit(&fixture, "offer", wrong.clone()).await else { panic!("{wrong:?} was taken") };
            assert_eq!(fault.pointer, pointer);
        }
        assert_eq!(row_of(&fixture, NOW).await, before);
        assert_eq!(try_edit(&fixture, "nobody's", RowEdit::Unskip).await, RowEdited::Unknown);
    }

    async fn an_excluded_row_is_not_checked_and_its_jobs_say_so(fixture) {
        let device = fixture.device().await;
        check(&fixture, valid(NOW)).await;
        let waiting = fixture.accept(fixture.submission("waits").row("offer").at(after(1))).await.job_id;
        let used = fixture.used(fixture.account, Environment::Live, NOW).await;
        let row = edit(&fixture, RowEdit::Skip { reason: "the campaign is over".to_owned() }).await;
        assert_eq!((row.check_status, row.conclusion), (CheckStatus::Skipped, Some(Conclusion::SkippedByOperator)));
        assert_eq!((row.skip_reason.as_deref(), row.error), (Some("the campaign is over"), None));
        assert_eq!(row.not_ready_reasons, [NotReadyReason::NotValid]);
        expect_skipped(fixture.look(waiting).await);
        assert_eq!(fixture.used(fixture.account, Environment::Live, NOW).await, used - 1, "its quota is given back");

        let new = fixture.accept(fixture.submission("new").row("offer").at(after(2))).await;
        expect_skipped(new.clone());
        expect_skipped(fixture.look(new.job_id).await);
        let Admission::Replayed(again) = fixture.admit(fixture.submission("new").row("offer").at(after(3))).await else { panic!("no replay") };
        expect_skipped(*again);
        assert_eq!(fixture.used(fixture.account, Environment::Live, NOW).await, used - 1, "what sends nothing costs nothing");
        assert_eq!(fixture.pull(Pull::by(device).at(after(4))).await.jobs, []);
        let others = fixture.accept(fixture.submission("another row").at(after(4))).await;
        assert_eq!(fixture.pull(Pull::by(device).at(after(4))).await.jobs[0].job_id, others.job_id);
    }

    async fn what_is_no_longer_excluded_is_checked_again(fixture) {
        check(&fixture, valid(NOW)).await;
        edit(&fixture, RowEdit::Skip { reason: "paused".to_owned() }).await;
        assert!(edit(&fixture, RowEdit::Unskip).await.ready_for_ads, "the last check counts again");
        edit(&fixture, RowEdit::Skip { reason: "paused".to_owned() }).await;
        let Recheck::Decided(Admission::Accepted(job)) = recheck(&fixture, after(1)).await else { panic!("not accepted") };
        expect_skipped(*job);
        let row = edit(&fixture, RowEdit::Unskip).await;
        assert_eq!((row.check_status, row.last_checked), (CheckStatus::Skipped, Some(NOW)), "until its next job");
        let Recheck::Decided(Admission::Accepted(job)) = recheck(&fixture, after(2)).await else { panic!("not accepted") };
        assert_eq!(job.state, JobState::Queued);
    }

    async fn what_a_desktop_works_on_goes_on_to_its_end(fixture) {
        let device = fixture.device().await;
        fixture.job("offer").await;
        let leased = fixture.lease(device, NOW).await;
        edit(&fixture, RowEdit::Skip { reason: "paused".to_owned() }).await;
        assert_eq!(fixture.report(device, vec![of(&leased, valid(NOW))], NOW).await, [Outcome::Applied]);
        assert_eq!(row_of(&fixture, NOW).await.check_status, CheckStatus::Skipped);
        assert_eq!(edit(&fixture, RowEdit::Unskip).await.check_status, CheckStatus::Valid);
    }

    async fn excluded_rows_of_other_environments_sources_and_accounts_are_others(fixture) {
        fixture.job("offer").await;
        edit(&fixture, RowEdit::Skip { reason: "paused".to_owned() }).await;
        let other = fixture.account_on("ten_a_month").await;
        for submission in [
            fixture.submission("a").row("offer").test_environment(),
            fixture.submission("b").row("offer").source("elsewhere"),
            fixture.submission_of(other, "c").row("offer"),
        ] {
            assert_eq!(fixture.accept(submission).await.state, JobState::Queued);
        }
    }

    async fn a_recheck_has_the_context_of_the_last_job_and_takes_quota(fixture) {
        let device = fixture.device().await;
        let context = Context { engine: Some(EngineChoice::Browser), ..Context::default() };
        fixture.accept(fixture.submission("offer").context(context.clone())).await;
        let first = fixture.lease(device, NOW).await;
        fixture.report(device, vec![of(&first, valid(NOW))], NOW).await;
        let used = fixture.used(fixture.account, Environment::Live, NOW).await;
        let Recheck::Decided(Admission::Accepted(_)) = recheck(&fixture, after(1)).await else { panic!("not accepted") };
        let leased = fixture.pull(Pull::by(device).at(after(1))).await.jobs.remove(0);
        assert_eq!((leased.context, leased.tracking_url), (context, first.tracking_url));
        assert_eq!(fixture.used(fixture.account, Environment::Live, NOW).await, used + 1);
        assert_eq!(fixture.store.recheck(owner(&fixture), key("nobody's"), person(), NOW).await.unwrap(), Recheck::Unknown);
    }

    async fn a_recheck_is_refused_as_a_caller_is(fixture) {
        let account = fixture.account_on("three_waiting").await;
        for number in 0..3 {
            fixture.accept(fixture.submission_of(account, &format!("job-{number}"))).await;
        }
        let device = fixture.device_of(account).await;
        let pulled = fixture.store.pull(Pull::by(device).max(1).into_order(account)).await.unwrap();
        let result = of(&pulled.jobs[0], valid(NOW));
        fixture.store.report(account, device, vec![result], NOW).await.unwrap();
        fixture.accept(fixture.submission_of(account, "job-3")).await;
        let jobs = fixture.store.rows(rows_of(account), NOW).await.unwrap().rows;
        let checked = jobs.iter().find(|row| row.conclusion.is_some()).unwrap();
        let recheck = fixture.store.recheck((account, Environment::Live), key(&checked.row_id), person(), NOW).await.unwrap();
        assert_eq!(recheck, Recheck::Decided(Admission::BacklogFull { waiting: 3, limit: 3 }));
    }
}

fn rows_of(account: protocol::AccountId) -> store::RowFilter {
    store::RowFilter { account, asker: None, environment: Environment::Live, source: None, ready_for_ads: None, after: None, limit: 50 }
}

fn required(texts: &[&str]) -> Vec<RequiredParameter> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn person() -> Actor {
    Actor::Operator("op_1".to_owned())
}

fn owner(fixture: &Fixture) -> (protocol::AccountId, Environment) {
    (fixture.account, Environment::Live)
}

fn key(row_id: &str) -> (String, String) {
    ("platform_api".to_owned(), row_id.to_owned())
}

async fn try_edit(fixture: &Fixture, row_id: &str, change: RowEdit) -> RowEdited {
    fixture.store.edit_row(owner(fixture), key(row_id), change, person(), NOW).await.unwrap()
}

/// Edits the row `offer`; the edit must be made.
async fn edit(fixture: &Fixture, change: RowEdit) -> Row {
    match try_edit(fixture, "offer", change).await {
        RowEdited::Done(row) => *row,
        other => panic!("not edited but {other:?}"),
    }
}

async fn recheck(fixture: &Fixture, at: UnixMillis) -> Recheck {
    fixture.store.recheck(owner(fixture), key("offer"), person(), at).await.unwrap()
}

async fn row_of(fixture: &Fixture, at: UnixMillis) -> Row {
    fixture.store.row(owner(fixture), key("offer"), at).await.unwrap().unwrap()
}

/// Admits, leases and concludes a job for the row `offer`.
async fn check(fixture: &Fixture, result: JobResult) {
    let device = fixture.device().await;
    fixture.job("offer").await;
    let leased = fixture.lease(device, NOW).await;
    assert_eq!(fixture.report(device, vec![of(&leased, result)], NOW).await, [Outcome::Applied]);
}

fn expect_skipped(job: store::JobRecord) {
    assert_eq!(job.state, JobState::Concluded);
    let result: JobResult = serde_json::from_str(&job.result.unwrap()).unwrap();
    assert_eq!((result.conclusion, result.hops.len()), (Conclusion::SkippedByOperator, 0));
    assert!(!result.detail.is_empty());
}
