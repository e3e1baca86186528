//! Rows in the console: in from a form or a file, looked at, changed, and out again as files. Whatever a stranger put into
//! a field is text on every page and in every file.

use crate::browser::{Browser, encoded};
use crate::stage::Stage;

const EVIL: &str = "<img src=x onerror=alert(1)>\"'&";

/// Has the relay follow a link that a person typed.
async fn typed(stage: &Stage, owner: &mut Browser, row: &str, url: &str) -> u16 {
    owner.post(&stage.console("/start/check"), &[("url", url), ("domain", ""), ("row", row)]).await.status
}

fn row_path(stage: &Stage, row: &str) -> String {
    stage.console(&format!("/rows/live/csv/{}", encoded(row)))
}

on_both_databases! {
    async fn what_a_stranger_wrote_is_text_on_every_page(stage) {
        let mut owner = stage.owner("ada").await;
        let url = "https://trk.example/?x=%3Cscript%3E&y=<script>alert(1)</script>";
        assert_eq!(typed(&stage, &mut owner, EVIL, url).await, 303);
        let pages = [stage.console("/rows"), row_path(&stage, EVIL), stage.console("/jobs"), stage.console(""), stage.console("/start")];
        for page in pages {
            let answer = owner.get(&page).await;
            let text = answer.text();
            assert_eq!(answer.status, 200, "{page}: {text}");
            assert!(!text.contains("<img src=x") && !text.contains("<script>alert"), "{page}: {text}");
        }
        assert!(owner.get(&stage.console("/rows")).await.text().contains("&lt;img src=x onerror=alert(1)&gt;&quot;"));
    }

    async fn only_web_addresses_are_taken_in(stage) {
        let mut owner = stage.owner("ada").await;
        for url in ["javascript:alert(1)", "data:text/html,x", "//a.example", "https://a.example/{macro}", ""] {
            assert_eq!(typed(&stage, &mut owner, "a", url).await, 422, "{url}");
        }
    }

    async fn a_file_is_looked_at_line_by_line_and_taken_in_once(stage) {
        let mut owner = stage.owner("ada").await;
        let import = stage.console("/rows/import");
        let broken = owner.post(&import, &[("csv", "row id,tracking url\na,https://t.example/1\nb,javascript:alert(1)\n")]).await;
        assert!(broken.text().contains("1 of 2 lines cannot be read"), "{}", broken.text());
        let csv = "row id,tracking url,offer,required\n=1+1,https://t.example/1,Shoes,gclid\nb,https://t.example/2,,\n";
        let looked = owner.post(&import, &[("csv", csv)]).await;
        assert!(looked.text().contains("Import 2 rows"), "{}", looked.text());
        let fields =
            [("csv", csv), ("step", "go"), ("import", "t1"), ("row", "0"), ("url", "1"), ("domain", ""), ("offer", "2"), ("required", "3")];
        for _ in 0..2 {
            let taken = owner.post(&import, &fields).await;
            assert_eq!(taken.status, 303, "{}", taken.text());
        }
        assert_eq!(stage.relay.store().queue_head(stage.relay.account()).await.unwrap().waiting, 2);
        let page = owner.get(&row_path(&stage, "=1+1")).await;
        assert!(page.text().contains("Shoes") && page.text().contains("gclid"), "{}", page.text());
    }

    async fn files_open_in_a_spreadsheet_as_text(stage) {
        let mut owner = stage.owner("ada").await;
        for row in ["=1+1", "+1", "-1", "@SUM(A1)", "plain"] {
            assert_eq!(typed(&stage, &mut owner, row, "https://trk.example/1").await, 303);
        }
        let csv = owner.get(&stage.console("/rows/export.csv")).await;
        assert!(csv.header("content-disposition").unwrap().contains("link-peeler-rows.csv"));
        let text = csv.text();
        let rows: Vec<&str> = text.lines().skip(1).map(|line| line.split(',').nth(1).unwrap()).collect();
        assert_eq!(rows, ["'+1", "'-1", "'=1+1", "'@SUM(A1)", "plain"]);
        let json: Vec<protocol::Row> = serde_json::from_str(&owner.get(&stage.console("/rows/export.json")).await.text()).unwrap();
        assert_eq!(json.len(), 5);
        let lines = owner.get(&stage.console("/rows/export.ndjson?q=plain")).await.text();
        assert_eq!(lines.lines().count(), 1, "{lines}");
    }

    async fn a_person_skips_takes_in_and_expects(stage) {
        let mut owner = stage.owner("ada").await;
        typed(&stage, &mut owner, "a", "https://trk.example/1").await;
        let (act, page) = (stage.console("/rows/act"), row_path(&stage, "a"));
        let asked = owner.post(&act, &[("row", "live/csv/a"), ("act", "skip")]).await;
        assert!(asked.status == 200 && asked.text().contains("Skip a?"), "{}", asked.text());
        let skipped = owner.post(&act, &[("row", "live/csv/a"), ("act", "skip"), ("reason", "paused until June")]).await;
        assert_eq!(skipped.status, 303, "{}", skipped.text());
        assert!(owner.get(&page).await.text().contains("paused until June"));
        assert_eq!(owner.post(&act, &[("row", "live/csv/a"), ("act", "unskip")]).await.status, 303);
        let expect = stage.console("/rows/edit/live/csv/a/expect");
        let wrong = owner.post(&expect, &[("domain", "https://shop.example/"), ("parameters", ""), ("accepted", "")]).await;
        assert!(wrong.status == 422 && wrong.text().contains("aria-invalid"), "{}", wrong.text());
        let right = owner.post(&expect, &[("domain", "shop.example"), ("parameters", "gclid\nsub=7"), ("accepted", "")]).await;
        assert_eq!(right.status, 303, "{}", right.text());
        let text = owner.get(&page).await.text();
        assert!(text.contains("shop.example") && text.contains("gclid\nsub=7"), "{text}");
    }
}

