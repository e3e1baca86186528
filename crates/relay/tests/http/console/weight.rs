//! What a page weighs on the wire, and who gets it packed.

use std::collections::BTreeMap;

use super::{filled, pages};
use crate::browser::Browser;
use crate::wire::Answer;

/// Everything that a first view may take: the page and what it is drawn with.
const MOST_BYTES: usize = 100 * 1_024;

async fn packed(browser: &mut Browser, path: &str, site: Option<&str>) -> Answer {
    let mut request = browser.request("GET", path).header("Accept-Encoding", "gzip, deflate, br");
    if let Some(site) = site {
        request = request.header("Sec-Fetch-Site", site);
    }
    browser.send(&request).await
}

/// Paths of what a page is drawn with.
fn assets(html: &str) -> Vec<String> {
    html.split('"').filter(|part| part.starts_with("/assets/")).map(str::to_owned).collect()
}

on_both_databases! {
    async fn the_first_view_of_every_page_is_light(stage) {
        let mut owner = stage.owner("ada").await;
        // A whole page of rows and of jobs.
        let csv: String = (0..60).map(|n| format!("spring sale {n},https://trk.example/c/{n}?campaign={n}&click=abcdef{n},shop.example\n")).collect();
        let csv = format!("row id,tracking url,expected domain\n{csv}");
        let fields = [("csv", csv.as_str()), ("step", "go"), ("import", "t1"), ("row", "0"), ("url", "1"), ("domain", "2"), ("offer", ""), ("required", "")];
        assert_eq!(owner.post(&stage.console("/rows/import"), &fields).await.status, 303);
        let mut weights: BTreeMap<String, usize> = BTreeMap::new();
        let mut seen = 0;
        for (_, path) in pages().into_iter().filter(|(method, _)| *method == "GET") {
            let path = filled(path, &stage.relay);
            let plain = owner.get(&path).await;
            if !plain.header("content-type").is_some_and(|kind| kind.starts_with("text/html")) {
                continue;
            }
            let page = packed(&mut owner, &path, Some("same-origin")).await;
            if plain.body.len() > 1_024 {
                assert_eq!(page.header("content-encoding"), Some("br"), "{path}");
            }
            let mut total = page.body.len();
            for asset in assets(&plain.text()) {
                if !weights.contains_key(&asset) {
                    let answer = packed(&mut owner, &asset, Some("same-origin")).await;
                    assert_eq!((answer.status, answer.header("content-encoding")), (200, Some("br")), "{asset}");
                    weights.insert(asset.clone(), answer.body.len());
                }
                total += weights[&asset];
            }
            assert!(total < MOST_BYTES, "{path}: {total} bytes");
            seen += 1;
        }
        assert!(seen > 15, "{seen}");
        let rows = packed(&mut owner, &stage.console("/rows"), Some("same-origin")).await;
        assert!(rows.body.len() < 16 * 1_024, "fifty rows: {} bytes", rows.body.len());
    }

    async fn what_another_site_asks_for_goes_out_as_it_is(stage) {
        let mut owner = stage.owner("ada").await;
        let path = stage.console("/rows?q=chosen+by+a+stranger");
        for (site, coding) in [(Some("same-origin"), Some("br")), (Some("none"), Some("br")), (Some("cross-site"), None), (Some("same-site"), None)] {
            let page = packed(&mut owner, &path, site).await;
            assert_eq!((page.status, page.header("content-encoding")), (200, coding), "{site:?}");
            assert!(page.header("vary").is_none_or(|vary| vary.contains("sec-fetch-site")));
        }
        // Nothing is encrypted here, and browsers do not say who asks.
        assert_eq!(packed(&mut owner, &path, None).await.header("content-encoding"), Some("br"));
    }
}

on_both_databases! {
    async fn an_asset_is_kept_for_good_and_not_sent_again_to_whoever_has_it(stage) {
        let mut browser = Browser::new(stage.address());
        let html = browser.get("/sign-in").await.text();
        let css = assets(&html).into_iter().find(|path| path.contains("ui.") && path.contains(".css")).unwrap();
        let first = packed(&mut browser, &css, None).await;
        assert_eq!(first.header("cache-control"), Some("public, max-age=31536000, immutable"));
        let again = browser.request("GET", &css).header("Accept-Encoding", "br").header("If-None-Match", first.header("etag").unwrap());
        let again = browser.send(&again).await;
        assert_eq!((again.status, again.body.len()), (304, 0));
    }
}
