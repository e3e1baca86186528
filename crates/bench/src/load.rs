//! Closed-loop load: so many connections, each sending its next request when the last was answered.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::bail;

use crate::http1::Connection;
use crate::latency::{Latencies, Percentiles};
use crate::processor::Shares;

/// What one run of load came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    pub(crate) connections: usize,
    pub(crate) requests: usize,
    pub(crate) a_second: f64,
    pub(crate) latency: Percentiles,
    /// Of the processor, for each request.
    pub(crate) shares: Shares,
}

/// When a run of load is over.
#[derive(Clone, Copy)]
pub(crate) enum Until {
    /// After so much time.
    Elapsed(Duration),
    /// After so many requests.
    Sent(u64),
}

/// Drives `connections` at once with what `next_request` makes, each expecting `status`.
///
/// Runs on the calling thread alone: the generator must not take more of the machine than it needs.
pub(crate) fn drive(
    address: SocketAddr,
    connections: usize,
    until: Until,
    status: u16,
    next_request: impl FnMut() -> Vec<u8> + 'static,
) -> anyhow::Result<Measured> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let next_request = Rc::new(RefCell::new(next_request));
    runtime.block_on(tokio::task::LocalSet::new().run_until(async {
        let mut open = Vec::new();
        for _ in 0..connections {
            open.push(Connection::open(address).await?);
        }
        let started = Instant::now();
        let sent = Rc::new(RefCell::new(0_u64));
        let is_over = move || match until {
            Until::Elapsed(time) => started.elapsed() >= time,
            Until::Sent(count) => {
                let mut sent = sent.borrow_mut();
                *sent += 1;
                *sent > count
            }
        };
        let tasks: Vec<_> = open
            .into_iter()
            .map(|connection| {
                let (next_request, is_over) = (Rc::clone(&next_request), is_over.clone());
                tokio::task::spawn_local(one_connection(connection, status, is_over, move || next_request.borrow_mut()()))
            })
            .collect();
        let mut latencies = Latencies::default();
        for task in tasks {
            latencies.merge(task.await??);
        }
        let requests = latencies.count();
        #[expect(clippy::cast_precision_loss, reason = "counts of one run")]
        let a_second = requests as f64 / started.elapsed().as_secs_f64();
        Ok(Measured { connections, requests, a_second, latency: latencies.percentiles(), shares: Shares::default() })
    }))
}

async fn one_connection(
    mut connection: Connection,
    status: u16,
    is_over: impl Fn() -> bool,
    next_request: impl Fn() -> Vec<u8>,
) -> anyhow::Result<Latencies> {
    let mut latencies = Latencies::default();
    while !is_over() {
        let request = next_request();
        let started = Instant::now();
        let answer = connection.exchange(&request).await?;
        latencies.record(started.elapsed());
        if answer.status != status {
            bail!("expected status {status}, got {}: {}", answer.status, String::from_utf8_lossy(answer.body));
        }
    }
    Ok(latencies)
}
