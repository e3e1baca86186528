//! A made-up history reads like one that happened, so that what is measured over it means something.

use protocol::{Class, Conclusion, Environment, JobState};
use store::{ConsoleRowFilter, JobFilter, MadeUp, RowOrder};

use crate::fixture::Fixture;
use crate::words::{NOW, after};

on_every_database! {
    async fn rows_checks_and_queue_agree(fixture) {
        let device = fixture.device().await;
        let result = serde_json::to_string(&protocol::JobResult::not_executed("@conclusion of @row", NOW)).unwrap();
        let history = MadeUp {
            account: fixture.account, device, rows: 200, ended: 1_000, waiting: 30, begin: after(-10_000), step_micros: 1_000_000, result,
        };
        fixture.store.make_up(&history, |_| ()).await.unwrap();
        let rows = fixture.store.console_rows(filter(&fixture, RowOrder::Key), NOW).await.unwrap();
        assert_eq!((rows.rows.len(), rows.next), (200, None));
        let bad = ConsoleRowFilter { class: Some(Some(Class::Bad)), ..filter(&fixture, RowOrder::Worst) };
        assert!(fixture.store.console_rows(bad, NOW).await.unwrap().rows.iter().all(|found| found.row.conclusion.map(Conclusion::class) == Some(Class::Bad)));
        let newest = fixture.store.console_rows(filter(&fixture, RowOrder::Checked), NOW).await.unwrap();
        assert_eq!(newest.rows[0].row.job_id, Some(history.job(999)));
        let of_row = JobFilter {
            state: Some(JobState::Concluded),
            source: Some("csv".to_owned()),
            row_id: Some("offer-0000100".to_owned()),
            ..JobFilter::all_of(fixture.account, Environment::Live, 50)
        };
        let checks = fixture.store.jobs(of_row).await.unwrap().jobs;
        assert_eq!(checks.len(), 5);
        assert!(checks.iter().all(|check| check.result.as_deref().is_some_and(|json| json.contains("offer-0000100"))));
        assert_eq!(fixture.store.queue_head(fixture.account).await.unwrap().waiting, 30);
        assert_eq!(fixture.lease(device, NOW).await.job_id, history.job(1_000));
    }
}

fn filter(fixture: &Fixture, order: RowOrder) -> ConsoleRowFilter {
    ConsoleRowFilter { order, ..ConsoleRowFilter::all_of(fixture.account, Environment::Live, 500) }
}
