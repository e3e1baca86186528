//! What strangers can do to those who have a key: a million requests with signatures that are not right, each under a nonce
//! of its own. First alone, to see that nothing is stored; then beside valid traffic at an even pace, to see what they do to
//! it. What must hold is said at the end, each claim with whether it did.

use std::cell::Cell;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};
use tokio::time::MissedTickBehavior;

use crate::caller::Caller;
use crate::http1::{self, Connection};
use crate::latency::{Latencies, Percentiles};
use crate::machine::Machine;
use crate::rig::Rig;

/// Connections of the valid traffic: more than it ever has under way.
const VALID_CONNECTIONS: usize = 16;
/// The address that the flood seems to come from when it is limited: one of those that are nobody's (RFC 5737).
const FLOOD_ADDRESS: &str = "203.0.113.7";

/// What a flood may do to the 99th percentile of valid traffic.
const MOST_TIMES: f64 = 5.0;
/// What a flood may do to this process's memory: its refusals that are kept for the account's owner, and what the allocator
/// keeps of the buffers of its connections; nothing that grows with the number of requests.
const MOST_GROWN_MIB: u64 = 64;

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Requests that prove nothing, alone, for each of the two floods; beside valid traffic as many as there is time for.
    #[arg(long, default_value_t = 1_000_000)]
    requests: u64,
    /// How many connections they come over.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Valid admissions a second beside them.
    #[arg(long, default_value_t = 200)]
    valid: u32,
    /// Seconds of valid traffic alone, and beside each flood.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// One of the floods only: that of an address without a limit, or that of one with it.
    #[arg(long, value_name = "WHICH")]
    only: Option<Which>,
    /// Where the database lies.
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    folder: PathBuf,
    /// Prints JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// What becomes of a flood.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Which {
    /// Every request is looked at: it comes from loopback, which has no limit.
    Unlimited,
    /// It comes from one address, which has a limit.
    Limited,
}

/// One flood and what it did.
struct Flood {
    name: &'static str,
    a_second: f64,
    /// Of those alone: answers that were 429, refused by their address.
    limited: u64,
    /// Whether database and log read the same after those alone, byte for byte.
    stored_nothing: bool,
    /// Valid traffic without it, and beside it.
    quiet: Percentiles,
    beside: Percentiles,
    /// Resident memory of this process before and after those alone, in KiB. The generator is part of it.
    memory_kib: (u64, u64),
}

/// Measures, and prints what was measured.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let machine = Machine::look(&arguments.folder)?;
    let mut floods = Vec::new();
    for (which, name, forwarded) in
        [(Which::Unlimited, "every one is looked at", None), (Which::Limited, "one address", Some(FLOOD_ADDRESS))]
    {
        if arguments.only.is_none_or(|only| only == which) {
            floods.push(measure(arguments, name, forwarded)?);
        }
    }
    let claims: Vec<Claim> = floods.iter().flat_map(Flood::claims).collect();
    if arguments.json {
        println!("{:#}", to_json(&machine, &floods, &claims));
    } else {
        print!("{}", to_text(&machine, &floods, &claims));
    }
    ensure!(claims.iter().all(|claim| claim.holds), "not every claim holds");
    Ok(())
}

