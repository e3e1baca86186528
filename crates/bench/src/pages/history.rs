//! What an account of millions has behind it: rows with their checks, what was concluded by the hour, keys, and decisions.

use anyhow::Context;
use domain::audit::{Actor, Entry, Received};
use domain::latency::Bucket;
use protocol::result::{Engine, Hop, Observed};
use protocol::{Clock, Conclusion, Environment, HopKind, JobResult, KeyId, Secret, SystemClock, UnixMillis};
use store::{MadeUp, NewKeyRecord};

use crate::rig::Rig;

/// Checks that wait at the end.
const WAITING: u64 = 5_000;
/// Days that the checks are spread over: as long as jobs are kept by default.
const DAYS: i64 = 89;
const DAY_MILLIS: i64 = 86_400_000;
const HOUR_MILLIS: i64 = 3_600_000;
/// API keys of a large account.
const KEYS: u32 = 200;
/// Commits with a decision each, and decisions of each.
const BLOCKS: u64 = 1_000;
const DECISIONS: u64 = 10;

/// Fills the database, unless it has rows already.
pub(super) fn fill(rig: &Rig, rows: u64, jobs: u64) -> anyhow::Result<()> {
    let (store, account) = (rig.store(), rig.account());
    if rig.runtime().block_on(store.has_rows(account, Environment::Live))? {
        return Ok(());
    }
    let device = rig.device("walker")?.id;
    rig.runtime().block_on(async {
        let begin = SystemClock.now().plus_millis(-DAYS * DAY_MILLIS);
        let step_micros = u64::try_from(DAYS * DAY_MILLIS).unwrap_or_default() * 1_000 / jobs.max(1);
        let history = MadeUp { account, device, rows, ended: jobs, waiting: WAITING, begin, step_micros, result: evidence()? };
        store
            .make_up(&history, |made| {
                if made % 1_000_000 < 25_000 {
                    eprintln!("{made} checks are made up");
                }
            })
            .await?;
        store.make_up_hours(account, hours(SystemClock.now())).await?;
        for number in 0..KEYS {
            let (id, now) = (KeyId::generate(Environment::Live), SystemClock.now());
            let key = NewKeyRecord::new(account, id, Secret::generate(), &format!("script {number}"), Actor::Device(device), now);
            store.insert_key(key).await?;
        }
        for block in 0..BLOCKS {
            store.record(account, decisions(&history, block)).await?;
        }
        anyhow::Ok(())
    })
}

/// A chain as desktops report it, of three hops.
fn evidence() -> anyhow::Result<String> {
    let urls = [
        "https://trk.example/click?offer=@row&sub=0123456789abcdef",
        "https://hop.example/r/@row?click=1",
        "https://shop.example/landing/@row",
    ];
    let hop = |(index, url): (u32, &str)| Hop {
        index,
        url: url.to_owned(),
        method: "GET".to_owned(),
        kind: if index == 0 { HopKind::Start } else { HopKind::Http },
        status: Some(if index == 2 { 200 } else { 302 }),
        remote_addr: Some("192.0.2.7:443".to_owned()),
        http_version: Some("HTTP/2".to_owned()),
        elapsed_ms: 120,
        ..Hop::default()
    };
    let result = JobResult {
        conclusion: Conclusion::Valid,
        detail: "It ended as told.".to_owned(),
        final_url: Some(urls[2].to_owned()),
        http_status: Some(200),
        title: Some("An offer".to_owned()),
        engine: Some(Engine::Http),
        hops: (0..).zip(urls).map(hop).collect(),
        observed: Observed::default(),
        ..JobResult::not_executed("", SystemClock.now())
    };
    let mut json = serde_json::to_value(&result).context("the evidence")?;
    json["conclusion"] = "@conclusion".into();
    Ok(json.to_string())
}

/// A day of an account that checks each row every nine days.
fn hours(now: UnixMillis) -> Vec<(UnixMillis, Conclusion, i64, u64)> {
    let kinds = [Conclusion::Valid, Conclusion::HttpGone, Conclusion::Drifted, Conclusion::TimedOut, Conclusion::DnsFailed];
    let times = [400, 900, 1_500, 2_500, 4_000, 9_000, 20_000];
    let mut hours = Vec::new();
    for hour in 0..24 {
        for kind in kinds {
            for millis in times {
                let jobs = if kind == Conclusion::Valid { 600 } else { 12 };
                hours.push((now.plus_millis(-hour * HOUR_MILLIS), kind, i64::from(Bucket::of(millis).number()), jobs));
            }
        }
    }
    hours
}

/// Decisions of one commit: mostly conclusions, requests now and then.
fn decisions(history: &MadeUp, block: u64) -> Vec<(UnixMillis, Entry)> {
    let jobs: Vec<_> = (0..DECISIONS).map(|number| history.job(block * DECISIONS + number)).collect();
    let at = history.begin.plus_millis(i64::try_from(block).unwrap_or_default());
    let (key, environment) = (KeyId::generate(Environment::Live), Environment::Live);
    let entry = match block % 10 {
        0 => {
            let received = |number: u64| (Received::new(format!("request {block} {number}").as_bytes(), at.seconds()), 1);
            Entry::Admitted { key, environment, jobs, received: (0..DECISIONS).map(received).collect() }
        }
        1 => Entry::Refused {
            key,
            code: "quota_exceeded".to_owned(),
            detail: "The month's fetches are used up.".to_owned(),
            target: "POST /api/links/fetch".to_owned(),
            nonce: format!("nonce-{block:020}"),
            times: 3,
            until: at,
            received: Some(Received::new(b"{}", at.seconds())),
        },
        _ => Entry::Concluded {
            device: Some(history.device),
            environment,
            jobs: jobs.into_iter().map(|job| (job, Conclusion::Valid)).collect(),
        },
    };
    vec![(at, entry)]
}
