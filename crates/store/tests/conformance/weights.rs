//! Pages of rows and jobs that are heavy: a final URL may have 64 KiB, evidence 256. A page ends where it weighs enough, the
//! next one goes on behind it, and nothing is lost in between.

use protocol::{Conclusion, Environment, JobResult, Row};
use store::{ConsoleRowFilter, JobFilter, RowFilter, RowOrder};

use crate::fixture::Fixture;
use crate::words::{NOW, Pull, concluded, of};

/// Rows, of 60,000 bytes each: more than a page for callers may weigh, and six times what one for people may.
const ROWS: usize = 90;
/// What a page for callers may weigh.
const PAGE: usize = 4 * 1_024 * 1_024;

/// Bad rows, one heavier than what a page shows of ordinary ones.
async fn heavy(fixture: &Fixture) -> Vec<String> {
    let device = fixture.device().await;
    let names: Vec<String> = (0..ROWS).map(|number| format!("row-{number:03}")).collect();
    for some in names.chunks(30) {
        for name in some {
            fixture.job(name).await;
        }
        let leased = fixture.pull(Pull::by(device).max(30)).await.jobs;
        let results = leased.iter().map(|job| of(job, with_long_url(concluded(Conclusion::HttpGone, NOW)))).collect();
        fixture.report(device, results, NOW).await;
    }
    names
}

fn with_long_url(mut result: JobResult) -> JobResult {
    let url = format!("https://shop.example/{}", "x".repeat(60_000));
    result.hops[0].url.clone_from(&url);
    result.final_url = Some(url);
    result
}

/// The ids on each page, of which none weighs more than `most`.
fn ids(rows: &[Row], most: usize) -> Vec<String> {
    let bytes = serde_json::to_string(rows).unwrap().len();
    assert!(bytes < most, "{bytes} bytes");
    rows.iter().map(|row| row.row_id.clone()).collect()
}

async fn of_callers(fixture: &Fixture, mut filter: RowFilter) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    loop {
        let page = fixture.store.rows(filter.clone(), NOW).await.unwrap();
        pages.push(ids(&page.rows, PAGE));
        match page.next {
            Some(next) => filter.after = Some(next),
            None => return pages,
        }
    }
}

async fn of_people(fixture: &Fixture, mut filter: ConsoleRowFilter) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    loop {
        let page = fixture.store.console_rows(filter.clone(), NOW).await.unwrap();
        let rows: Vec<Row> = page.rows.into_iter().map(|found| found.row).collect();
        pages.push(ids(&rows, PAGE / 3));
        match page.next {
            Some(next) => filter.after = Some(next),
            None => return pages,
        }
    }
}

on_every_database! {
    async fn pages_for_callers_end_where_they_weigh_enough_and_lose_nothing(fixture) {
        let names = heavy(&fixture).await;
        let filter = RowFilter {
            account: fixture.account, asker: None, environment: Environment::Live, source: None, ready_for_ads: None, after: None, limit: 200,
        };
        let pages = of_callers(&fixture, filter.clone()).await;
        assert!(pages.len() > 1 && pages[0].len() > 60, "{:?}", pages.iter().map(Vec::len).collect::<Vec<_>>());
        assert_eq!(pages.concat(), names);
        assert_eq!(of_callers(&fixture, RowFilter { ready_for_ads: Some(false), limit: 7, ..filter.clone() }).await.concat(), names);
        assert_eq!(of_callers(&fixture, RowFilter { ready_for_ads: Some(true), ..filter }).await.concat(), [""; 0]);
    }

    async fn pages_for_people_do_in_every_order_and_search(fixture) {
        let names = heavy(&fixture).await;
        let all = ConsoleRowFilter::all_of(fixture.account, Environment::Live, 500);
        for order in [RowOrder::Key, RowOrder::KeyBack, RowOrder::Change, RowOrder::Worst, RowOrder::Checked, RowOrder::FinalUrl, RowOrder::Ready] {
            let pages = of_people(&fixture, ConsoleRowFilter { order, ..all.clone() }).await;
            assert!(pages.len() > 4, "{order:?}: {}", pages.len());
            let mut found = pages.concat();
            found.sort();
            assert_eq!(found, names, "{order:?}");
        }
        for text in ["row-", "row", "xxxx", "SHOP.example"] {
            let text = ConsoleRowFilter { text: Some(text.to_owned()), ..all.clone() };
            assert_eq!(of_people(&fixture, text.clone()).await.concat(), names, "{:?}", text.text);
        }
        // A look that finds nothing ends before it has gone through everything.
        let nothing = ConsoleRowFilter { text: Some("no such text".to_owned()), ..all };
        assert_eq!(of_people(&fixture, nothing).await.concat(), [""; 0]);
    }

    async fn rows_that_begin_with_the_text_are_found_behind_others_that_do_and_do_not_fit(fixture) {
        let device = fixture.device().await;
        for number in 0..12 {
            fixture.job(&format!("row-{number:02}")).await;
        }
        let leased = fixture.pull(Pull::by(device).max(12)).await.jobs;
        let mut results = Vec::new();
        for job in &leased {
            let is_late = fixture.look(job.job_id).await.row_id.as_str() >= "row-08";
            results.push(of(job, concluded(if is_late { Conclusion::Drifted } else { Conclusion::HttpGone }, NOW)));
        }
        fixture.report(device, results, NOW).await;
        let text = Some("row-".to_owned());
        let filter =
            ConsoleRowFilter { text, conclusion: Some(Conclusion::Drifted), ..ConsoleRowFilter::all_of(fixture.account, Environment::Live, 3) };
        assert_eq!(of_people(&fixture, filter).await.concat(), ["row-08", "row-09", "row-10", "row-11"]);
    }

    async fn pages_of_jobs_end_where_they_weigh_enough_and_lose_nothing(fixture) {
        heavy(&fixture).await;
        let mut filter = JobFilter::all_of(fixture.account, Environment::Live, 200);
        let (mut found, mut pages) = (Vec::new(), 0);
        loop {
            let page = fixture.store.jobs(filter.clone()).await.unwrap();
            let bytes: usize = page.jobs.iter().map(|job| job.result.as_ref().unwrap().len()).sum();
            assert!(bytes < PAGE, "{bytes} bytes");
            found.extend(page.jobs.iter().map(|job| job.row_id.clone()));
            pages += 1;
            match page.next {
                Some(next) => filter.before = Some(next),
                None => break,
            }
        }
        found.sort();
        found.dedup();
        assert_eq!(found.len(), ROWS);
        assert!(pages > 1);
    }
}
