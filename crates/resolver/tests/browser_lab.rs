//! Every link of the lab is concluded as it should be, by a desktop with a browser; and what is said without one.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use futures_util::StreamExt as _;
use lab::{Case, Lab};
use protocol::result::Engine;
use protocol::{Conclusion, Context, EngineChoice};
use resolver::guard::Exceptions;
use resolver::{BrowserChoice, Budgets, ResolveRequest, Resolver, Settings};

fn resolver(lab: &Lab, browser: BrowserChoice) -> Resolver {
    let mut exceptions = Exceptions::default();
    exceptions.allow(lab.address());
    let budgets = Budgets { hop: Duration::from_secs(5), confirm_after: Duration::from_millis(100), ..Budgets::default() };
    Resolver::new(Settings { exceptions, budgets, browser, ..Settings::default() }).unwrap()
}

async fn check(lab: &Lab, resolver: &Resolver, case: &Case, engine: EngineChoice) -> Result<(), String> {
    let request = ResolveRequest {
        tracking_url: lab.tracking_url(case),
        expected_domain: case.expected_domain.map(str::to_owned),
        expectation: case.expectation(&lab.url()),
        context: Context { engine: Some(engine), ..Context::default() },
    };
    let result = resolver.resolve(&request).await;
    result.check().map_err(|fault| format!("{}: {fault:?}", case.name))?;
    if result.conclusion != case.expected {
        return Err(format!("{} by {engine:?}: {} ({}), expected {}", case.name, result.conclusion, result.detail, case.expected));
    }
    let final_url = case.final_path.map(|path| format!("{}{path}", lab.url()));
    if final_url.is_some() && result.final_url != final_url {
        return Err(format!("{} by {engine:?}: ends at {:?}, expected {final_url:?}", case.name, result.final_url));
    }
    if case.needs_browser && (result.engine != Some(Engine::Browser) || engine == EngineChoice::Auto && result.handover.is_none()) {
        return Err(format!("{} by {engine:?}: no browser, or no word of why one was needed", case.name));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_link_is_concluded_as_its_case_says_with_a_browser() {
    let lab = Lab::start("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let resolver = resolver(&lab, BrowserChoice::Installed);
    if let Err(cause) = resolver.browser() {
        println!("skipped: {cause}");
        return;
    }
    for engine in [EngineChoice::Auto, EngineChoice::Browser] {
        let checks = futures_util::stream::iter(lab.cases()).map(|case| check(&lab, &resolver, case, engine)).buffer_unordered(8);
        let faults: Vec<String> = checks.filter_map(|checked| async { checked.err() }).collect().await;
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }
    lab.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_browser_its_links_say_so_and_the_others_are_concluded() {
    let lab = Lab::start("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let resolver = resolver(&lab, BrowserChoice::Off);
    assert!(resolver.browser().is_err());
    let resolve = async |name: &str, engine| {
        let case = lab.cases().iter().find(|case| case.name == name).unwrap();
        let context = Context { engine: Some(engine), ..Context::default() };
        resolver.resolve(&ResolveRequest { tracking_url: lab.tracking_url(case), context, ..ResolveRequest::default() }).await
    };
    let scripted = resolve("script-location", EngineChoice::Auto).await;
    assert_eq!(scripted.conclusion, Conclusion::ContextUnavailable);
    assert!(scripted.handover.is_some());
    assert_eq!(resolve("chain-302-3", EngineChoice::Auto).await.conclusion, Conclusion::Valid);
    let asked_for = resolve("chain-302-3", EngineChoice::Browser).await;
    assert_eq!(asked_for.conclusion, Conclusion::ContextUnavailable);
    assert!(asked_for.detail.contains("browser"), "{}", asked_for.detail);
    lab.shutdown().await;
}
