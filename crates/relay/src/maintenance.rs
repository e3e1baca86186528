//! What the relay does by itself: lets leases, waits and deadlines end, and forgets what has been kept long enough.

use std::time::Duration;

use protocol::secret::random_bytes;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::state::Shared;

/// How often it looks. Part of the time in which a dead desktop's jobs go to another one.
const INTERVAL: Duration = Duration::from_millis(500);
/// How often it reads keys and devices again. One that another relay has revoked counts no longer than this, whatever
/// happens to the wake-ups between them.
const REREAD: Duration = Duration::from_secs(5);

/// Pause between two passes of pruning over all accounts: nothing that has been kept for days is in a hurry.
const PRUNE_INTERVAL: Duration = Duration::from_secs(600);
/// Pause after a failed step of pruning.
const PRUNE_RETRY: Duration = Duration::from_secs(60);
/// The least pause between two steps. A longer step is followed by a pause as long as itself, so that pruning never
/// takes more than half of a writer.
const PRUNE_PAUSE: Duration = Duration::from_millis(10);

/// Looks from time to time, until the relay drains. A look that is late puts off those after it.
pub(crate) struct Ticks {
    ticks: Interval,
    draining: CancellationToken,
}

impl Ticks {
    pub(crate) fn new(state: &Shared, every: Duration) -> Self {
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { ticks, draining: state.draining.clone() }
    }

    /// Waits for the next look; the first is at once. `false`: the relay drains.
    pub(crate) async fn next(&mut self) -> bool {
        tokio::select! {
            _ = self.ticks.tick() => true,
            () = self.draining.cancelled() => false,
        }
    }
}

/// Runs until the relay drains.
pub(crate) async fn run(state: Shared) {
    let mut ticks = Ticks::new(&state, INTERVAL);
    while ticks.next().await {
        // A database that hangs must not hold the shutdown up: what a step has asked for happens, or not, without it.
        tokio::select! {
            () = async {
                while step(&state).await {}
                // Nobody else may be writing: callers are elsewhere while this relay is not ready.
                state.store.try_again().await;
            } => {}
            () = state.draining.cancelled() => return,
        }
    }
}

/// Reads keys and devices again from time to time, until the relay drains.
pub(crate) async fn reread(state: Shared) {
    let mut ticks = Ticks::new(&state, REREAD);
    while ticks.next().await {
        let reread = async { state.keys.reread().await.and(state.devices.reread().await) };
        tokio::select! {
            outcome = reread => {
                match outcome {
                    Ok(()) => {
                        let is_linked = state.devices.linked();
                        state.paces.keep(&is_linked);
                        state.last_heard.keep(&is_linked);
                    }
                    Err(error) => tracing::warn!(%error, "keys or devices were not read again; trying again"),
                }
            }
            () = state.draining.cancelled() => return,
        }
    }
}

/// Writes refusals down as they gather, until the relay drains; the last are written at its end.
pub(crate) async fn record_refusals(state: Shared) {
    let mut ticks = Ticks::new(&state, INTERVAL);
    while ticks.next().await {
        state.refusals.flush(&state.store, false).await;
    }
}

/// Whether another step would find more.
async fn step(state: &Shared) -> bool {
    let jitter = f64::from(u32::from_le_bytes(random_bytes())) / f64::from(u32::MAX);
    match state.store.upkeep(state.now(), jitter).await {
        Ok(done) => {
            if done.reclaimed + done.expired > 0 {
                tracing::info!(reclaimed = done.reclaimed, expired = done.expired, "leases and deadlines ended");
            }
            state.metrics.reclaimed(done.reclaimed);
            done.more && !state.draining.is_cancelled()
        }
        Err(error) => {
            tracing::warn!(%error, "upkeep failed; trying again");
            false
        }
    }
}

/// Prunes, pass after pass, until the relay drains.
pub(crate) async fn prune(state: Shared) {
    let passes = async {
        loop {
            let pause = if prune_pass(&state).await && prune_audit_pass(&state).await { PRUNE_INTERVAL } else { PRUNE_RETRY };
            tokio::time::sleep(pause).await;
        }
    };
    tokio::select! {
        () = passes => {}
        () = state.draining.cancelled() => {}
    }
}

/// Gives every account its turn. `false`: a step failed; what was pruned before it stays pruned.
async fn prune_pass(state: &Shared) -> bool {
    if let Err(error) = state.store.forget_ended_sessions(state.now()).await {
        tracing::warn!(%error, "sessions that ended were not forgotten; trying again later");
        return false;
    }
    let (mut from, mut keys, mut jobs) = (None, 0, 0);
    loop {
        let began = Instant::now();
        match state.store.prune(state.now(), from).await {
            Ok(pruned) => {
                keys += pruned.keys;
                jobs += pruned.jobs;
                from = pruned.next;
            }
            Err(error) => {
                tracing::warn!(%error, "pruning failed; trying again later");
                return false;
            }
        }
        if from.is_none() {
            break;
        }
        tokio::time::sleep(began.elapsed().max(PRUNE_PAUSE)).await;
    }
    if keys + jobs > 0 {
        tracing::info!(keys, jobs, "old work forgotten");
    }
    true
}

/// As [`prune_pass`], for the audit.
async fn prune_audit_pass(state: &Shared) -> bool {
    let (mut from, mut blocks) = (None, 0);
    loop {
        let began = Instant::now();
        match state.store.prune_audit(state.now(), from).await {
            Ok(pruned) => {
                blocks += pruned.blocks;
                from = pruned.next;
            }
            Err(error) => {
                tracing::warn!(%error, "pruning the audit failed; trying again later");
                return false;
            }
        }
        if from.is_none() {
            break;
        }
        tokio::time::sleep(began.elapsed().max(PRUNE_PAUSE)).await;
    }
    if blocks > 0 {
        tracing::info!(blocks, "old audit records forgotten");
    }
    true
}
