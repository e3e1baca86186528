//! Every link of the lab is concluded as it should be, by a desktop without a browser.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use futures_util::StreamExt as _;
use lab::{Case, Lab};
use protocol::{Conclusion, Context, EngineChoice};
use resolver::guard::Exceptions;
use resolver::{BrowserChoice, Budgets, ResolveRequest, Resolver, Rules, Settings};

/// A resolver for the lab: short budgets, so that silence and second attempts cost little.
fn resolver(lab: &Lab) -> Resolver {
    let mut exceptions = Exceptions::default();
    exceptions.allow(lab.address());
    let budgets = Budgets { hop: Duration::from_secs(3), confirm_after: Duration::from_millis(100), ..Budgets::default() };
    Resolver::new(Settings { exceptions, budgets, browser: BrowserChoice::Off, ..Settings::default() }).unwrap()
}

async fn check(lab: &Lab, resolver: &Resolver, case: &Case) -> Result<(), String> {
    let request = ResolveRequest {
        tracking_url: lab.tracking_url(case),
        expected_domain: case.expected_domain.map(str::to_owned),
        expectation: case.expectation(&lab.url()),
        context: Context { engine: Some(EngineChoice::Http), ..Context::default() },
    };
    let result = resolver.resolve(&request).await;
    result.check().map_err(|fault| format!("{}: {fault:?}", case.name))?;
    let expected = if case.needs_browser { Conclusion::ContextUnavailable } else { case.expected };
    if result.conclusion != expected {
        return Err(format!("{}: {} ({}), expected {expected}", case.name, result.conclusion, result.detail));
    }
    if case.needs_browser && result.handover.is_none() {
        return Err(format!("{}: does not say why it hands over", case.name));
    }
    let final_url = case.final_path.filter(|_| !case.needs_browser).map(|path| format!("{}{path}", lab.url()));
    if final_url.is_some() && result.final_url != final_url {
        return Err(format!("{}: ends at {:?}, expected {final_url:?}", case.name, result.final_url));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_link_is_concluded_as_its_case_says() {
    let lab = Lab::start("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let resolver = resolver(&lab);
    let checks = futures_util::stream::iter(lab.cases()).map(|case| check(&lab, &resolver, case)).buffer_unordered(16);
    let faults: Vec<String> = checks.filter_map(|checked| async { checked.err() }).collect().await;
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    lab.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_evidence_tells_parameters_exceptions_and_late_refreshes() {
    let lab = Lab::start("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let resolver = resolver(&lab);
    let resolve = async |name: &str| {
        let case = lab.cases().iter().find(|case| case.name == name).unwrap();
        resolver.resolve(&ResolveRequest { tracking_url: lab.tracking_url(case), ..ResolveRequest::default() }).await
    };
    let result = resolve("parameters").await;
    let click = result.parameters.iter().find(|parameter| parameter.name == "click").unwrap();
    assert_eq!((click.added_at, click.dropped_at), (0, Some(2)));
    assert!(result.hops.iter().all(|hop| hop.guard_exception && hop.remote_addr == Some(lab.address().to_string())));
    assert_eq!(result.title.as_deref(), Some("Ridgeline trail shoe – Northfold"));

    let late = resolve("meta-refresh-late").await.delayed_refresh.unwrap();
    assert_eq!((late.seconds, late.target), (30, format!("{}/landing", lab.url())));

    let gone = resolve("gone-404").await;
    assert!(gone.detail.contains("second attempt"), "{}", gone.detail);
    lab.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_rule_has_a_page_that_it_recognises() {
    let lab = Lab::start("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let resolver = resolver(&lab);
    let judged = [Conclusion::AccessChallenged, Conclusion::OfferUnavailable];
    let details = futures_util::stream::iter(lab.cases().iter().filter(|case| judged.contains(&case.expected)))
        .map(async |case| {
            resolver.resolve(&ResolveRequest { tracking_url: lab.tracking_url(case), ..ResolveRequest::default() }).await.detail
        })
        .buffer_unordered(8);
    let details: Vec<String> = details.collect().await;
    let unseen: Vec<String> = Rules::default()
        .iter()
        .filter(|rule| rule.enabled)
        .map(|rule| rule.name.to_owned())
        .filter(|name| !details.iter().any(|detail| detail.contains(&format!("`{name}`"))))
        .collect();
    assert_eq!(unseen, Vec::<String>::new(), "rules without a page in the lab");
    lab.shutdown().await;
}
