//! Waiting for a condition.

use std::time::{Duration, Instant};

/// How long a condition may take to hold: generous, since a busy machine is no fault.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until the condition holds. Returns how long that took.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) -> Duration {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < PATIENCE, "still not: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    started.elapsed()
}
