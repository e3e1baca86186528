//! The redirect corpus (`fixtures/chains/redirects.json`) by a real browser: alone, and as `auto` uses it. Wants an
//! installed Chrome or Chromium; without one there is nothing to judge by, and the tests say so.
//!
//! `CASES=js-,tls-hsts` runs those whose ids begin so.

#![allow(clippy::unwrap_used)]

mod judging;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Instant;

use futures_util::StreamExt as _;
use judging::faults;
use lab::farm::{Corpus, Farm, FarmCase};
use protocol::{Context, EngineChoice};
use resolver::guard::Exceptions;
use resolver::{ResolveRequest, Resolver, Settings};

/// Cases at once; the browser takes four.
const AT_ONCE: usize = 8;

/// Cases that the browser misses, and why that is right.
const ARGUED: &[(&str, &str)] = &[
    ("js-history-back", "a visitor's new tab has no page before the first to go back to: stays, as the case's author expected"),
    ("js-settimeout20s", "a timer beyond the time that people wait cannot be seen from outside; it lands where it should"),
    (
        "metaparse-220",
        "expects a refresh by `.` alone, which Chromium's own record of the case shows not to happen; the final URL is right",
    ),
    ("blk-302-view-source", "Chromium gives the request up and tells neither status nor Location: `connect_failed`"),
];

async fn score(engine: EngineChoice) {
    // `RUST_LOG=resolver=trace` shows every event of the browser.
    tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).with_test_writer().try_init().ok();
    let corpus = Corpus::parse(include_str!("../../../fixtures/chains/redirects.json")).unwrap();
    let farm = Farm::start(&corpus.cases).await.unwrap();
    let settings = Settings {
        exceptions: Exceptions::parse([format!("*.test={}", farm.address())]).unwrap(),
        extra_roots: vec![farm.authority().clone()],
        ..Settings::default()
    };
    let resolver = Resolver::new(settings).unwrap();
    if let Err(cause) = resolver.browser() {
        println!("skipped: {cause}");
        return;
    }
    let wanted = std::env::var("CASES").unwrap_or_default();
    let is_wanted = |case: &&FarmCase| wanted.split(',').any(|start| case.id.starts_with(start));
    let began = Instant::now();
    let judged: Vec<(&FarmCase, Vec<String>)> = futures_util::stream::iter(corpus.cases.iter().filter(is_wanted))
        .map(|case| {
            let resolver = resolver.clone();
            async move {
                let context = Context { engine: Some(engine), ..Context::default() };
                let request = ResolveRequest { tracking_url: case.start.clone(), context, ..ResolveRequest::default() };
                let began = Instant::now();
                let chain = resolver.chain(&request).await.unwrap();
                if !wanted_all() {
                    println!("{}: {:?} {chain:#?}", case.id, began.elapsed());
                }
                (case, faults(case, &chain))
            }
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let elapsed = began.elapsed();
    farm.shutdown().await;

    let mut scores: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    let mut misses = String::new();
    for (case, faults) in &judged {
        let is_argued = ARGUED.iter().any(|(id, _)| *id == case.id);
        let score = scores.entry(&case.group).or_default();
        score.1 += 1;
        match (faults.is_empty(), is_argued) {
            (true, _) => score.0 += 1,
            (false, true) => (),
            (false, false) => {
                writeln!(misses, "{} ({}): {}\n    {}", case.id, case.start, case.description, faults.join("\n    ")).unwrap()
            }
        }
    }
    for (group, (right, all)) in &scores {
        println!("{group:24} {right:3} of {all:3}");
    }
    println!("{} cases in {elapsed:?}", judged.len());
    assert!(misses.is_empty(), "misses:\n{misses}");
}

fn wanted_all() -> bool {
    std::env::var("CASES").is_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_browser_alone_sees_what_chromium_saw() {
    score(EngineChoice::Browser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn auto_lands_where_chromium_lands() {
    score(EngineChoice::Auto).await;
}
