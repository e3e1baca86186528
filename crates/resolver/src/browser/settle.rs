//! When a job's page has settled: a condition over facts, never a sleep. No navigation is asked for or under way, the
//! load event has fired, the network is quiet, announced refreshes have run, and scripts that may still move the page
//! have had the time that people wait.

use tokio::time::{Duration, Instant};

use super::navigation::Tracker;
use crate::budgets::Budgets;

/// Silence of the network that counts as quiet.
const QUIET: Duration = Duration::from_millis(500);
/// Pages that poll or stream are never quiet: so long after the load event nobody waits for their network.
const QUIET_PATIENCE: Duration = Duration::from_secs(10);
/// A page whose load event does not come for so long, and which stands there otherwise, is what a person sees too.
const LOAD_PATIENCE: Duration = Duration::from_secs(10);
/// From a page's wish to go elsewhere to the request: some milliseconds; a wish that was withdrawn leaves no trace.
const ASKED_PATIENCE: Duration = Duration::from_millis(500);
/// A timer fires a little after it is due, on a busy machine a little more.
const TIMER_SLACK: Duration = Duration::from_millis(300);

/// Events of a page that has just come are lost now and then: after so long a silence it is asked instead.
pub(super) const EVENT_PATIENCE: Duration = Duration::from_millis(250);
/// How far a page is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing more can come: there is no page that could do anything.
    Over,
    /// Settled, as far as requests and events tell. What its scripts may do is for a look at the page.
    Quiet,
    /// Something is due at that time.
    Until(Instant),
    /// The answer to the last request has taken too long.
    HopTimedOut,
}

/// Judges.
pub(super) fn stage(tracker: &Tracker, budgets: &Budgets, now: Instant) -> Stage {
    if tracker.crashed || tracker.download {
        return Stage::Over;
    }
    if let Some(pending) = &tracker.pending {
        let due = pending.since + budgets.hop;
        return if due <= now { Stage::HopTimedOut } else { Stage::Until(due) };
    }
    if let Some(asked) = tracker.asked
        && asked.at + ASKED_PATIENCE > now
    {
        return Stage::Until(asked.at + ASKED_PATIENCE);
    }
    let Some(document) = &tracker.document else {
        // Nothing asked for yet, or nothing left: an error page does not move on.
        return if tracker.visits.is_empty() { Stage::Until(now + budgets.hop) } else { Stage::Over };
    };
    let refresh_limit = budgets.refresh_delay.as_secs_f64();
    if let Some(refresh) = tracker.refresh.as_ref().filter(|refresh| refresh.delay <= refresh_limit) {
        let due = refresh.due + ASKED_PATIENCE;
        if due > now {
            return Stage::Until(due);
        }
    }
    let Some(loaded_at) = document.loaded_at else {
        let patient_until = document.since + LOAD_PATIENCE.min(budgets.hop);
        return match document.parsed_at {
            Some(_) if patient_until <= now => Stage::Quiet,
            Some(_) => Stage::Until(patient_until),
            // A script that never ends, or a document that does not: the chain's own budget ends it.
            None => Stage::Until(now + budgets.hop),
        };
    };
    let quiet_at = if tracker.traffic.is_idle() { tracker.traffic.last + QUIET } else { now + QUIET };
    match quiet_at.min(loaded_at + QUIET_PATIENCE) {
        due if due > now => Stage::Until(due),
        _ => Stage::Quiet,
    }
}

/// Whether the page's own word is wanted on where it stands: an answer is here, and no event tells what became of it.
pub(super) fn is_overdue(tracker: &Tracker, heard_at: Instant, now: Instant) -> bool {
    let is_waited_for = match (&tracker.pending, &tracker.document) {
        (Some(pending), _) => pending.is_answered,
        (None, Some(document)) => document.loaded_at.is_none(),
        (None, None) => false,
    };
    is_waited_for && heard_at + EVENT_PATIENCE <= now
}

/// Whether a page without anything that runs is settled already: its load event has fired and nothing is under way.
pub(super) fn is_at_rest(tracker: &Tracker, budgets: &Budgets, now: Instant) -> bool {
    let asked = tracker.asked.is_some_and(|asked| asked.at + ASKED_PATIENCE > now);
    let loaded = tracker.document.as_ref().is_some_and(|document| document.loaded_at.is_some());
    let refreshes = tracker
        .refresh
        .as_ref()
        .is_some_and(|refresh| refresh.due + ASKED_PATIENCE > now && refresh.delay <= budgets.refresh_delay.as_secs_f64());
    loaded && !asked && tracker.pending.is_none() && !refreshes && tracker.traffic.is_idle()
}

/// Until when scripts that set a timer may move the page: as long as people wait, from the load event on.
pub(super) fn timers_until(tracker: &Tracker, budgets: &Budgets) -> Option<Instant> {
    let document = tracker.document.as_ref()?;
    Some(document.loaded_at.or(document.parsed_at).unwrap_or(document.since) + budgets.refresh_delay + TIMER_SLACK)
}