/// The rows of a list of ids, from a file, in this order of importing.
async fn imported(stage: &Stage, owner: &mut Browser, rows: usize) {
    let lines: String = (0..rows).map(|number| format!("row-{number:03},https://trk.example/{number}\n")).collect();
    let csv = format!("row,url\n{lines}");
    let fields = [
        ("csv", csv.as_str()),
        ("step", "go"),
        ("import", "t1"),
        ("row", "0"),
        ("url", "1"),
        ("domain", ""),
        ("offer", ""),
        ("required", ""),
    ];
    assert_eq!(owner.post(&stage.console("/rows/import"), &fields).await.status, 303);
}

/// Paths that a page leads to, by the words of the link.
pub(super) fn leads(page: &str, words: &str) -> Option<String> {
    let end = page.find(&format!("<span>{words}</span>"))?;
    let start = page[..end].rfind("href=\"")? + 6;
    Some(page[start..].split('"').next()?.replace("&amp;", "&"))
}

/// The ids of the rows that a page shows.
pub(super) fn shown(page: &str) -> Vec<String> {
    page.split("aria-label=\"Select row-").skip(1).filter_map(|rest| rest.split('"').next()).map(|id| format!("row-{id}")).collect()
}

on_both_databases! {
    async fn pages_lead_on_and_back_in_every_order(stage) {
        let mut owner = stage.owner("ada").await;
        imported(&stage, &mut owner, 120).await;
        for sort in ["", "row-desc", "worst", "checked", "checked-asc", "ready", "ready-last", "offer", "offer-desc", "url", "url-desc"] {
            let mut path = stage.console(&format!("/rows?sort={sort}"));
            let mut pages = Vec::new();
            loop {
                let page = owner.get(&path).await.text();
                pages.push(shown(&page));
                match leads(&page, "Next") {
                    Some(next) => path = next,
                    None => break,
                }
            }
            assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [50, 50, 20], "{sort}");
            for expected in pages.iter().rev().skip(1) {
                let page = owner.get(&path).await.text();
                path = leads(&page, "Previous").unwrap();
                assert_eq!(&shown(&owner.get(&path).await.text()), expected, "{sort}");
            }
            assert_eq!(leads(&owner.get(&path).await.text(), "Previous"), None, "{sort}");
        }
    }

    async fn what_is_done_to_all_that_fit_is_counted_first(stage) {
        let mut owner = stage.owner("ada").await;
        imported(&stage, &mut owner, 70).await;
        let act = stage.console("/rows/act");
        let back = "?env=live&q=row-06";
        let asked = owner.post(&act, &[("scope", "all"), ("back", back), ("act", "skip")]).await.text();
        assert!(asked.contains("Skip 10 rows?"), "{asked}");
        let rechecked = owner.post(&act, &[("scope", "all"), ("back", back), ("act", "recheck")]).await.text();
        assert!(rechecked.contains("Check 10 rows again?"), "{rechecked}");
        // What is confirmed is what was counted, whatever fits by then.
        let values: Vec<String> = asked.split("name=\"row\" value=\"").skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect();
        assert_eq!(values.len(), 10);
        let mut fields: Vec<(&str, &str)> = values.iter().map(|value| ("row", value.as_str())).collect();
        fields.extend([("act", "skip"), ("confirmed", "yes"), ("scope", "all"), ("back", back), ("reason", "paused")]);
        let done = owner.post(&act, &fields).await;
        let to = stage.console(&format!("/rows{back}&did=skipped-10"));
        assert_eq!(done.header("location"), Some(to.as_str()), "{}", done.text());
        let skipped = owner.get(&stage.console("/rows?class=skipped")).await.text();
        assert_eq!(shown(&skipped).len(), 10);
        let many = owner.post(&act, &[("scope", "all"), ("back", "?env=live"), ("act", "unskip")]).await.text();
        assert!(many.contains("Take 70 rows in again?"), "{many}");
        assert_eq!(owner.post(&act, &[("scope", "all"), ("back", "?env=live&q=nothing"), ("act", "skip")]).await.status, 303);
    }

    async fn many_rows_are_expected_the_same_of(stage) {
        let mut owner = stage.owner("ada").await;
        imported(&stage, &mut owner, 3).await;
        let act = stage.console("/rows/act");
        let rows = [("row", "live/csv/row-000"), ("row", "live/csv/row-001"), ("act", "expect")];
        let asked = owner.post(&act, &rows).await.text();
        assert!(asked.contains("What is expected of 2 rows?"), "{asked}");
        let send = |fields: &[(&'static str, &'static str)]| [&rows[..], &[("confirmed", "yes")], fields].concat();
        let nothing = owner.post(&act, &send(&[("domain", "expected.example")])).await;
        assert!(nothing.status == 422 && nothing.text().contains("Tick what shall be changed"), "{}", nothing.text());
        let wrong = owner.post(&act, &send(&[("set-domain", "yes"), ("domain", "https://<b>/")])).await;
        assert!(wrong.status == 422 && wrong.text().contains("aria-invalid") && !wrong.text().contains("<b>"), "{}", wrong.text());
        let fields = [("set-domain", "yes"), ("domain", "expected.example"), ("set-parameters", "yes"), ("parameters", "gclid\nsub=7")];
        let saved = owner.post(&act, &send(&fields)).await;
        assert!(saved.header("location").is_some_and(|to| to.ends_with("did=expected-2")), "{}", saved.text());
        for (row, is_expected) in [("row-000", true), ("row-001", true), ("row-002", false)] {
            let page = owner.get(&row_path(&stage, row)).await.text();
            assert_eq!((page.contains("expected.example"), page.contains("gclid\nsub=7")), (is_expected, is_expected), "{row}");
        }
        // One part alone leaves the other as it is.
        assert_eq!(owner.post(&act, &send(&[("set-domain", "yes"), ("domain", "")])).await.status, 303);
        let page = owner.get(&row_path(&stage, "row-000")).await.text();
        assert!(!page.contains("value=\"expected.example\"") && page.contains("gclid\nsub=7"), "{page}");
    }
}
