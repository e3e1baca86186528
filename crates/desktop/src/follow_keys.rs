//! Keeps the key inventory here in line with the relay's: each answer to a pull tells the version that the relay has.

use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::keys::Keys;

/// Pause after it could not be brought in line, and between two times that it was: others may change keys all the time.
const PAUSE: Duration = Duration::from_secs(5);

/// Brings the inventory in line whenever the relay tells another version than the one known, until `stopping`. Whatever was
/// begun here and broken off is ended with the first answer.
pub(crate) async fn follow(keys: Keys, mut told: watch::Receiver<Option<u64>>, stopping: CancellationToken) {
    // What was told when the inventory was last brought in line: by then it may have been a later one.
    let mut settled = None;
    loop {
        let version = *told.borrow_and_update();
        let known = keys.version().ok().flatten();
        if version.is_some() && settled != version && (settled.is_none() || version != known) {
            match keys.bring_in_line().await {
                Ok(()) => {
                    tracing::debug!(version, "API keys are in line with the relay's");
                    settled = version;
                }
                Err(error) => tracing::warn!(%error, "API keys could not be brought in line; trying again"),
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => continue,
                () = stopping.cancelled() => return,
            }
        }
        tokio::select! {
            changed = told.changed() => if changed.is_err() { return },
            () = stopping.cancelled() => return,
        }
    }
}
