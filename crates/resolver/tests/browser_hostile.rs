//! Pages that do their worst to a browser: each concludes within its budget, and the next job finds a working browser.

#![allow(clippy::unwrap_used)]

mod pages;

use std::time::{Duration, Instant};

use pages::Site;
use protocol::{Conclusion, Context, EngineChoice, JobResult};
use resolver::guard::Exceptions;
use resolver::{Budgets, ResolveRequest, Resolver, Settings};

const CHAIN: Duration = Duration::from_secs(8);

fn resolver(site: &Site) -> Resolver {
    let budgets = Budgets { chain: CHAIN, hop: Duration::from_secs(5), confirm_after: Duration::from_millis(1), ..Budgets::default() };
    let exceptions = Exceptions::parse([format!("*.test={}", site.address)]).unwrap();
    Resolver::new(Settings { budgets, exceptions, ..Settings::default() }).unwrap()
}

async fn resolve(resolver: &Resolver, url: &str) -> (JobResult, Duration) {
    let context = Context { engine: Some(EngineChoice::Browser), ..Context::default() };
    let began = Instant::now();
    let result = resolver.resolve(&ResolveRequest { tracking_url: url.to_owned(), context, ..ResolveRequest::default() }).await;
    println!("{url}: {} in {:?}: {}", result.conclusion, began.elapsed(), result.detail);
    result.check().unwrap();
    (result, began.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_pages_end_within_their_budget_and_leave_the_browser_usable() {
    let endless = format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n{}", "<p>more".repeat(1_000));
    let site = Site::start(&[
        ("/landing", "<title>shoes</title><p>shoes"),
        ("/spin", "<p>spin<script>while (true) {}</script>"),
        ("/spin-later", "<p>spin<script>onload = () => setTimeout(() => { while (true) {} }, 100)</script>"),
        (
            "/allocate",
            "<p>grow<script>const all = []; (function grow() { for (let i = 0; i < 4; i++) all.push(new Uint8Array(64 << 20).fill(1)); setTimeout(grow, 1) })()</script>",
        ),
        ("/heap", "<p>grow<script>const all = []; while (true) all.push({a: [all.length]})</script>"),
        ("/dialogs", "<p>hi<script>while (true) alert('again')</script>"),
        ("/unload", "<p>hi<script>onbeforeunload = e => { e.preventDefault(); return 'stay' }; setTimeout(() => location = '/landing', 50)</script>"),
        ("/popups", "<p>hi<script>for (let i = 0; i < 200; i++) window.open('/landing?' + i)</script>"),
        ("/events", "<p>hi<script>setInterval(() => { for (let i = 0; i < 500; i++) fetch('/none?' + Math.random()) }, 1)</script>"),
        ("/hashes", "<p>hi<script>let n = 0; setInterval(() => { for (let i = 0; i < 100; i++) location.hash = n++ }, 1)</script>"),
        ("/reloads", "<p>hi<script>location = '/reloads?' + Math.random()</script>"),
        ("/workers", "<p>hi<script>for (let i = 0; i < 50; i++) new Worker(URL.createObjectURL(new Blob(['while(true){}'])))</script>"),
        ("/frames", "<p>hi<script>for (let i = 0; i < 100; i++) { const f = document.createElement('iframe'); f.src = '/frames'; document.body.append(f) }</script>"),
        ("/print", "<p>hi<script>print(); navigator.geolocation.getCurrentPosition(() => 0); Notification.requestPermission()</script>"),
        ("/endless", &endless),
        ("/download", "HTTP/1.1 200 OK\r\nContent-Type: application/zip\r\nContent-Disposition: attachment; filename=x.zip\r\nContent-Length: 4\r\n\r\nPK\x03\x04"),
        ("/to-download", "<p>hi<script>location = '/download'</script>"),
    ])
    .await;
    let resolver = resolver(&site);
    let (_, start) = resolve(&resolver, "http://a.test/landing").await;
    println!("first job, browser start included: {start:?}");
    for (path, expected) in [
        ("/spin", &[Conclusion::TimedOut][..]),
        ("/spin-later", &[Conclusion::TimedOut, Conclusion::Valid]),
        ("/allocate", &[Conclusion::ContextUnavailable, Conclusion::TimedOut]),
        ("/heap", &[Conclusion::ContextUnavailable, Conclusion::TimedOut]),
        ("/dialogs", &[Conclusion::TimedOut]),
        ("/unload", &[Conclusion::Valid]),
        ("/popups", &[Conclusion::Valid]),
        ("/events", &[Conclusion::Valid, Conclusion::TimedOut]),
        ("/hashes", &[Conclusion::Valid, Conclusion::TimedOut]),
        ("/reloads", &[Conclusion::TooManyHops]),
        ("/workers", &[Conclusion::Valid, Conclusion::TimedOut]),
        ("/frames", &[Conclusion::Valid, Conclusion::TimedOut]),
        ("/print", &[Conclusion::Valid]),
        ("/endless", &[Conclusion::Valid, Conclusion::TimedOut]),
        ("/download", &[Conclusion::ContentUnusable]),
        ("/to-download", &[Conclusion::ContentUnusable]),
    ] {
        let (result, took) = resolve(&resolver, &format!("http://a.test{path}")).await;
        assert!(expected.contains(&result.conclusion), "{path}: {} ({})", result.conclusion, result.detail);
        assert!(took <= CHAIN + Duration::from_secs(1), "{path} took {took:?}");
        let (next, took) = resolve(&resolver, "http://b.test/landing").await;
        assert_eq!(next.conclusion, Conclusion::Valid, "after {path}: {}", next.detail);
        assert!(took < CHAIN, "after {path}: {took:?}");
    }
}

/// Processes of browsers that this process has started, by their profile folder.
#[cfg(target_os = "linux")]
fn browser_processes() -> Vec<u32> {
    let marker = format!("link-peeler-browser-{}-", std::process::id());
    let is_ours = |process: &u32| {
        let command = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&command).contains(&marker)
    };
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(is_ours).collect()
}

#[cfg(target_os = "linux")]
fn profiles() -> usize {
    let marker = format!("link-peeler-browser-{}-", std::process::id());
    std::env::temp_dir().read_dir().unwrap().flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(&marker)).count()
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_dies_is_replaced_and_the_last_one_leaves_nothing_behind() {
    use std::process::Command;

    let site = Site::start(&[("/landing", "<title>shoes</title><p>shoes"), ("/slow", "<p>x<script>setTimeout(() => 1, 9)</script>")]).await;
    // Its own processes alone: the other test of this file has browsers too.
    let before = browser_processes();
    let resolver = resolver(&site);
    assert_eq!(resolve(&resolver, "http://a.test/landing").await.0.conclusion, Conclusion::Valid);
    let own: Vec<u32> = browser_processes().into_iter().filter(|process| !before.contains(process)).collect();
    let leader = own.iter().min().unwrap().to_string();
    let (under_way, ()) = tokio::join!(resolve(&resolver, "http://a.test/slow"), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(Command::new("kill").args(["-9", &leader]).status().unwrap().success());
    });
    assert_eq!(under_way.0.conclusion, Conclusion::Valid, "{}", under_way.0.detail);
    assert_eq!(resolve(&resolver, "http://a.test/landing").await.0.conclusion, Conclusion::Valid);
    assert!(profiles() >= 1);
    drop(resolver);
    let deadline = Instant::now() + Duration::from_secs(5);
    let left = || browser_processes().into_iter().filter(|process| !before.contains(process)).count();
    while left() > 0 && Instant::now() < deadline {
        tokio::task::yield_now().await;
    }
    assert_eq!(left(), 0, "{:?}", browser_processes());
    if before.is_empty() {
        assert_eq!(profiles(), 0);
    }
}
