//! Resolves many links of 3 hops over 100 hosts with full evidence, and prints links a second and the peak of memory.
//! Any static server will do that answers `/l/N` with 302 to `/m/N`, that with 302 to `/n/N`, that with 301 to `/p/N`,
//! and that with a page:
//!
//! `cargo run --release -p link-peeler-resolver --example throughput -- 127.0.0.1:8080 [LINKS] [CHAINS_AT_ONCE]`

use std::sync::Arc;
use std::time::Instant;

use futures_util::StreamExt as _;
use protocol::{Conclusion, Context, EngineChoice};
use resolver::guard::Exceptions;
use resolver::{Budgets, ResolveRequest, Resolver, Settings};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(measure())
}

async fn measure() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().ok_or("expected ADDR:PORT")?;
    let links: usize = arguments.next().map_or(Ok(1_000), |text| text.parse())?;
    let chains_at_once: usize = arguments.next().map_or(Ok(256), |text| text.parse())?;
    let exceptions = Exceptions::parse([format!("*.test={address}")])?;
    let budgets = Budgets { chains_at_once, ..Budgets::default() };
    let resolver = Arc::new(Resolver::new(Settings { exceptions, budgets, ..Settings::default() })?);
    let start = Instant::now();
    let results = futures_util::stream::iter(0..links)
        .map(|link| {
            let resolver = Arc::clone(&resolver);
            let context = Context { engine: Some(EngineChoice::Http), ..Context::default() };
            let request =
                ResolveRequest { tracking_url: format!("http://h{}.test/l/{link}", link % 100), context, ..ResolveRequest::default() };
            tokio::spawn(async move { resolver.resolve(&request).await })
        })
        .buffer_unordered(chains_at_once);
    let results: Vec<_> = results.collect().await;
    let elapsed = start.elapsed();
    let mut valid = 0;
    for result in results {
        let result = result?;
        if result.conclusion == Conclusion::Valid && result.hops.len() == 4 {
            valid += 1;
        } else {
            eprintln!("{}: {} hops, {}", result.conclusion, result.hops.len(), result.detail);
        }
    }
    println!("{valid} of {links} links valid, {:.0} links/s, {:.3} s", links as f64 / elapsed.as_secs_f64(), elapsed.as_secs_f64());
    if let Some(peak) = peak_memory_kib() {
        println!("peak memory {:.1} MiB", peak as f64 / 1_024.0);
    }
    Ok(())
}

fn peak_memory_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().trim_end_matches(" kB").parse().ok()
}
