//! `link-peeler fetch`: one signed request for one tracking URL, as any caller sends it.

use std::time::Duration;

use clap::Args;
use protocol::fetch_request::MAX_NAME_CHARS;
use protocol::{Clock as _, Context, Job, JobState, SystemClock};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::caller::{Caller, CallerFlags};
use crate::context_flags::ContextFlags;
use crate::exit::{Ended, Exit, Failure};
use crate::{describe, output};

/// Seconds that one request for a job may wait (`docs/protocol.md`).
const LONGEST_WAIT: u64 = 60;

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  link-peeler fetch https://trk.example/a1 --wait
  link-peeler fetch https://trk.example/a1 --row-id offer-001 --idempotency-key offer-001-may --json
  link-peeler fetch https://trk.example/a1 --expect-domain shop.example --engine browser

Without --idempotency-key each call makes a job of its own.")]
pub(crate) struct Arguments {
    /// The tracking URL
    #[arg(value_name = "URL")]
    tracking_url: String,
    /// The row's identity within its source; by default the tracking URL, of which one that is too long ends in a hash of it
    #[arg(long, value_name = "ID")]
    row_id: Option<String>,
    /// Where the row lives
    #[arg(long, default_value = "platform_api")]
    source: String,
    /// Name of the logical job: the same again answers with the same job
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Registrable domain or host where the link should land
    #[arg(long, value_name = "DOMAIN")]
    expect_domain: Option<String>,
    /// Name of a proxy profile that the desktop knows
    #[arg(long, value_name = "NAME")]
    proxy: Option<String>,
    /// Seconds until the job is given up: 30 to 604800
    #[arg(long, value_name = "SECONDS")]
    deadline: Option<u32>,
    /// Wait until the job has ended, so many seconds at most
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "120")]
    wait: Option<u64>,
    /// Print the job as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    context: ContextFlags,
    #[command(flatten)]
    caller: CallerFlags,
}

/// The body, in the order in which the documents show it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    idempotency_key: &'a str,
    tracking_url: &'a str,
    source: &'a str,
    row_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_domain: Option<&'a str>,
    #[serde(skip_serializing_if = "Context::is_empty")]
    context: Context,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline_seconds: Option<u32>,
}

pub(crate) async fn run(arguments: Arguments) -> Ended {
    let caller = arguments.caller.caller()?;
    let fresh = || format!("cli-{}", protocol::RequestId::random(SystemClock.now()));
    let idempotency_key = arguments.idempotency_key.clone().unwrap_or_else(fresh);
    let row_id = arguments.row_id.clone().unwrap_or_else(|| row_id_of(&arguments.tracking_url));
    let body = Body {
        idempotency_key: &idempotency_key,
        tracking_url: &arguments.tracking_url,
        source: &arguments.source,
        row_id: &row_id,
        expected_domain: arguments.expect_domain.as_deref(),
        context: arguments.context.context(arguments.proxy.clone()),
        deadline_seconds: arguments.deadline,
    };
    let body = serde_json::to_vec(&body).map_err(Failure::usage)?;
    let mut job: Job = caller.post(protocol::signature::FETCH_PATH, &body).await?;
    if let Some(seconds) = arguments.wait {
        job = wait_for(&caller, job, Duration::from_secs(seconds)).await?;
    }
    show(&job, arguments.json)?;
    Ok(if arguments.wait.is_some() { exit_of(&job) } else { Exit::Ok })
}

/// The row of a link that nobody has named. Long links often begin alike: cut off alone, they would share one row and the
/// verdict of whichever came last.
fn row_id_of(tracking_url: &str) -> String {
    if tracking_url.chars().count() <= MAX_NAME_CHARS {
        return tracking_url.to_owned();
    }
    let hash = data_encoding::HEXLOWER.encode(&Sha256::digest(tracking_url));
    let beginning: String = tracking_url.chars().take(MAX_NAME_CHARS - 1 - hash.len()).collect();
    format!("{beginning}~{hash}")
}

/// Asks for the job until it has ended or `patience` is over.
pub(crate) async fn wait_for(caller: &Caller, job: Job, patience: Duration) -> Result<Job, Failure> {
    let (mut job, began) = (job, tokio::time::Instant::now());
    while !job.state.has_ended() {
        let left = patience.saturating_sub(began.elapsed()).as_secs();
        if left == 0 {
            break;
        }
        let wait = left.min(LONGEST_WAIT);
        job = caller.get(&format!("/api/links/jobs/{}?wait={wait}", job.job_id), Duration::from_secs(wait)).await?;
    }
    Ok(job)
}

/// Prints a job.
pub(crate) fn show(job: &Job, as_json: bool) -> Result<(), Failure> {
    if as_json {
        output::json(job)?
    } else {
        output::line(&describe::job(job))?
    }
    Ok(())
}

/// What a job that was waited for means to a script.
pub(crate) fn exit_of(job: &Job) -> Exit {
    match (job.state, &job.result) {
        (JobState::Concluded, Some(result)) => Exit::of_class(result.conclusion.class()),
        (JobState::Concluded | JobState::Queued | JobState::Leased | JobState::Cancelled, _) => Exit::Inconclusive,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_links_with_one_beginning_have_rows_of_their_own() {
        let long = format!("https://trk.example/a?x={}", "\u{fc}".repeat(300));
        let (one, other) = (row_id_of(&format!("{long}1")), row_id_of(&format!("{long}2")));
        assert_ne!(one, other);
        assert_eq!((one.chars().count(), one.clone()), (MAX_NAME_CHARS, row_id_of(&format!("{long}1"))));
        let short = format!("https://trk.example/{}", "a".repeat(MAX_NAME_CHARS - 20));
        assert_eq!((row_id_of(&short), short.len()), (short.clone(), MAX_NAME_CHARS));
    }

    #[test]
    fn the_body_has_only_what_was_asked_for() {
        let body = Body {
            idempotency_key: "a-1",
            tracking_url: "https://trk.example/a1",
            source: "platform_api",
            row_id: "offer-001",
            expected_domain: None,
            context: Context::default(),
            deadline_seconds: None,
        };
        assert_eq!(
            serde_json::to_string(&body).unwrap(),
            r#"{"idempotencyKey":"a-1","trackingUrl":"https://trk.example/a1","source":"platform_api","rowId":"offer-001"}"#
        );
    }
}
