//! Every page of the router's own list, with what people ask of it.

use std::collections::BTreeSet;
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use protocol::{Clock, Environment, SystemClock};
use relay::Audience;
use store::{ConsoleRowFilter, RowOrder};

use super::Measured;
use super::browser::Browser;
use crate::latency::Latencies;
use crate::rig::Rig;

/// What people ask the table of rows for.
const ROWS: &[&str] = &[
    "",
    "?class=bad",
    "?class=review",
    "?class=inconclusive",
    "?class=ok",
    "?class=skipped",
    "?class=pending",
    "?conclusion=dns_failed",
    "?source=google_sheets",
    "?ready=yes",
    "?ready=no",
    "?changed=day",
    "?changed=week",
    "?q=offer-0500",
    "?q=nowhere+to+be+found",
    "?q=shop.example&class=bad",
    "?sort=row-desc",
    "?sort=changed",
    "?sort=checked",
    "?sort=checked-asc",
    "?sort=ready",
    "?sort=offer",
    "?sort=url-desc",
    "?sort=url&class=bad",
    "?sort=worst",
    "?sort=worst&source=csv",
    "?sort=checked&class=bad",
    "?sort=checked-asc&source=csv&ready=no",
];
const JOBS: &[&str] = &["", "?state=queued", "?state=leased", "?state=concluded", "?state=cancelled"];
const AUDIT: &[&str] = &["", "?kind=refused", "?kind=setting_changed", "?about=nothing+like+that"];
/// How many pages are turned for a page deep within.
const DEEP: usize = 20;

/// Measures all whose name has `only`.
pub(super) fn all(rig: &Rig, only: &str, times: u32) -> anyhow::Result<Vec<Measured>> {
    let account = rig.account().to_string();
    let setup = rig.runtime().block_on(rig.relay().first_setup_link())?;
    let setup = setup.as_ref().map(|link| link.expose().trim_start_matches(rig.relay().public_url()).to_owned());
    let parts = rig.runtime().block_on(parts(rig))?;
    let address = rig.address();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut browser = Browser::sign_in(address, setup.as_deref()).await?;
        let me = browser.text(&format!("/console/{account}/people")).await?.1;
        let operator =
            me.split("/people/op_").nth(1).and_then(|rest| rest.split('"').next()).context("no operator on the page of people")?;
        let mut measured = Vec::new();
        let mut passed_over = BTreeSet::new();
        for path in pages() {
            let filled = path.replace("{account}", &account).replace("{operator}", &format!("op_{operator}"));
            let filled = parts.iter().fold(filled, |path, (name, value)| path.replace(name, value));
            for (name, path) in variants(path, &filled) {
                if !name.contains(only) {
                    continue;
                }
                match one(&mut browser, &path, times).await? {
                    Some((percentiles, bytes)) => measured.push(Measured { name: name.clone(), percentiles, bytes }),
                    None => _ = passed_over.insert(name.clone()),
                }
                if let Some(deep) = deep(&mut browser, &path).await?
                    && let Some((percentiles, bytes)) = one(&mut browser, &deep, times).await?
                {
                    measured.push(Measured { name: format!("{name} ({DEEP} pages on)"), percentiles, bytes });
                }
            }
        }
        // Whoever is signed in is led away from these, or they want a token that works once.
        eprintln!("not pages of their own here: {passed_over:?}");
        ensure!(!measured.is_empty(), "no page was measured");
        Ok(measured)
    })
}

/// Every page that can be read; streams and files have no end to wait for.
fn pages() -> impl Iterator<Item = &'static str> {
    relay::endpoints()
        .into_iter()
        .filter(|endpoint| endpoint.audience == Audience::Console && endpoint.method == "GET")
        .map(|endpoint| endpoint.path)
        .filter(|path| !path.ends_with("/events") && !path.contains("export") && !path.ends_with(".webp"))
}

/// The variable parts of paths: things in the middle of what there is.
async fn parts(rig: &Rig) -> anyhow::Result<Vec<(&'static str, String)>> {
    let (store, account) = (rig.store(), rig.account());
    let newest_first = ConsoleRowFilter { order: RowOrder::Checked, ..ConsoleRowFilter::all_of(account, Environment::Live, 500) };
    let newest = store.console_rows(newest_first, SystemClock.now()).await?;
    let row = newest.rows.into_iter().map(|found| found.row).find(|row| row.row_id.ends_with("00")).context("there are no rows")?;
    let device = store.devices(account).await?.into_iter().next().context("there is no device")?;
    let key = store.keys(account).await?.1.into_iter().find(|key| key.info.revoked_at.is_none()).context("there is no key")?;
    Ok(vec![
        ("{env}", Environment::Live.as_str().to_owned()),
        ("{source}", row.source),
        ("{row}", row.row_id),
        ("{job}", row.job_id.context("the row has no job")?.to_string()),
        ("{device}", device.id.to_string()),
        ("{key}", key.info.key_id.to_string()),
    ])
}

/// What people ask of a page: a name for the table, and the path.
fn variants(page: &str, path: &str) -> Vec<(String, String)> {
    let queries: &[&str] = match page {
        "/console/{account}/rows" => ROWS,
        "/console/{account}/jobs" => JOBS,
        "/console/{account}/audit" => AUDIT,
        "/console/{account}/requests" => &["", "?only=refused"],
        "/console/{account}/keys" => &["", "?show=all&q=script+1", "?from=100"],
        _ => &[""],
    };
    let short = page.trim_start_matches("/console/{account}");
    queries.iter().map(|query| (format!("{short}{query}"), format!("{path}{query}"))).collect()
}

/// The page so many pages on, of those that have that many.
async fn deep(browser: &mut Browser, path: &str) -> anyhow::Result<Option<String>> {
    let mut path = path.to_owned();
    for _ in 0..DEEP {
        let (_, page) = browser.text(&path).await?;
        let Some(next) = page.split(" rel=\"next\"").next().filter(|before| before.len() < page.len()) else { return Ok(None) };
        let Some(next) = next.rsplit("href=\"").next().and_then(|rest| rest.split('"').next()) else { return Ok(None) };
        path = next.replace("&amp;", "&");
    }
    Ok(Some(path))
}

/// What it costs; none: it leads elsewhere, or is not there for this reader.
async fn one(browser: &mut Browser, path: &str, times: u32) -> anyhow::Result<Option<(crate::latency::Percentiles, usize)>> {
    match browser.get(path, "identity").await?.0 {
        200 => {}
        300..500 => return Ok(None),
        status => bail!("{path} got {status}"),
    }
    let (mut latencies, mut bytes) = (Latencies::default(), 0);
    for _ in 0..times {
        let began = Instant::now();
        let (status, body) = browser.get(path, "br").await?;
        ensure!(status == 200, "{path} got {status}");
        bytes = body.len();
        latencies.record(began.elapsed());
    }
    Ok(Some((latencies.percentiles(), bytes)))
}
