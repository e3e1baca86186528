//! Watches the distance between this relay's clock and the database server's, which all relays of an installation share.
//! Leases and deadlines run on each relay's own clock: two that disagree take each other's jobs away too early.

use std::time::Duration;

use protocol::UnixMillis;

use crate::maintenance::Ticks;
use crate::state::Shared;

/// How often it looks. Clocks that are kept by NTP drift by far less than a lease in this time.
const INTERVAL: Duration = Duration::from_secs(60);
/// From here on the log says so: well under the 15 s that a lease has to be taken up.
const WORTH_A_WARNING_MILLIS: i64 = 1_000;

/// Runs until the relay drains, or ends at once where the database has no clock of its own.
pub(crate) async fn watch(state: Shared) {
    let mut ticks = Ticks::new(&state, INTERVAL);
    let mut warned = false;
    while ticks.next().await {
        let asked = state.now();
        let answer = tokio::select! {
            answer = state.store.database_clock() => answer,
            () = state.draining.cancelled() => return,
        };
        let server = match answer {
            Ok(Some(server)) => server,
            Ok(None) => return,
            Err(error) => {
                tracing::debug!(%error, "the database's clock was not read");
                continue;
            }
        };
        let skew = millis_ahead(asked, server, state.now());
        #[expect(clippy::cast_precision_loss, reason = "a skew of milliseconds to years")]
        state.metrics.clock_skew.set(skew as f64 / 1_000.0);
        let wrong = skew.abs() > WORTH_A_WARNING_MILLIS;
        if wrong && !warned {
            tracing::warn!(skew_ms = skew, "this relay's clock and the database server's disagree: leases may end early; synchronise them");
        }
        warned = wrong;
    }
}

/// How far our clock is ahead, in milliseconds; 0 for what the time of the question itself may explain.
const fn millis_ahead(asked: UnixMillis, server: UnixMillis, answered: UnixMillis) -> i64 {
    if server.0 < asked.0 {
        asked.0 - server.0
    } else if server.0 > answered.0 {
        answered.0 - server.0
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_question_cannot_explain_is_skew() {
        let ahead = |asked, server, answered| millis_ahead(UnixMillis(asked), UnixMillis(server), UnixMillis(answered));
        assert_eq!(ahead(1_000, 1_005, 1_010), 0);
        assert_eq!(ahead(1_000, 1_000, 1_000), 0);
        assert_eq!(ahead(5_000, 1_000, 5_010), 4_000);
        assert_eq!(ahead(1_000, 5_000, 1_010), -3_990);
    }
}
