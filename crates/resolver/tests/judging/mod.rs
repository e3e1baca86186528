//! Judges a chain by a case of the redirect corpus; shared by the tests of both engines.

use lab::farm::{FarmCase, Kind};
use protocol::result::HopKind;
use resolver::{Chain, End};

/// What is wrong with a chain, in sentences.
pub(crate) fn faults(case: &FarmCase, chain: &Chain) -> Vec<String> {
    let expect = &case.expect;
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
    let expected: Vec<(String, String)> = expected_way(case);
    let is_same = if final_url != expect.final_url && expect.accept.contains(&final_url) {
        // Another end that is no fault was reached another way.
        true
    } else if expect.hops_truncated {
        got.iter().zip(&expected).all(|(got, expected)| got == expected) && got.len() >= expected.len().min(2)
    } else {
        got == expected
    };
    if !is_same {
        faults.push(format!("hops {got:?}\n    expected {expected:?}"));
    }
    faults
}

/// A reload is a script's doing. Documents of a page's own (`blob:`) are no requests.
fn expected_way(case: &FarmCase) -> Vec<(String, String)> {
    let via = |via: &str| if via == "reload" { "js".to_owned() } else { via.to_owned() };
    let hops = case.expect.hops.iter().filter(|hop| hop.fetched && hop.url.starts_with("http"));
    hops.map(|hop| (via(&hop.via), hop.url.clone())).collect()
}

/// How a chain ended and what the address bar shows, in the words of the corpus.
fn ending(chain: &Chain) -> (Kind, Option<String>) {
    let shown = chain.final_url().map(str::to_owned);
    // A browser does not tell the status of a redirect that it cannot follow.
    let was_redirect = chain.hops.last().is_some_and(|hop| hop.status.is_none_or(|status| (300..400).contains(&status)));
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

/// A page that waits for a click is a landing to whoever does not click, and so is one that opens a window beside it.
fn is_kind(expected: Kind, got: Kind) -> bool {
    expected == got || matches!((expected, got), (Kind::Interstitial | Kind::Popup, Kind::Landed))
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

#[allow(dead_code, reason = "one of the tests that share this uses it")]
pub(crate) fn short(end: &End) -> String {
    let text = format!("{end:?}");
    text.chars().take(300).collect()
}