/// One flood at a relay of its own: alone, before its key is used for the first time, so that nobody else has a reason to
/// write; then beside valid traffic.
fn measure(arguments: &Arguments, name: &'static str, forwarded: Option<&'static str>) -> anyhow::Result<Flood> {
    let rig = Rig::start(&arguments.folder)?;
    let folder = rig.folder().context("a folder of its own")?;
    let strangers = || (rig.address(), arguments.connections, rig.caller("strangers"));
    let before = memory_kib()?;
    eprintln!("{name}: {} alone", arguments.requests);
    let stored = files(folder)?;
    let alone = flood(strangers(), forwarded, |sent| sent >= arguments.requests)?;
    let stored_nothing = files(folder)? == stored;
    let memory_kib = (before, memory_kib()?);
    eprintln!("{name}: valid traffic, {} s without and {} s beside it", arguments.seconds, arguments.seconds);
    let after = |seconds: u64| {
        let until = Instant::now() + Duration::from_secs(seconds);
        move || Instant::now() >= until
    };
    // Connections, pages and statements are there before anything is measured.
    valid(rig.caller("warm"), arguments.valid, after(2))?;
    let quiet = valid(rig.caller("quiet"), arguments.valid, after(arguments.seconds))?;
    let is_over = AtomicBool::new(false);
    let (beside, flooded) = std::thread::scope(|scope| {
        let flooding = scope.spawn(|| flood(strangers(), forwarded, |_| is_over.load(Ordering::Relaxed)));
        let beside = valid(rig.caller("beside"), arguments.valid, after(arguments.seconds));
        is_over.store(true, Ordering::Relaxed);
        (beside, flooding.join())
    });
    let Ok(flooded) = flooded else { bail!("the flood broke off") };
    flooded?;
    rig.stop();
    #[expect(clippy::cast_precision_loss, reason = "counts of one run")]
    let a_second = alone.sent as f64 / alone.took.as_secs_f64();
    Ok(Flood { name, a_second, limited: alone.limited, stored_nothing, quiet, beside: beside?, memory_kib })
}

/// Something that must hold.
struct Claim {
    flood: &'static str,
    text: String,
    holds: bool,
}

impl Flood {
    fn ratio(&self) -> f64 {
        self.beside.p99_ms / self.quiet.p99_ms
    }

    fn claims(&self) -> [Claim; 3] {
        let ratio = self.ratio();
        let grown = self.memory_kib.1.saturating_sub(self.memory_kib.0) / 1_024;
        let claim = |text, holds| Claim { flood: self.name, text, holds };
        [
            claim("database and log read the same, byte for byte".to_owned(), self.stored_nothing),
            claim(format!("memory has grown by {grown} MiB, at most {MOST_GROWN_MIB}"), grown <= MOST_GROWN_MIB),
            claim(format!("p99 beside is {ratio:.1} times the quiet one, at most {MOST_TIMES}"), ratio <= MOST_TIMES),
        ]
    }
}

/// Admissions at an even pace until told to stop. One that is late counts from when it should have been sent.
fn valid(mut caller: Caller, a_second: u32, is_over: impl Fn() -> bool) -> anyhow::Result<Percentiles> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(tokio::task::LocalSet::new().run_until(async move {
        let (give_back, mut free) = tokio::sync::mpsc::channel(VALID_CONNECTIONS);
        for _ in 0..VALID_CONNECTIONS {
            give_back.try_send(Connection::open(caller.address).await?)?;
        }
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / a_second);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut under_way = Vec::new();
        while !is_over() {
            let due = ticks.tick().await;
            let mut connection: Connection = free.recv().await.context("no connection")?;
            let (request, give_back) = (caller.next_request(), give_back.clone());
            under_way.push(tokio::task::spawn_local(async move {
                let status = connection.exchange(&request).await?.status;
                ensure!(status == 202, "a valid request got {status}");
                let _ = give_back.try_send(connection);
                Ok(due.elapsed())
            }));
        }
        let mut latencies = Latencies::default();
        for request in under_way {
            latencies.record(request.await??);
        }
        Ok(latencies.percentiles())
    }))
}

/// What came of a flood.
struct Flooded {
    sent: u64,
    /// Refused by their address.
    limited: u64,
    took: Duration,
}

/// Sends requests as fast as they are answered, until there have been enough.
fn flood(
    (address, connections, caller): (SocketAddr, usize, Caller),
    forwarded: Option<&'static str>,
    is_enough: impl Fn(u64) -> bool,
) -> anyhow::Result<Flooded> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (sent, limited) = (Cell::new(0), Cell::new(0));
    let key = caller.key_id.to_string();
    let began = Instant::now();
    let one = async || {
        let mut connection = Connection::open(address).await?;
        while !is_enough(sent.get()) {
            sent.set(sent.get() + 1);
            match connection.exchange(&stranger(address, &key, sent.get(), forwarded)).await?.status {
                401 => {}
                429 => limited.set(limited.get() + 1),
                status => bail!("a stranger got {status}"),
            }
        }
        Ok(())
    };
    runtime.block_on(futures_util::future::try_join_all((0..connections).map(|_| one())))?;
    Ok(Flooded { sent: sent.get(), limited: limited.get(), took: began.elapsed() })
}

