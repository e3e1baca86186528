//! Pages that do their worst to a browser: each concludes within its budget, and the next job finds a working browser.

#![allow(clippy::unwrap_used)]

mod pages;

use std::time::{Duration, Instant};

use pages::Site;
use protocol::{Conclusion, Context, EngineChoice, JobResult};
use resolver::guard::Exceptions;
use resolver::{Budgets, PictureFormat, ResolveRequest, Resolver, Screenshots, Settings};

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
        ("/seen", "<p>x<script>document.title = [document.visibilityState, innerWidth, innerHeight, outerWidth, navigator.webdriver, navigator.languages, !!window.chrome].join(); requestAnimationFrame(() => { document.title += ' painted'; (function look() { document.hasFocus() ? document.title += ' focused' : setTimeout(look, 10) })() })</script>"),
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
    if let Err(cause) = resolver.browser() {
        println!("skipped: {cause}");
        return;
    }
    let (_, start) = resolve(&resolver, "http://a.test/landing").await;
    println!("first job, browser start included: {start:?}");
    let seen = resolve(&resolver, "http://a.test/seen").await.0.title;
    assert_eq!(seen.as_deref(), Some("visible,1366,768,1366,false,en-US,en,true painted focused"));
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
        if path == "/dialogs" {
            assert!(result.beside.as_ref().is_some_and(|beside| beside.dialogs > 10), "{:?}", result.beside);
        }
        assert!(took <= CHAIN + Duration::from_secs(1), "{path} took {took:?}");
        let (next, took) = resolve(&resolver, "http://b.test/landing").await;
        assert_eq!(next.conclusion, Conclusion::Valid, "after {path}: {}", next.detail);
        assert!(took < CHAIN, "after {path}: {took:?}");
    }
}

/// A page with a picture, seen as a person sees it.
#[tokio::test(flavor = "multi_thread")]
async fn a_screenshot_shows_pictures_and_is_taken_only_when_asked_for() {
    let site = Site::start(&[(
        "/landing",
        "<title>shoes</title><body style='background:#080'><p>shoes<img src='data:image/svg+xml,<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"99\" height=\"99\"/>'>",
    )])
    .await;
    let exceptions = Exceptions::parse([format!("*.test={}", site.address)]).unwrap();
    let context = Context { engine: Some(EngineChoice::Browser), ..Context::default() };
    let request = ResolveRequest { tracking_url: "http://a.test/landing".to_owned(), context, ..ResolveRequest::default() };
    for (screenshots, most) in [
        (Screenshots::Full(PictureFormat::WebP), 4 * 1_024 * 1_024),
        (Screenshots::InResults, protocol::result::MAX_SCREENSHOT_BYTES),
        (Screenshots::Off, 0),
    ] {
        let resolver = Resolver::new(Settings { exceptions: exceptions.clone(), screenshots, ..Settings::default() }).unwrap();
        if let Err(cause) = resolver.browser() {
            println!("skipped: {cause}");
            return;
        }
        let chain = resolver.chain(&request).await.unwrap();
        assert_eq!(chain.screenshot.is_some(), screenshots != Screenshots::Off, "{:?}", chain.end);
        let result = resolver.resolve(&request).await;
        assert_eq!((result.check(), result.screenshot.is_some()), (Ok(()), screenshots == Screenshots::InResults));
        if let Some(picture) = chain.screenshot {
            assert!(picture.0.len() <= most);
            assert_eq!((&picture.0[..4], &picture.0[8..12]), (&b"RIFF"[..], &b"WEBP"[..]));
        }
    }
}
