//! How often a host is asked: every check is a real click for somebody, and a burst of them looks like an attack.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Hosts that are remembered before those whose turn is long past are forgotten.
const MAX_HOSTS: usize = 4_096;

/// Gives each host's requests their turns.
#[derive(Debug)]
pub(crate) struct Pacer {
    interval: Option<Duration>,
    next_turn: Mutex<HashMap<String, Instant>>,
}

impl Pacer {
    /// So many requests a second to one host; 0 for no limit.
    pub(crate) fn new(per_second: u32) -> Self {
        let interval = (per_second > 0).then(|| Duration::from_secs(1) / per_second);
        Self { interval, next_turn: Mutex::default() }
    }

    /// When the next request to `host` may go out. Taking a turn moves the one after it.
    fn turn(&self, host: &str, now: Instant) -> Option<Instant> {
        let interval = self.interval?;
        let mut turns = self.next_turn.lock().unwrap_or_else(PoisonError::into_inner);
        if turns.len() >= MAX_HOSTS {
            turns.retain(|_, turn| *turn > now);
        }
        let next = turns.entry(host.to_owned()).or_insert(now);
        let turn = (*next).max(now);
        *next = turn + interval;
        Some(turn)
    }

    /// Waits for this request's turn.
    pub(crate) async fn wait(&self, host: &str) {
        if let Some(turn) = self.turn(host, Instant::now()) {
            tokio::time::sleep_until(turn).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn turns_are_an_interval_apart_and_each_host_has_its_own() {
        let pacer = Pacer::new(10);
        let start = Instant::now();
        for _ in 0..3 {
            pacer.wait("a.test").await;
        }
        assert_eq!(start.elapsed(), Duration::from_millis(200));
        pacer.wait("b.test").await;
        assert_eq!(start.elapsed(), Duration::from_millis(200));
        tokio::time::advance(Duration::from_secs(60)).await;
        let later = Instant::now();
        pacer.wait("a.test").await;
        assert_eq!(later.elapsed(), Duration::ZERO, "unused turns are not saved up, and not owed");
    }
}