/// A request as callers send it, with a nonce of its own and a signature that is none.
fn stranger(address: SocketAddr, key: &str, number: u64, forwarded: Option<&str>) -> Vec<u8> {
    use protocol::Clock as _;
    let timestamp = protocol::SystemClock.now().seconds().to_string();
    let (nonce, signature) = (format!("stranger-nonce-{number:020}"), format!("{number:064x}"));
    let mut headers = vec![
        (protocol::signature::KEY_HEADER, key),
        (protocol::signature::TIMESTAMP_HEADER, &timestamp),
        (protocol::signature::NONCE_HEADER, &nonce),
        (protocol::signature::SIGNATURE_HEADER, &signature),
    ];
    headers.extend(forwarded.map(|address| ("X-Forwarded-For", address)));
    let body =
        format!(r#"{{"idempotencyKey":"s-{number}","trackingUrl":"https://trk.example/{number}","source":"platform_api","rowId":"s"}}"#);
    http1::post(address, protocol::signature::FETCH_PATH, &headers, body.as_bytes())
}

/// Names and contents of the database's files.
fn files(folder: &Path) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    ["relay.db", "relay.db-wal"].map(|name| Ok((name.to_owned(), std::fs::read(folder.join(name))?))).into_iter().collect()
}

/// What this process has in memory now (Linux; elsewhere it is not known).
fn memory_kib() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").context("the benchmark needs Linux")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

fn to_text(machine: &Machine, floods: &[Flood], claims: &[Claim]) -> String {
    let mut text = format!("{}\n\nvalid admissions beside requests that prove nothing\n", machine.describe());
    text += &format!(
        "{:<26}{:>10}{:>12}{:>13}{:>11}{:>14}{:>11}{:>13}{:>16}\n",
        "flood", "a second", "of them 429", "quiet p50 ms", "p99 ms", "beside p50 ms", "p99 ms", "p99, quiet=1", "memory MiB"
    );
    for flood in floods {
        let Flood { name, a_second, limited, quiet, beside, memory_kib: (before, after), .. } = flood;
        let memory = format!("{} to {}", before / 1_024, after / 1_024);
        text += &format!(
            "{name:<26}{a_second:>10.0}{limited:>12}{:>13.2}{:>11.2}{:>14.2}{:>11.2}{:>13.1}{memory:>16}\n",
            quiet.p50_ms,
            quiet.p99_ms,
            beside.p50_ms,
            beside.p99_ms,
            flood.ratio()
        );
    }
    for Claim { flood, text: claim, holds } in claims {
        text += &format!("{} {flood}: {claim}\n", if *holds { "pass" } else { "FAIL" });
    }
    text
}

fn to_json(machine: &Machine, floods: &[Flood], claims: &[Claim]) -> Value {
    let percentiles = |p: Percentiles| json!({"p50Ms": p.p50_ms, "p99Ms": p.p99_ms, "p999Ms": p.p999_ms});
    let floods: Vec<Value> = (floods.iter())
        .map(|flood| {
            json!({
                "flood": flood.name, "aSecond": flood.a_second, "limited": flood.limited, "quiet": percentiles(flood.quiet),
                "beside": percentiles(flood.beside), "p99OverQuiet": flood.ratio(),
                "memoryKib": [flood.memory_kib.0, flood.memory_kib.1],
            })
        })
        .collect();
    let claims: Vec<Value> = claims.iter().map(|claim| json!({"flood": claim.flood, "claim": claim.text, "holds": claim.holds})).collect();
    json!({"machine": machine.describe(), "floods": floods, "claims": claims})
}
