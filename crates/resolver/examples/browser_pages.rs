//! Pages a second by the browser engine, each link in a fresh context: `cargo run --example browser_pages -- [LINKS]`.
//! Links of three hops (two redirects and a page) on loopback, over ten hosts.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use lab::Lab;
use protocol::{Conclusion, Context, EngineChoice};
use resolver::guard::Exceptions;
use resolver::{ResolveRequest, Resolver, Settings};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let links: usize = std::env::args().nth(1).map_or(Ok(100), |text| text.parse())?;
    let lab = Lab::start("127.0.0.1:0".parse()?).await?;
    let exceptions = Exceptions::parse([format!("*.test={}", lab.address())])?;
    let resolver = Resolver::new(Settings { exceptions, ..Settings::default() })?;
    let resolve = async |link: usize| {
        let context = Context { engine: Some(EngineChoice::Browser), ..Context::default() };
        let tracking_url = format!("http://h{}.test/chain/302/2?link={link}", link % 10);
        let began = Instant::now();
        let result = resolver.resolve(&ResolveRequest { tracking_url, context, ..ResolveRequest::default() }).await;
        (result, began.elapsed())
    };
    let (first, started) = resolve(0).await;
    println!("first link, the browser's start included: {started:?} ({})", first.detail);
    for at_once in [1, 2, 3, 4] {
        let began = Instant::now();
        let results: Vec<_> = futures_util::stream::iter(0..links).map(&resolve).buffer_unordered(at_once).collect().await;
        let elapsed = began.elapsed();
        let valid = results.iter().filter(|(result, _)| result.conclusion == Conclusion::Valid && result.hops.len() == 3).count();
        let mut times: Vec<Duration> = results.iter().map(|(_, took)| *took).collect();
        times.sort();
        let percentile = |part: usize| times.get((times.len() * part / 100).min(times.len() - 1)).copied().unwrap_or_default();
        println!(
            "{at_once} at once: {:.1} pages a second, {valid} of {links} valid; p50 {:?}, p95 {:?}",
            links as f64 / elapsed.as_secs_f64(),
            percentile(50),
            percentile(95)
        );
    }
    lab.shutdown().await;
    Ok(())
}
