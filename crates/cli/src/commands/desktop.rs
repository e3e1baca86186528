//! `link-peeler desktop`: pulls jobs, resolves them here, reports. Links itself first if need be.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use desktop::{CallError, Connection, DEFAULT_CONCURRENCY, Desktop, Event, LinkError, LinkEvent, StartError};
use owo_colors::OwoColorize as _;
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;

use crate::caller::DEFAULT_RELAY;
use crate::exit::{Ended, Exit, Failure};
use crate::resolver_flags::{self, ResolverFlags};
use crate::{data_dir, describe, output, signals};

#[derive(Args, Debug)]
#[command(after_help = "\
A desktop that is not linked yet shows a code; an operator approves it. It then runs until Ctrl-C or SIGTERM, and gives \
unfinished jobs back. It only ever calls out.

Examples:
  link-peeler desktop --relay https://relay.example --name 'office'
  link-peeler desktop --concurrency 64 --proxy-profile de=socks5://127.0.0.1:1080
  link-peeler link approve BCDF-GHJK      (on the relay's machine)")]
pub(crate) struct Arguments {
    /// The relay; by default the one that this desktop is linked to, else http://127.0.0.1:7335
    #[arg(long, env = "LINK_PEELER_RELAY", value_name = "URL")]
    relay: Option<String>,
    /// Data folder
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// What people call this machine
    #[arg(long, value_name = "TEXT", default_value = "Link Peeler desktop")]
    name: String,
    /// Jobs at once
    #[arg(short, long, value_name = "N", default_value_t = DEFAULT_CONCURRENCY as u16, value_parser = clap::value_parser!(u16).range(1..=512))]
    concurrency: u16,
    /// Forget the relay and account that this desktop works for, and link anew
    #[arg(long)]
    relink: bool,
    /// Print what happens as lines of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    resolver: ResolverFlags,
}

pub(crate) async fn run(arguments: Arguments) -> Ended {
    let folder = data_dir::desktop(arguments.data_dir.clone())?;
    if arguments.relink {
        desktop::Link::forget(&folder)?;
    }
    let relay = which_relay(arguments.relay.as_deref(), desktop::Link::load(&folder)?.as_ref())?;
    let as_json = arguments.json;
    let resolver = resolver_flags::resolver(arguments.resolver.settings(usize::from(arguments.concurrency), None)?)?;
    let config = desktop::Config {
        name: arguments.name.clone(),
        concurrency: usize::from(arguments.concurrency),
        on_link: Arc::new(move |event| show_linking(&event, as_json)),
        ..desktop::Config::new(relay, &folder, resolver)
    };
    // A person may tire of waiting for the operator.
    let desktop = tokio::select! {
        started = Desktop::start(config) => started.map_err(failure)?,
        stopped = signals::stop_requested() => {
            stopped?;
            return Ok(Exit::Ok);
        }
    };
    show_start(&desktop, &folder, as_json)?;
    let ended = tokio::select! {
        stopped = signals::stop_requested() => stopped.map_err(Failure::from),
        ended = show_events(&desktop, as_json) => ended,
    };
    desktop.shutdown().await;
    ended.map(|()| Exit::Ok)
}

/// A link is worth something at the relay that made it: at another, every request would be refused without end.
fn which_relay(named: Option<&str>, link: Option<&desktop::Link>) -> Result<String, Failure> {
    let origin = |url: &str| url.trim_end_matches('/').to_ascii_lowercase();
    match (named, link) {
        (None, None) => Ok(DEFAULT_RELAY.to_owned()),
        (None, Some(link)) => Ok(link.relay_url.clone()),
        (Some(named), Some(link)) if origin(named) != origin(&link.relay_url) => Err(Failure::usage(format!(
            "this desktop is linked to {}: link it to {named} instead with --relink, or give that relay a folder of its own with --data-dir",
            link.relay_url
        ))),
        (Some(named), _) => Ok(named.to_owned()),
    }
}

fn show_linking(event: &LinkEvent, as_json: bool) {
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

fn show_start(desktop: &Desktop, folder: &Path, as_json: bool) -> Result<(), Failure> {
    let status = desktop.status();
    if as_json {
        output::json(&json!({
            "event": "started", "deviceId": status.device_id, "account": status.account, "relayUrl": status.relay_url,
            "slots": status.slots, "dataDir": folder,
        }))?;
    } else {
        output::note(&format!(
            "{} works for {} at {}, {} jobs at once, until Ctrl-C.",
            status.device_id, status.account, status.relay_url, status.slots
        ));
        output::note(&format!("Its key lies in {}, in a file that only its owner can read.", folder.display()));
    }
    Ok(())
}

async fn show_events(desktop: &Desktop, as_json: bool) -> Result<(), Failure> {
    let mut events = desktop.events();
    loop {
        match events.recv().await {
            Ok(event) if as_json => output::json(&event_json(&event))?,
            Ok(event) => show_event(&event)?,
            Err(RecvError::Lagged(lost)) => output::note(&format!("… {lost} events were too fast to print")),
            Err(RecvError::Closed) => return Ok(()),
        }
    }
}

fn event_json(event: &Event) -> serde_json::Value {
    match event {
        Event::Connection(Connection::Connecting) => json!({"event": "connecting"}),
        Event::Connection(Connection::Connected) => json!({"event": "connected"}),
        Event::Connection(Connection::Retrying { reason, pause }) => {
            json!({"event": "retrying", "reason": reason, "pauseMs": u64::try_from(pause.as_millis()).unwrap_or(u64::MAX)})
        }
        Event::Leased(job) => json!({"event": "leased", "jobId": job.job_id, "fence": job.fence, "trackingUrl": job.tracking_url}),
        Event::Resolved { job_id, result } => json!({"event": "resolved", "jobId": job_id, "result": result}),
        Event::Settled { job_id, outcome } => json!({"event": "settled", "jobId": job_id, "outcome": outcome}),
        Event::Dropped { job_id, reason } => json!({"event": "dropped", "jobId": job_id, "reason": reason}),
        Event::Lost(job_id) => json!({"event": "lost", "jobId": job_id}),
    }
}

fn show_event(event: &Event) -> Result<(), Failure> {
    match event {
        Event::Connection(Connection::Connecting) | Event::Leased(_) | Event::Settled { .. } => {}
        Event::Connection(Connection::Connected) => output::note("connected"),
        Event::Connection(Connection::Retrying { reason, pause }) => {
            output::note(&format!("{reason}; trying again in {:.0} s", pause.as_secs_f64()));
        }
        Event::Resolved { job_id, result } => output::line(&format!("{}  {}", job_id.dimmed(), describe::verdict(result)))?,
        Event::Dropped { job_id, reason } => output::note(&format!("{job_id}: the relay refuses its result: {reason}")),
        Event::Lost(job_id) => output::note(&format!("{job_id}: stopped, its lease is gone")),
    }
    Ok(())
}

/// What a desktop that did not start means to a script.
pub(crate) fn failure(error: StartError) -> Failure {
    let call = match &error {
        StartError::RelayUrl(_) | StartError::InUse(_) => return Failure::usage(error),
        StartError::Link(LinkError::Refused(call)) | StartError::Client(call) => Some(call),
        StartError::Link(LinkError::Denied) | StartError::DataDir { .. } => None,
    };
    match call.and_then(CallError::refusal).and_then(|refusal| refusal.problem.clone()) {
        Some(problem) => Failure::Refused(Box::new(problem)),
        None => Failure::Unreachable(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use protocol::{AccountId, DeviceId, UnixMillis};

    use super::*;

    #[test]
    fn a_linked_desktop_goes_to_its_own_relay_and_to_no_other() {
        let link = desktop::Link {
            relay_url: "https://relay.example/".to_owned(),
            device_id: DeviceId::random(UnixMillis(1)),
            account: AccountId::random(UnixMillis(1)),
            linked_at: UnixMillis(1),
        };
        assert_eq!(which_relay(None, None).unwrap(), DEFAULT_RELAY);
        assert_eq!(which_relay(None, Some(&link)).unwrap(), "https://relay.example/");
        assert_eq!(which_relay(Some("https://relay.example"), Some(&link)).unwrap(), "https://relay.example");
        assert!(matches!(which_relay(Some("https://other.example"), Some(&link)), Err(Failure::Usage(_))));
    }
}
