//! The redirect corpus (`fixtures/chains/redirects.json`) by the HTTP engine alone: every case that needs no script lands
//! where Chromium lands, byte for byte and by the same way; every case that needs one hands over.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fmt::Write as _;

use lab::farm::{Corpus, Farm, FarmCase, Kind};
use protocol::result::HopKind;
use protocol::{Context, EngineChoice};
use resolver::guard::Exceptions;
use resolver::{Chain, End, ResolveRequest, Resolver, Settings};

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
    let mut faults = Vec::new();
    let (kind, final_url) = ending(chain);
    if !is_kind(expect.kind, kind) {
        faults.push(format!("kind {kind:?}, expected {:?}; end {:?}", expect.kind, short(&chain.end)));
    }
    if final_url != expect.final_url && !expect.accept.contains(&final_url) && !matches!(kind, Kind::TooManyRedirects | Kind::RefreshLoop) {
        faults.push(format!("final URL {final_url:?}, expected {:?}", expect.final_url));
    }
    if let End::AppHandoff { target } | End::RefusedScheme { target } = &chain.end
        && expect.target.as_ref().is_some_and(|expected| expected != target)
    {
        faults.push(format!("target {target}, expected {:?}", expect.target));
    }
    if let End::Page(page) = &chain.end
        && expect.status.is_some_and(|status| status != page.status)
    {
        faults.push(format!("status {}, expected {:?}", page.status, expect.status));
    }
    let got = way(chain);
    let expected: Vec<(String, String)> =
        expect.hops.iter().filter(|hop| hop.fetched).map(|hop| (hop.via.clone(), hop.url.clone())).collect();
    let is_same = if expect.hops_truncated {
        got.iter().zip(&expected).all(|(got, expected)| got == expected) && got.len() >= expected.len().min(2)
    } else {
        got == expected
    };
    if !is_same {
        faults.push(format!("hops {got:?}\n    expected {expected:?}"));
    }
    faults
}

/// How a chain ended and what the address bar shows, in the words of the corpus.
fn ending(chain: &Chain) -> (Kind, Option<String>) {
    let shown = chain.final_url().map(str::to_owned);
    let was_redirect = chain.hops.last().and_then(|hop| hop.status).is_some_and(|status| (300..400).contains(&status));
    let stayed = if was_redirect { None } else { shown.clone() };
    match &chain.end {
        End::Page(page) if page.status >= 400 => (Kind::HttpError, shown),
        End::Page(_) if chain.delayed_refresh.is_some() => (Kind::DelayedRefresh, shown),
        End::Page(_) => (Kind::Landed, shown),
        End::NoContent => (Kind::NoContent, None),
        End::Download { .. } => (Kind::Download, None),
        End::RefusedScheme { target } if target.starts_with("about:") && !was_redirect => (Kind::Landed, Some(target.clone())),
        End::RefusedScheme { .. } => (Kind::BlockedScheme, stayed),
        End::AppHandoff { .. } => (Kind::ExternalScheme, stayed),
        End::Loop { .. } if was_redirect => (Kind::TooManyRedirects, None),
        End::Loop { .. } => (Kind::RefreshLoop, shown),
        End::TooManyHops { .. } => (Kind::TooManyRedirects, None),
        // A meta refresh to what is no URL shows a blank page.
        End::RedirectInvalid(_) if !was_redirect => (Kind::BlockedScheme, Some("about:blank#blocked".to_owned())),
        End::RedirectInvalid(_)
        | End::Refused(_)
        | End::ContextUnavailable(_)
        | End::NameUnresolved(_)
        | End::ConnectFailed(_)
        | End::TlsFailed(_)
        | End::TimedOut(_) => (Kind::NetworkError, None),
    }
}

/// A page that waits for a click is a landing to whoever does not click.
fn is_kind(expected: Kind, got: Kind) -> bool {
    expected == got || (expected, got) == (Kind::Interstitial, Kind::Landed)
}

/// The requests that were sent, and moves within a page.
fn way(chain: &Chain) -> Vec<(String, String)> {
    let mut hops: Vec<(String, String)> = Vec::new();
    let mut was_internal = false;
    for hop in &chain.hops {
        let via = match hop.kind {
            _ if was_internal => "internal",
            HopKind::Start => "start",
            HopKind::Http => "http",
            HopKind::RefreshHeader => "refresh_header",
            HopKind::MetaRefresh => "meta",
            HopKind::Javascript => "js",
            HopKind::Form => "form",
        };
        was_internal = hop.status == Some(307) && hop.remote_addr.is_none();
        hops.push((via.to_owned(), hop.url.clone()));
    }
    if matches!(chain.end, End::Refused(_)) {
        hops.pop();
    }
    hops
}

fn short(end: &End) -> String {
    let text = format!("{end:?}");
    text.chars().take(300).collect()
}
