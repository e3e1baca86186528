//! What strangers can do to those who have a key: a million requests with signatures that are not right, each under a nonce
//! of its own, beside valid traffic at an even pace. First alone, to see that nothing is stored; then beside.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Requests that prove nothing, for each of the two floods.
    #[arg(long, default_value_t = 1_000_000)]
    requests: u64,
    /// How many connections they come over.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Valid admissions a second beside them.
    #[arg(long, default_value_t = 200)]
    valid: u32,
    /// Seconds of valid traffic alone.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Where the database lies.
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    folder: PathBuf,
    /// Prints JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// One flood and what it did.
struct Flood {
    name: &'static str,
    a_second: f64,
    /// Answers that were 429: refused by their address alone.
    limited: u64,
    /// Valid traffic beside it.
    beside: Percentiles,
    /// Resident memory of this process before and after, in KiB. The generator is part of it.
    memory_kib: (u64, u64),
}

/// Measures, and prints what was measured.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let machine = Machine::look(&arguments.folder)?;
    let rig = Rig::start(&arguments.folder)?;
    let stop = Arc::new(AtomicU64::new(0));
    let after = |seconds: u64| {
        let until = Instant::now() + Duration::from_secs(seconds);
        move || Instant::now() >= until
    };
    // Connections, pages and statements are there before anything is measured.
    valid(rig.caller("warm"), arguments.valid, after(2))?;
    let quiet = valid(rig.caller("quiet"), arguments.valid, after(arguments.seconds))?;
    let mut floods = Vec::new();
    for (name, forwarded) in [("every one is looked at", None), ("one address", Some(FLOOD_ADDRESS))] {
        eprintln!("{} requests that prove nothing: {name}", arguments.requests);
        let before = memory_kib()?;
        let stored = files(rig.folder().context("a folder of its own")?)?;
        let half = arguments.requests / 2;
        let alone = flood(rig.address(), arguments.connections, half, &rig.caller("strangers"), forwarded)?;
        ensure!(files(rig.folder().context("a folder of its own")?)? == stored, "the flood has changed the database");
        stop.store(0, Ordering::Relaxed);
        let (beside, rest) = std::thread::scope(|scope| {
            let flooding = scope.spawn(|| {
                let flooded = flood(rig.address(), arguments.connections, arguments.requests - half, &rig.caller("strangers"), forwarded);
                stop.store(1, Ordering::Relaxed);
                flooded
            });
            let beside = valid(rig.caller(format!("beside-{}", floods.len())), arguments.valid, || stop.load(Ordering::Relaxed) > 0);
            (beside, flooding.join())
        });
        let Ok(rest) = rest else { bail!("the flood broke off") };
        let (rest, beside) = (rest?, beside?);
        #[expect(clippy::cast_precision_loss, reason = "counts of one run")]
        let a_second = arguments.requests as f64 / (alone.1 + rest.1).as_secs_f64();
        floods.push(Flood { name, a_second, limited: alone.0 + rest.0, beside, memory_kib: (before, memory_kib()?) });
    }
    rig.stop();
    if arguments.json {
        println!("{:#}", to_json(&machine, quiet, &floods))
    } else {
        print!("{}", to_text(&machine, quiet, &floods))
    }
    Ok(())
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

/// Sends so many requests as fast as they are answered. How many were refused by their address, and how long it took.
fn flood(
    address: SocketAddr,
    connections: usize,
    requests: u64,
    caller: &Caller,
    forwarded: Option<&'static str>,
) -> anyhow::Result<(u64, Duration)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let next = Arc::new(AtomicU64::new(0));
    let key = caller.key_id.to_string();
    let began = Instant::now();
    let limited = runtime.block_on(tokio::task::LocalSet::new().run_until(async move {
        let mut tasks = Vec::new();
        for _ in 0..connections {
            let (next, key) = (Arc::clone(&next), key.clone());
            let mut connection = Connection::open(address).await?;
            tasks.push(tokio::task::spawn_local(async move {
                let mut limited = 0_u64;
                while next.fetch_add(1, Ordering::Relaxed) < requests {
                    let number = next.load(Ordering::Relaxed);
                    match connection.exchange(&stranger(address, &key, number, forwarded)).await?.status {
                        401 => {}
                        429 => limited += 1,
                        status => bail!("a stranger got {status}"),
                    }
                }
                Ok(limited)
            }));
        }
        let mut limited = 0;
        for task in tasks {
            limited += task.await??;
        }
        anyhow::Ok(limited)
    }))?;
    Ok((limited, began.elapsed()))
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

fn to_text(machine: &Machine, quiet: Percentiles, floods: &[Flood]) -> String {
    let mut text = format!("{}\n\nvalid admissions beside requests that prove nothing; nothing of these was stored\n", machine.describe());
    text += &format!(
        "{:<26}{:>10}{:>12}{:>10}{:>10}{:>11}{:>13}{:>18}\n",
        "flood", "a second", "of them 429", "p50 ms", "p99 ms", "p99.9 ms", "p99, quiet=1", "memory MiB"
    );
    let Percentiles { p50_ms, p99_ms, p999_ms } = quiet;
    text += &format!("{:<26}{:>10}{:>12}{p50_ms:>10.2}{p99_ms:>10.2}{p999_ms:>11.2}{:>13}\n", "none", "", "", "1.0");
    for Flood { name, a_second, limited, beside, memory_kib: (before, after) } in floods {
        let Percentiles { p50_ms, p99_ms, p999_ms } = beside;
        let ratio = p99_ms / quiet.p99_ms;
        let memory = format!("{} to {}", before / 1_024, after / 1_024);
        text += &format!("{name:<26}{a_second:>10.0}{limited:>12}{p50_ms:>10.2}{p99_ms:>10.2}{p999_ms:>11.2}{ratio:>13.1}{memory:>18}\n");
    }
    text
}

fn to_json(machine: &Machine, quiet: Percentiles, floods: &[Flood]) -> Value {
    let percentiles = |p: Percentiles| json!({"p50Ms": p.p50_ms, "p99Ms": p.p99_ms, "p999Ms": p.p999_ms});
    let floods: Vec<Value> = (floods.iter())
        .map(|flood| {
            json!({
                "flood": flood.name, "aSecond": flood.a_second, "limited": flood.limited, "valid": percentiles(flood.beside),
                "p99OverQuiet": flood.beside.p99_ms / quiet.p99_ms, "memoryKib": [flood.memory_kib.0, flood.memory_kib.1],
            })
        })
        .collect();
    json!({"machine": machine.describe(), "quiet": percentiles(quiet), "floods": floods})
}
