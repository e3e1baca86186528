//! One pause for everything that talks to the relay: when it is down for pulls it is down for reports too.

use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::backoff::{Backoff, random_fraction};
use crate::lock;

#[derive(Debug)]
pub(crate) struct Gate {
    state: Mutex<State>,
    opened: Notify,
}

#[derive(Debug)]
struct State {
    backoff: Backoff,
    closed_until: Option<Instant>,
    /// When a request last came to any end. The watchdog reads it.
    last_end: Instant,
}

impl Gate {
    pub(crate) fn new() -> Self {
        let state = State { backoff: Backoff::default(), closed_until: None, last_end: Instant::now() };
        Self { state: Mutex::new(state), opened: Notify::new() }
    }

    /// Returns when the relay may be dialled.
    pub(crate) async fn open(&self) {
        loop {
            let opened = self.opened.notified();
            tokio::pin!(opened);
            opened.as_mut().enable();
            let Some(until) = lock(&self.state).closed_until.filter(|until| *until > Instant::now()) else { return };
            tokio::select! {
                () = tokio::time::sleep_until(until) => {}
                () = opened => {}
            }
        }
    }

    /// A request failed; the relay may have asked for a pause. Says how long the gate stays closed.
    pub(crate) fn failed(&self, retry_after: Option<Duration>) -> Duration {
        let now = Instant::now();
        let mut state = lock(&self.state);
        state.last_end = now;
        let pause = state.backoff.after_failure(retry_after, random_fraction());
        state.closed_until = Some(now + pause);
        pause
    }

    /// The relay answered, or what was known about the network is old: whoever waits goes on at once.
    pub(crate) fn open_now(&self) {
        let mut state = lock(&self.state);
        state.backoff.succeeded();
        state.closed_until = None;
        state.last_end = Instant::now();
        self.opened.notify_waiters();
    }

    /// For how long nothing has come to an end, although nothing asked for a pause.
    pub(crate) fn silent_for(&self, now: Instant) -> Duration {
        let state = lock(&self.state);
        now.saturating_duration_since(state.closed_until.unwrap_or(state.last_end).max(state.last_end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_gate_opens_when_the_pause_is_over() {
        let gate = Gate::new();
        gate.open().await;
        let began = Instant::now();
        let pause = gate.failed(Some(Duration::from_secs(20)));
        gate.open().await;
        assert!(began.elapsed() >= Duration::from_secs(20) && began.elapsed() <= pause + Duration::from_millis(1));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_goes_on_when_the_relay_has_answered_another() {
        let gate = Gate::new();
        gate.failed(Some(Duration::from_secs(300)));
        let began = Instant::now();
        tokio::join!(gate.open(), async { gate.open_now() });
        assert!(began.elapsed() < Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_that_was_asked_for_is_not_silence() {
        let gate = Gate::new();
        gate.failed(Some(Duration::from_secs(500)));
        tokio::time::advance(Duration::from_secs(400)).await;
        assert_eq!(gate.silent_for(Instant::now()), Duration::ZERO);
        gate.open_now();
        tokio::time::advance(Duration::from_secs(121)).await;
        assert_eq!(gate.silent_for(Instant::now()), Duration::from_secs(121));
    }
}
