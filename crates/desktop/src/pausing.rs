//! Whether the desktop takes new jobs. What it holds already it finishes, renews and reports, paused or not.

use tokio::sync::watch;

/// The switch; cheap to look at, and something to wait for.
#[derive(Debug)]
pub(crate) struct Pausing {
    paused: watch::Sender<bool>,
}

impl Pausing {
    pub(crate) fn new(paused: bool) -> Self {
        Self { paused: watch::Sender::new(paused) }
    }

    pub(crate) fn is_paused(&self) -> bool {
        *self.paused.borrow()
    }

    /// Whether that was a change.
    pub(crate) fn set(&self, paused: bool) -> bool {
        self.paused.send_replace(paused) != paused
    }

    /// Returns when the desktop is paused, at once when it is.
    pub(crate) async fn paused(&self) {
        self.wait_for(true).await;
    }

    /// Returns when it is no longer as it `was`.
    pub(crate) async fn turned(&self, was: bool) {
        self.wait_for(!was).await;
    }

    async fn wait_for(&self, wanted: bool) {
        let mut paused = self.paused.subscribe();
        // The sender is this very struct: it cannot be gone.
        let _ = paused.wait_for(|paused| *paused == wanted).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_waits_goes_on_when_the_switch_is_turned() {
        let pausing = Pausing::new(false);
        tokio::join!(pausing.paused(), async { assert!(pausing.set(true)) });
        assert!(!pausing.set(true), "turned already");
        tokio::join!(pausing.turned(true), async { pausing.set(false) });
    }
}
