//! What must not wait for an open pull: leases are renewed by short pulls of their own, results reported, and work
//! stopped whose lease has ended. The open pull itself is never aborted to say something.

use std::sync::Arc;
use std::time::Duration;

use protocol::device::{MAX_HELD_JOBS, PullRequest, ReportAnswer, ReportRequest};
use tokio::time::Instant;

use crate::relay_client::ANSWER_TIMEOUT;
use crate::run::{self, Ended, Run};
use crate::sleep_watch::{SleepWatch, TICK};

/// Without any request coming to an end for so long something is wrong that nobody foresaw: everything is dialled anew.
const WATCHDOG: Duration = Duration::from_secs(120);

/// Renews leases and reports results until shutdown begins.
pub(crate) async fn renew_and_report(run: Arc<Run>) {
    loop {
        tokio::select! {
            biased;
            () = run.stopping.cancelled() => return,
            () = run.until_ready(
                || renewal_is_due(&run) || run.outbox.wants_report(),
                || run.held.due().map(|due| due.renew_at),
            ) => {}
        }
        if renewal_is_due(&run) {
            renew(&run).await;
        } else {
            report(&run).await;
        }
    }
}

fn renewal_is_due(run: &Run) -> bool {
    run.held.due().is_some_and(|due| due.renew_at <= Instant::now())
}

async fn renew(run: &Run) {
    // Results first: those that this renewal carries need no lease after it.
    let results = run.outbox.take_for_renewal();
    let mut running = run.held.running();
    running.extend(run.outbox.leases());
    running.truncate(MAX_HELD_JOBS);
    let request = PullRequest { poll_id: run.new_poll_id(), max: 0, wait_seconds: 0, running, results: Vec::new() };
    run.pull(request, results, Duration::ZERO).await;
}

async fn report(run: &Run) {
    let results = run.outbox.take_for_report();
    if results.is_empty() {
        return;
    }
    let request = ReportRequest { results };
    let call = run.client.post::<ReportAnswer>("/api/device/report", &request, ANSWER_TIMEOUT);
    match run.until_redial(call).await {
        Ended::Answered(answer, _) => run.settled(request.results, &answer.outcomes).await,
        Ended::Failed(error) => run.report_failed(&error, request.results).await,
        Ended::GivenUp => run.outbox.put_back(request.results),
    }
}

/// Stops work whose lease has surely ended, whatever the relay says or does not say.
pub(crate) async fn stop_ended_work(run: Arc<Run>) {
    loop {
        let held = run.held.changed();
        tokio::pin!(held);
        held.as_mut().enable();
        let ended = run.held.stop_ended(Instant::now());
        run.journal.lost(&ended, "its lease ended without a renewal, or its deadline has passed");
        tokio::select! {
            biased;
            () = run.stopping.cancelled() => return,
            () = held => {}
            () = run::sleep_until(run.held.due().map(|due| due.ends)) => {}
        }
    }
}

/// Notices sleep and silence, and has everything dialled anew.
pub(crate) async fn watch(run: Arc<Run>) {
    let mut sleep_watch = SleepWatch::new(run.clock.now(), Instant::now());
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = run.stopping.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let now = Instant::now();
        if let Some(slept) = sleep_watch.tick(run.clock.now(), now) {
            tracing::info!(seconds = slept.as_secs(), "the machine slept, or its clock was set; dialling the relay anew");
            run.held.renew_all(now);
            dial_anew(&run);
        } else if run.gate.silent_for(now) > WATCHDOG {
            tracing::warn!(seconds = WATCHDOG.as_secs(), "nothing has come to an end; dialling the relay anew");
            dial_anew(&run);
        }
    }
}

fn dial_anew(run: &Run) {
    run.client.start_afresh();
    run.gate.open_now();
    run.redial.notify_waiters();
}
