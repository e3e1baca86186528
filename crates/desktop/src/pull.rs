//! The loop that brings jobs: whenever a slot is free a pull is open. It carries finished results along, so that a busy
//! desktop ends and begins jobs in one transaction of the relay's; with nothing to carry it waits for jobs. A desktop that is
//! paused asks for none and says that it is there.

use std::sync::Arc;
use std::time::Duration;

use protocol::device::{MAX_PULL_JOBS, MAX_PULL_WAIT_SECONDS, PullRequest};
use tokio::time::Instant;

use crate::backoff::random_fraction;
use crate::run::{Ended, Run};
use crate::{farewell, work};

/// The least that a pull waits; with jitter up to [`MAX_PULL_WAIT_SECONDS`], so that desktops do not come in step.
const MIN_WAIT_SECONDS: u32 = 45;
/// The first and the longest pause after pulls that came back early and empty: a draining relay sends them home like this.
const EARLY_PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// Pulls until shutdown begins, then collects what an open pull may have leased, for the caller to release.
pub(crate) async fn bring_jobs(run: Arc<Run>) -> Option<PullRequest> {
    let mut poll_id = run.new_poll_id();
    let mut early_and_empty = 0_u32;
    // Whether a pull under this id may have reached the relay without an answer reaching us.
    let mut unanswered = false;
    // When a relay last answered a pull.
    let mut answered_at = None;
    loop {
        let pausing = &run.station.pausing;
        let is_paused = pausing.is_paused();
        if is_paused {
            run.outbox.no_pull_comes();
        }
        if is_paused && unanswered {
            // Leased just before the pause, if at all: others may have them at once.
            let leased = farewell::collect_leases(&run, collect(poll_id)).await;
            farewell::release(&run, leased).await;
            (poll_id, unanswered) = (run.new_poll_id(), false);
        }
        tokio::select! {
            biased;
            () = run.stopping.cancelled() => return unanswered.then(|| collect(poll_id)),
            () = pausing.turned(is_paused) => continue,
            () = until_silent(&run, answered_at), if is_paused => {
                let presence = PullRequest { running: run.held.running(), ..collect(run.new_poll_id()) };
                if let Ended::Answered(..) = run.pull(presence, Vec::new(), Duration::ZERO).await {
                    answered_at = Some(Instant::now());
                }
                continue;
            }
            () = run.until_ready(|| run.held.free() > 0 && !run.outbox.is_full(), || None), if !is_paused => {}
        }
        let room = run.held.free().min(MAX_PULL_JOBS as usize);
        let results = run.outbox.take_for_pull();
        // Where it is not known whether the relay answers (at the start, after it was away, after the machine slept) it is asked
        // for an answer at once: else whoever looks at the desktop would see it without one for as long as there is no job.
        let is_heard = run.is_connected() && !unanswered;
        let wait_seconds = if results.is_empty() && is_heard { wait_seconds(random_fraction()) } else { 0 };
        let waited = wait_seconds > 0;
        let request = PullRequest {
            poll_id,
            max: u32::try_from(room).unwrap_or(MAX_PULL_JOBS),
            wait_seconds,
            running: run.held.running(),
            results: Vec::new(),
        };
        let wait = Duration::from_secs(wait_seconds.into());
        let ended = run.pull(request, results, wait).await;
        run.outbox.pull_ended();
        match ended {
            Ended::Answered(answer, took) => {
                // Answered: whatever it leased is here, so the next pull is another one.
                (poll_id, unanswered) = (run.new_poll_id(), false);
                answered_at = Some(Instant::now());
                let early = waited && answer.jobs.is_empty() && answer.lost.is_empty() && took + Duration::from_secs(1) < wait;
                early_and_empty = if early { early_and_empty + 1 } else { 0 };
                for job in answer.jobs.into_iter().take(room) {
                    work::take_up(&run, job, answer.server_time);
                }
            }
            // The same poll id again: the relay may have leased jobs whose names were lost on the way.
            Ended::Failed(_) | Ended::GivenUp => unanswered = true,
        }
        if early_and_empty > 0 {
            tokio::select! {
                () = run.stopping.cancelled() => return None,
                () = tokio::time::sleep(early_pause(early_and_empty, random_fraction())) => {}
            }
        }
    }
}

/// Returns when a paused desktop should let the relay hear of it: it has not for as long as a pull waits, or it does not know
/// whether the relay answers.
async fn until_silent(run: &Run, answered_at: Option<Instant>) {
    run.gate.open().await;
    if let Some(at) = answered_at.filter(|_| run.is_connected()) {
        tokio::time::sleep_until(at + Duration::from_secs(wait_seconds(random_fraction()).into())).await;
    }
}

/// Asks for nothing new and only for what the given-up pull has leased.
fn collect(poll_id: protocol::PollId) -> PullRequest {
    PullRequest { poll_id, max: 0, wait_seconds: 0, running: Vec::new(), results: Vec::new() }
}

fn wait_seconds(fraction: f64) -> u32 {
    let span = f64::from(MAX_PULL_WAIT_SECONDS - MIN_WAIT_SECONDS + 1);
    // In range by construction: `fraction` is below 1.
    MIN_WAIT_SECONDS + (span * fraction) as u32
}

fn early_pause(in_a_row: u32, fraction: f64) -> Duration {
    let (first, longest) = EARLY_PAUSE;
    (first * 2_u32.pow(in_a_row.min(8) - 1)).min(longest).mul_f64(0.5 + fraction / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pull_waits_45_to_50_seconds() {
        assert_eq!(wait_seconds(0.0), 45);
        assert_eq!(wait_seconds(0.999_999), 50);
    }

    #[test]
    fn a_relay_that_sends_pulls_home_is_not_hammered() {
        assert_eq!(early_pause(1, 0.0), Duration::from_millis(25));
        assert_eq!(early_pause(1_000, 1.0), Duration::from_secs(5));
    }
}
