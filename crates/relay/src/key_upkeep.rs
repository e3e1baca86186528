//! What the relay does for API keys by itself: writes down which have been used, and follows a change of the sealing key.

use std::time::Duration;

use crate::secrets::read_sealing;
use crate::state::Shared;

/// How often it is seen whether a sealing key is lacking: as often as keys are read again.
const LOOK: Duration = Duration::from_secs(2);
/// Pause after the source of sealing keys was asked: a command of a key service costs money.
const ASKED: Duration = Duration::from_secs(10);

/// Writes down which keys have been used, in one batch from time to time, until the relay drains; then once more.
pub(crate) async fn note_use(state: Shared, interval: Duration) {
    loop {
        let drains = tokio::select! {
            () = tokio::time::sleep(interval) => false,
            () = state.draining.cancelled() => true,
        };
        let (used, now) = (state.keys.take_used(), state.now());
        // A time that is lost is told by the next use.
        if let Err(error) = state.store.note_keys_used(used, now).await {
            tracing::warn!(%error, "when keys were used was not written down");
        }
        if drains {
            return;
        }
    }
}

/// Asks for the sealing keys again when one is lacking, until the relay drains: an operator changes them while it runs.
pub(crate) async fn follow_sealing(state: Shared) {
    loop {
        let pause = if follow(&state).await { ASKED } else { LOOK };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = state.draining.cancelled() => return,
        }
    }
}

/// Whether the source was asked.
async fn follow(state: &Shared) -> bool {
    let sealing = &state.store.settings().sealing;
    if !sealing.lacks_a_key() {
        return false;
    }
    let source = state.sealing_source.clone();
    match tokio::task::spawn_blocking(move || read_sealing(&source)).await {
        Ok(Ok(ring)) => {
            let newest = ring.newest();
            sealing.replace(ring);
            if let Err(error) = state.keys.reread().await {
                tracing::warn!(%error, "keys were not read again; trying again");
            }
            // Only now is it known to be lacking, and not just to have come.
            if sealing.lacks_a_key() {
                tracing::error!(
                    newest_here = %newest,
                    "API keys are sealed with a sealing key that this relay does not have: copy sealing.key from the relay where it was made"
                );
            } else {
                tracing::info!(sealing_key = %newest, "sealing keys read again");
            }
        }
        Ok(Err(error)) => tracing::error!(%error, "a sealing key is lacking and cannot be read"),
        Err(error) => tracing::error!(%error, "reading the sealing keys failed"),
    }
    true
}
