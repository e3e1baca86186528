//! What the relay does by itself: lets leases, waits and deadlines end.

use std::time::Duration;

use protocol::secret::random_bytes;

use crate::state::Shared;

/// How often it looks. Part of the time in which a dead desktop's jobs go to another one.
const INTERVAL: Duration = Duration::from_millis(500);

/// Runs until the relay drains.
pub(crate) async fn run(state: Shared) {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = state.draining.cancelled() => return,
        }
        while step(&state).await {}
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
