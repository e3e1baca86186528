//! The pages of the program that follows links: no link gets there, by either engine, whatever was excepted.

#![allow(clippy::unwrap_used)]

mod pages;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pages::Site;
use protocol::{Conclusion, Context, EngineChoice};
use resolver::guard::Exceptions;
use resolver::{Budgets, ResolveRequest, Resolver, Settings};
use tokio::net::TcpListener;

/// Counts whoever connects.
async fn own_pages() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, knocks) = (listener.local_addr().unwrap().port(), Arc::<AtomicUsize>::default());
    let counted = Arc::clone(&knocks);
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    (port, knocks)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_link_reaches_the_program_s_own_pages() {
    let (port, knocks) = own_pages().await;
    let own = format!("http://127.0.0.1:{port}");
    let everything = format!(
        "<title>shoes</title><p>shoes<img src='{own}/i'><script src='{own}/s'></script><iframe src='{own}/f'></iframe>\
         <form id=f action='{own}/pause' method=post target=x></form><iframe name=x></iframe>\
         <script>fetch('{own}/pause', {{method: 'POST', mode: 'no-cors'}}).catch(() => 0); new WebSocket('ws://127.0.0.1:{port}/w');\
         navigator.sendBeacon('{own}/b'); new EventSource('{own}/e'); document.getElementById('f').submit()</script>"
    );
    let moved = |to: &str| format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
    let (redirect, by_name) = (moved(&format!("{own}/pause")), moved("http://own.test/pause"));
    let site = Site::start(&[("/everything", &everything), ("/redirect", &redirect), ("/by-name", &by_name)]).await;
    // Every exception that somebody could be talked into.
    let exceptions = [
        format!("site.test={}", site.address),
        format!("own.test=127.0.0.1:{port}"),
        format!("127.0.0.1:{port}"),
        format!("[::1]:{port}"),
        format!("0.0.0.0:{port}"),
    ];
    let budgets = Budgets { confirm_after: Duration::from_millis(1), ..Budgets::default() };
    let settings = Settings { budgets, exceptions: Exceptions::parse(exceptions).unwrap(), own_ports: vec![port], ..Settings::default() };
    let resolver = Resolver::new(settings).unwrap();
    let engines = match resolver.browser() {
        Ok(_) => vec![EngineChoice::Http, EngineChoice::Browser],
        Err(cause) => {
            println!("without a browser: {cause}");
            vec![EngineChoice::Http]
        }
    };
    let refused = [
        own.clone(),
        format!("http://localhost:{port}/"),
        format!("http://0.0.0.0:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://2130706433:{port}/"),
        "http://own.test/".to_owned(),
        "http://site.test/redirect".to_owned(),
        "http://site.test/by-name".to_owned(),
    ];
    for engine in engines {
        for url in refused.iter().map(String::as_str).chain(["http://site.test/everything"]) {
            let context = Context { engine: Some(engine), ..Context::default() };
            let result = resolver.resolve(&ResolveRequest { tracking_url: url.to_owned(), context, ..ResolveRequest::default() }).await;
            println!("{engine:?} {url}: {} ({})", result.conclusion, result.detail);
            assert_eq!(knocks.load(Ordering::SeqCst), 0, "{engine:?} {url}");
            if !url.ends_with("/everything") {
                assert_eq!(result.conclusion, Conclusion::TargetRefused, "{engine:?} {url}: {}", result.detail);
            }
        }
    }
}
