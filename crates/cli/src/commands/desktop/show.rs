//! What a running desktop prints: how linking goes, where it works, what happens.

use std::net::SocketAddr;
use std::path::Path;

use desktop::{Connection, Desktop, Event, LinkEvent};
use owo_colors::OwoColorize as _;
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;

use crate::exit::Failure;
use crate::{describe, output};

/// Where its pages are: said first, since they show how to link it.
pub(super) fn pages(address: SocketAddr, as_json: bool) {
    if as_json {
        // Whoever cannot read this asks by `desktop status`.
        let _ = output::json(&json!({"event": "pages", "pagesUrl": format!("http://{address}/")}));
    } else {
        output::note(&format!("Its pages are at http://{address}/; open them with: link-peeler desktop open"));
    }
}

pub(super) fn linking(event: &LinkEvent, as_json: bool) {
    // Whoever cannot read this sees the code on the relay's side.
    let _ = match event {
        LinkEvent::Code(started) if as_json => output::json(&json!({
            "event": "code", "userCode": started.user_code, "verificationUri": started.verification_uri,
            "verificationUriComplete": started.verification_uri_complete, "expiresIn": started.expires_in,
        })),
        LinkEvent::Code(started) => output::line(&format!(
            "To link this desktop, an operator approves the code\n\n    {}\n\nat {}\nor, on the relay's own machine, with: link-peeler link approve {}",
            started.user_code.bold(),
            started.verification_uri,
            started.user_code
        )),
        LinkEvent::Expired if as_json => output::json(&json!({"event": "codeExpired"})),
        LinkEvent::Expired => output::line("The code ran out; here is another."),
        LinkEvent::Waiting { reason, .. } if as_json => output::json(&json!({"event": "waiting", "reason": reason})),
        LinkEvent::Waiting { reason, pause } => {
            output::note(&format!("{reason}; trying again in {:.0} s", pause.as_secs_f64()));
            Ok(())
        }
    };
}

pub(super) fn start(desktop: &Desktop, folder: &Path, as_json: bool) -> Result<(), Failure> {
    let status = desktop.status();
    if as_json {
        output::json(&json!({
            "event": "started", "deviceId": status.device_id, "account": status.account, "relayUrl": status.relay_url,
            "slots": status.slots, "dataDir": folder, "secrets": desktop.secrets(),
        }))?;
    } else {
        output::note(&format!(
            "{} works for {} at {}, {} jobs at once, until Ctrl-C.",
            status.device_id, status.account, status.relay_url, status.slots
        ));
        output::note(&format!("Its data lies in {}, its key {}.", folder.display(), desktop.secrets()));
    }
    Ok(())
}

pub(super) async fn events(desktop: &Desktop, as_json: bool) -> Result<(), Failure> {
    let mut events = desktop.events();
    loop {
        match events.recv().await {
            Ok(event) if as_json => output::json(&event_json(&event))?,
            Ok(event) => event_line(&event)?,
            Err(RecvError::Lagged(lost)) => output::note(&format!("… {lost} events were too fast to print")),
            Err(RecvError::Closed) => return Ok(()),
        }
    }
}

fn event_json(event: &Event) -> serde_json::Value {
    match event {
        Event::Connection(Connection::Connecting) => json!({"event": "connecting"}),
        Event::Connection(Connection::Connected) => json!({"event": "connected"}),
        Event::Connection(Connection::Retrying { reason, pause, .. }) => {
            json!({"event": "retrying", "reason": reason, "pauseMs": u64::try_from(pause.as_millis()).unwrap_or(u64::MAX)})
        }
        Event::Leased(job) => json!({"event": "leased", "jobId": job.job_id, "fence": job.fence, "trackingUrl": job.tracking_url}),
        Event::Resolved { job_id, result } => json!({"event": "resolved", "jobId": job_id, "result": result}),
        Event::Settled { job_id, outcome } => json!({"event": "settled", "jobId": job_id, "outcome": outcome}),
        Event::Dropped { job_id, reason } => json!({"event": "dropped", "jobId": job_id, "reason": reason}),
        Event::Lost(job_id) => json!({"event": "lost", "jobId": job_id}),
    }
}

fn event_line(event: &Event) -> Result<(), Failure> {
    match event {
        Event::Connection(Connection::Connecting) | Event::Leased(_) | Event::Settled { .. } => {}
        Event::Connection(Connection::Connected) => output::note("connected"),
        Event::Connection(Connection::Retrying { reason, pause, .. }) => {
            output::note(&format!("{reason}; trying again in {:.0} s", pause.as_secs_f64()));
        }
        Event::Resolved { job_id, result } => output::line(&format!("{}  {}", job_id.dimmed(), describe::verdict(result)))?,
        Event::Dropped { job_id, reason } => output::note(&format!("{job_id}: the relay refuses its result: {reason}")),
        Event::Lost(job_id) => output::note(&format!("{job_id}: stopped, its lease is gone")),
    }
    Ok(())
}
