//! A mixed list through the engine `auto`: the lab's cases, most of which need no browser. How many opened one, and why.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use lab::{Case, Lab};
use protocol::result::Engine;
use protocol::{Context, EngineChoice, JobResult};
use resolver::guard::Exceptions;
use resolver::{BrowserChoice, ResolveRequest, Resolver, Settings};

/// Links at once: enough that slow ones wait beside each other.
const AT_ONCE: usize = 16;

/// What came of the list.
#[derive(Default)]
pub(super) struct Mixed {
    pub(super) links: usize,
    pub(super) elapsed: Duration,
    /// Links whose conclusion is the one that the lab says.
    pub(super) as_expected: usize,
    /// The others: case, what the lab says, what was concluded.
    pub(super) otherwise: Vec<(&'static str, String, String)>,
    /// Links for which a browser was opened.
    pub(super) opened: usize,
    /// Why, and how many of each.
    pub(super) reasons: BTreeMap<String, usize>,
    /// Links that the lab says only a browser can tell, and for which none was opened.
    pub(super) missed: Vec<&'static str>,
    /// Links for which one was opened although the lab says that an HTTP engine can tell: error pages are looked at again.
    pub(super) needless: usize,
}

/// Measures. Without a browser, `auto` is the HTTP engine and says where it cannot know.
pub(super) fn measure(browser: Option<&Path>) -> anyhow::Result<Mixed> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(resolve(browser))
}

async fn resolve(browser: Option<&Path>) -> anyhow::Result<Mixed> {
    let lab = Lab::start("127.0.0.1:0".parse()?).await?;
    let mut exceptions = Exceptions::default();
    exceptions.allow(lab.address());
    let browser = browser.map_or(BrowserChoice::Off, |path| BrowserChoice::Executable(path.to_owned()));
    let resolver = Resolver::new(Settings { exceptions, browser, ..Settings::default() })?;
    let cases = lab.cases();
    eprintln!("a mixed list of {} links", cases.len());
    let started = Instant::now();
    let links = cases.iter().map(|case| {
        let (resolver, request) = (resolver.clone(), request(&lab, case));
        async move { (case, resolver.resolve(&request).await) }
    });
    let results: Vec<(&Case, JobResult)> = futures_util::stream::iter(links).buffer_unordered(AT_ONCE).collect().await;
    let mut mixed = Mixed { links: cases.len(), elapsed: started.elapsed(), ..Mixed::default() };
    lab.shutdown().await;
    results.iter().for_each(|(case, result)| mixed.add(case, result));
    Ok(mixed)
}

fn request(lab: &Lab, case: &Case) -> ResolveRequest {
    ResolveRequest {
        tracking_url: lab.tracking_url(case),
        expected_domain: case.expected_domain.map(str::to_owned),
        expectation: case.expectation(&lab.url()),
        context: Context { engine: Some(EngineChoice::Auto), ..Context::default() },
    }
}

impl Mixed {
    fn add(&mut self, case: &Case, result: &JobResult) {
        if result.conclusion == case.expected {
            self.as_expected += 1;
        } else {
            self.otherwise.push((case.name, case.expected.to_string(), result.conclusion.to_string()));
        }
        let opened = result.engine == Some(Engine::Browser);
        if opened {
            self.opened += 1;
            let reason = result.handover.clone().unwrap_or_else(|| "no reason is told".to_owned());
            *self.reasons.entry(reason).or_default() += 1;
        }
        match (case.needs_browser, opened) {
            (true, false) => self.missed.push(case.name),
            (false, true) => self.needless += 1,
            (true, true) | (false, false) => {}
        }
    }
}
