//! The browser's processes: replaced when they die, and gone with the job or the resolver. They are told apart by the process
//! that started them: each test runs in one of its own (nextest).

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod pages;

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use pages::Site;
use protocol::{Conclusion, Context, EngineChoice, JobResult};
use resolver::guard::Exceptions;
use resolver::{ResolveRequest, Resolver, Settings};

async fn resolve(resolver: &Resolver, url: &str) -> JobResult {
    let context = Context { engine: Some(EngineChoice::Browser), ..Context::default() };
    resolver.resolve(&ResolveRequest { tracking_url: url.to_owned(), context, ..ResolveRequest::default() }).await
}

/// Processes of browsers that this process has started, by their profile folder.
fn browser_processes() -> Vec<u32> {
    let marker = format!("link-peeler-browser-{}-", std::process::id());
    let is_ours = |process: &u32| {
        let command = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&command).contains(&marker)
    };
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(is_ours).collect()
}

fn profiles() -> Vec<PathBuf> {
    let marker = format!("link-peeler-browser-{}-", std::process::id());
    let entries = std::env::temp_dir().read_dir().unwrap().flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&marker)).map(|entry| entry.path()).collect()
}

/// Makes a profile as a browser of this process would have left it.
fn profile_of(owner: u32) -> PathBuf {
    let profile = std::env::temp_dir().join(format!("link-peeler-browser-{owner}-{}", std::process::id()));
    std::fs::create_dir_all(profile.join("t/org.chromium.Chromium.left")).unwrap();
    profile
}

fn dead_process() -> u32 {
    let mut process = Command::new("true").spawn().unwrap();
    process.wait().unwrap();
    process.id()
}

/// Processor time that a process has taken, in hundredths of a second (proc(5), fields 14 and 15).
fn processor_time(process: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    after_name.split(' ').skip(12).take(2).filter_map(|field| field.parse::<u64>().ok()).sum()
}

/// One that has computed for a second although nobody has anything for it to do.
fn spinning() -> Option<u32> {
    let is_page = |process: &u32| {
        let command = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&command).contains("--type=renderer")
    };
    browser_processes().into_iter().filter(is_page).find(|process| processor_time(*process) > 100)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_given_up_takes_its_page_along() {
    let site = Site::start(&[("/spin", "<p>x<script>while (true);</script>")]).await;
    let exceptions = Exceptions::parse([format!("*.test={}", site.address)]).unwrap();
    let resolver = Resolver::new(Settings { exceptions, ..Settings::default() }).unwrap();
    if let Err(cause) = resolver.browser() {
        println!("skipped: {cause}");
        return;
    }
    let page = tokio::select! {
        result = resolve(&resolver, "http://a.test/spin") => panic!("{result:?}"),
        page = async {
            loop {
                match spinning() {
                    Some(page) => return page,
                    None => tokio::task::yield_now().await,
                }
            }
        } => page,
    };
    let deadline = Instant::now() + Duration::from_secs(10);
    while browser_processes().contains(&page) && Instant::now() < deadline {
        tokio::task::yield_now().await;
    }
    assert!(!browser_processes().contains(&page), "its page still computes");
    assert!(!profiles().is_empty(), "the browser stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_dies_is_replaced_and_the_last_one_leaves_nothing_behind() {
    let site = Site::start(&[("/landing", "<title>shoes</title><p>shoes"), ("/slow", "<p>x<script>setTimeout(() => 1, 9)</script>")]).await;
    let exceptions = Exceptions::parse([format!("*.test={}", site.address)]).unwrap();
    let resolver = Resolver::new(Settings { exceptions, ..Settings::default() }).unwrap();
    if let Err(cause) = resolver.browser() {
        println!("skipped: {cause}");
        return;
    }
    // What a program of ours left that was killed together with its browser, and what one has that lives.
    let (left, others) = (profile_of(dead_process()), profile_of(std::os::unix::process::parent_id()));
    assert_eq!(resolve(&resolver, "http://a.test/landing").await.conclusion, Conclusion::Valid);
    assert!(!left.exists() && others.exists());
    std::fs::remove_dir_all(others).unwrap();
    // That of the page before may still be ending.
    let known = browser_processes();
    let leader = known.iter().min().unwrap().to_string();
    // What this process was started with is none of the browser's business; cargo's variables stand for secrets.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    for process in browser_processes() {
        let environment = String::from_utf8_lossy(&std::fs::read(format!("/proc/{process}/environ")).unwrap_or_default()).into_owned();
        assert!(!environment.contains("CARGO"), "process {process}: {}", environment.replace('\0', "\n"));
    }
    // What it makes for the time that it runs lies in its profile: a browser that is killed removes nothing.
    let profile = profiles().remove(0);
    let socket = std::fs::read_link(profile.join("SingletonSocket")).unwrap();
    assert!(socket.starts_with(&profile), "{}", socket.display());
    let (under_way, ()) = tokio::join!(resolve(&resolver, "http://a.test/slow"), async {
        // Until the page under way has a process of its own.
        while browser_processes().iter().all(|process| known.contains(process)) {
            tokio::task::yield_now().await;
        }
        assert!(Command::new("kill").args(["-9", &leader]).status().unwrap().success());
    });
    assert_eq!(under_way.conclusion, Conclusion::Valid, "{}", under_way.detail);
    assert_eq!(resolve(&resolver, "http://a.test/landing").await.conclusion, Conclusion::Valid);
    assert_eq!(profiles().len(), 1, "the killed browser's profile went with it");
    assert!(!profile.exists() && !socket.exists());
    drop(resolver);
    let deadline = Instant::now() + Duration::from_secs(5);
    while !browser_processes().is_empty() && Instant::now() < deadline {
        tokio::task::yield_now().await;
    }
    assert_eq!(browser_processes(), [0_u32; 0]);
    assert_eq!(profiles(), Vec::<PathBuf>::new());
}
