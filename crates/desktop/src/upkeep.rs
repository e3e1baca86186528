//! What must not wait for an open pull: leases are renewed by short pulls of their own, results reported, and work
//! stopped whose lease has ended. The open pull itself is never aborted to say something.

use std::sync::Arc;
use std::time::Duration;

use protocol::device::{PullRequest, ReportAnswer, ReportRequest};
use tokio::time::Instant;

use crate::relay_client::ANSWER_TIMEOUT;
use crate::session::{Ended, Session};
use crate::sleep_watch::{SleepWatch, TICK};

/// Without any request coming to an end for so long something is wrong that nobody foresaw: everything is dialled anew.
const WATCHDOG: Duration = Duration::from_secs(120);

/// Renews leases and reports results until shutdown begins.
pub(crate) async fn run(session: Arc<Session>) {
    loop {
        tokio::select! {
            biased;
            () = session.stopping.cancelled() => return,
            () = something_to_do(&session) => {}
        }
        if renewal_is_due(&session) {
            renew(&session).await;
        } else {
            report(&session).await;
        }
    }
}

fn renewal_is_due(session: &Session) -> bool {
    session.held.due().is_some_and(|due| due.renew_at <= Instant::now())
}

async fn something_to_do(session: &Session) {
    loop {
        session.gate.open().await;
        let (held, outbox) = (session.held.changed(), session.outbox.changed());
        tokio::pin!(held, outbox);
        held.as_mut().enable();
        outbox.as_mut().enable();
        if renewal_is_due(session) || session.outbox.wants_report() {
            return;
        }
        tokio::select! {
            () = held => {}
            () = outbox => {}
            () = sleep_until(session.held.due().map(|due| due.renew_at)) => {}
        }
    }
}

async fn renew(session: &Session) {
    let request = PullRequest { poll_id: session.new_poll_id(), max: 0, wait_seconds: 0, running: session.running(), results: Vec::new() };
    session.pull(request, session.outbox.take_for_report(), Duration::ZERO).await;
}

async fn report(session: &Session) {
    let results = session.outbox.take_for_report();
    if results.is_empty() {
        return;
    }
    let request = ReportRequest { results };
    let call = session.client.post::<ReportAnswer>("/api/device/report", &request, ANSWER_TIMEOUT);
    match session.until_redial(call).await {
        Ended::Answered(answer, _) => session.settled(request.results, &answer.outcomes).await,
        Ended::Failed(error) => session.report_failed(&error, request.results).await,
        Ended::GivenUp => session.outbox.put_back(request.results),
    }
}

/// Stops work whose lease has surely ended, whatever the relay says or does not say.
pub(crate) async fn stop_ended_work(session: Arc<Session>) {
    loop {
        let held = session.held.changed();
        tokio::pin!(held);
        held.as_mut().enable();
        let ended = session.held.stop_ended(Instant::now());
        session.journal.lost(&ended, "its lease ended without a renewal");
        tokio::select! {
            biased;
            () = session.stopping.cancelled() => return,
            () = held => {}
            () = sleep_until(session.held.due().map(|due| due.ends)) => {}
        }
    }
}

/// Notices sleep and silence, and has everything dialled anew.
pub(crate) async fn watch(session: Arc<Session>) {
    let mut sleep_watch = SleepWatch::new(session.clock.now(), Instant::now());
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = session.stopping.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let now = Instant::now();
        if let Some(slept) = sleep_watch.tick(session.clock.now(), now) {
            tracing::info!(uncounted_ms = slept.uncounted.as_millis(), "the machine slept; dialling the relay anew");
            session.held.slept(slept.uncounted);
            dial_anew(&session);
        } else if session.gate.silent_for(now) > WATCHDOG {
            tracing::warn!(seconds = WATCHDOG.as_secs(), "nothing has come to an end; dialling the relay anew");
            dial_anew(&session);
        }
    }
}

fn dial_anew(session: &Session) {
    session.client.start_afresh();
    session.gate.open_now();
    session.redial.notify_waiters();
}

async fn sleep_until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
