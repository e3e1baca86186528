//! The redirect corpus (`fixtures/chains/redirects.json`) by the HTTP engine alone: every case that needs no script lands
//! where Chromium lands, byte for byte and by the same way; every case that needs one hands over.

#![allow(clippy::unwrap_used)]

mod judging;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use judging::short;
use lab::farm::{Corpus, Farm, FarmCase};
use protocol::{Context, EngineChoice};
use resolver::guard::Exceptions;
use resolver::{Chain, ResolveRequest, Resolver, Settings};

/// Cases that the HTTP engine misses, and why that is right.
const ARGUED: &[(&str, &str)] = &[
    ("js-iframe-own", "same bytes as meta-iframe-only, which must not hand over; the final URL is right without a browser"),
    ("js-vs-meta0-timeout", "a timer of 300 ms against a refresh that waits for the load event: hands over, which the case accepts"),
    (
        "metaparse-220",
        "expects a refresh by `.` alone, which Chromium's own record of the case shows not to happen; the final URL is right",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_http_engine_follows_what_needs_no_script_and_hands_over_the_rest() {
    let corpus = Corpus::parse(include_str!("../../../fixtures/chains/redirects.json")).unwrap();
    assert_eq!(corpus.cases.len(), 342);
    let farm = Farm::start(&corpus.cases).await.unwrap();
    let settings = Settings {
        exceptions: Exceptions::parse([format!("*.test={}", farm.address())]).unwrap(),
        extra_roots: vec![farm.authority().clone()],
        ..Settings::default()
    };
    let resolver = Resolver::new(settings).unwrap();

    let mut scores: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    let mut misses = String::new();
    let mut argued = 0;
    for case in &corpus.cases {
        let context = Context { engine: Some(EngineChoice::Http), ..Context::default() };
        let request = ResolveRequest { tracking_url: case.start.clone(), context, ..ResolveRequest::default() };
        let chain = resolver.chain(&request).await.unwrap();
        let faults = faults(case, &chain);
        let is_argued = ARGUED.iter().any(|(id, _)| *id == case.id);
        let score = scores.entry(&case.group).or_default();
        score.1 += 1;
        match (faults.is_empty(), is_argued) {
            (true, false) => score.0 += 1,
            (true, true) => writeln!(misses, "{}: is argued for, and no miss", case.id).unwrap(),
            (false, true) => argued += 1,
            (false, false) => {
                writeln!(misses, "{} ({}): {}\n    {}", case.id, case.start, case.description, faults.join("\n    ")).unwrap()
            }
        }
    }
    farm.shutdown().await;
    for (group, (right, all)) in &scores {
        println!("{group:24} {right:3} of {all:3}");
    }
    println!("{:24} {argued:3}", "argued misses");
    assert!(misses.is_empty(), "misses:\n{misses}");
    assert_eq!(argued, ARGUED.len());
}

/// What is wrong with a chain, in sentences.
fn faults(case: &FarmCase, chain: &Chain) -> Vec<String> {
    let expect = &case.expect;
    let hands_over = chain.handover.as_ref().is_some_and(|handover| handover.reason.needs_browser());
    if expect.needs_js || hands_over {
        let fault = format!("needs a browser: {}, handed over: {:?}, end {:?}", expect.needs_js, chain.handover, short(&chain.end));
        return if expect.needs_js == hands_over { Vec::new() } else { vec![fault] };
    }
    judging::faults(case, chain)
}
