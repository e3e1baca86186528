//! `link-peeler jobs`: the account's jobs, as their caller sees them.

use std::time::Duration;

use clap::{Args, Subcommand};
use protocol::{Conclusion, Job, JobId, JobPage, JobState};

use super::fetch;
use crate::caller::{Caller, CallerFlags};
use crate::exit::{Ended, Exit, Failure};
use crate::output;
use crate::query::Query;

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  link-peeler jobs list --state queued
  link-peeler jobs list --conclusion http_gone --all --json
  link-peeler jobs show job_019e61… --wait
  link-peeler jobs cancel job_019e61…")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// List jobs, newest first
    List(List),
    /// Show one job with its result
    Show(Show),
    /// Cancel a job that has not ended
    Cancel(Cancel),
}

#[derive(Args, Debug)]
struct List {
    /// Only jobs in this state: queued, leased, concluded, cancelled
    #[arg(long)]
    state: Option<JobState>,
    /// Only jobs of rows from this source
    #[arg(long)]
    source: Option<String>,
    /// Only jobs of this row
    #[arg(long, value_name = "ID")]
    row_id: Option<String>,
    /// Only jobs with this conclusion
    #[arg(long, value_name = "CODE")]
    conclusion: Option<Conclusion>,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    /// Every page, however many
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    /// Print a line of JSON for each job
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    caller: CallerFlags,
}

#[derive(Args, Debug)]
struct Show {
    /// The job
    #[arg(value_name = "JOB_ID")]
    job: JobId,
    /// Wait until it has ended, so many seconds at most; the exit code is then that of its conclusion
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "120")]
    wait: Option<u64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    caller: CallerFlags,
}

#[derive(Args, Debug)]
struct Cancel {
    /// The job
    #[arg(value_name = "JOB_ID")]
    job: JobId,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    caller: CallerFlags,
}

pub(crate) async fn run(arguments: Arguments) -> Ended {
    match arguments.command {
        Command::List(arguments) => list(&arguments).await,
        Command::Show(arguments) => show(&arguments).await,
        Command::Cancel(arguments) => cancel(&arguments).await,
    }
}

/// Jobs of one page; the relay's own bound may be lower.
const PAGE: usize = 100;

async fn list(arguments: &List) -> Ended {
    let caller = arguments.caller.caller()?;
    let (mut left, mut cursor, mut rows) = (if arguments.all { usize::MAX } else { arguments.limit }, None, Vec::new());
    while left > 0 {
        let page: JobPage = page(&caller, arguments, left.min(PAGE), cursor.as_deref()).await?;
        for job in page.jobs.into_iter().take(left) {
            left -= 1;
            if arguments.json { output::json(&job)? } else { rows.push(row(job)) }
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    if !arguments.json {
        output::line(&output::table(&["job", "state", "conclusion", "row", "tracking URL"], rows))?;
        if cursor.is_some() {
            output::note("there are more: --limit N or --all");
        }
    }
    Ok(Exit::Ok)
}

async fn page(caller: &Caller, arguments: &List, limit: usize, cursor: Option<&str>) -> Result<JobPage, Failure> {
    let target = Query::new("/api/links/jobs")
        .with("state", arguments.state)
        .with("source", arguments.source.as_deref())
        .with("rowId", arguments.row_id.as_deref())
        .with("conclusion", arguments.conclusion)
        .with("limit", Some(limit))
        .with("cursor", cursor)
        .finish();
    caller.get(&target, Duration::ZERO).await
}

fn row(job: Job) -> Vec<String> {
    let conclusion = job.result.map_or_else(|| "-".to_owned(), |result| result.conclusion.to_string());
    vec![job.job_id.to_string(), job.state.to_string(), conclusion, format!("{}/{}", job.source, job.row_id), job.tracking_url]
}

async fn show(arguments: &Show) -> Ended {
    let caller = arguments.caller.caller()?;
    let mut job: Job = caller.get(&format!("/api/links/jobs/{}", arguments.job), Duration::ZERO).await?;
    if let Some(seconds) = arguments.wait {
        job = fetch::wait_for(&caller, job, Duration::from_secs(seconds)).await?;
    }
    fetch::show(&job, arguments.json)?;
    Ok(if arguments.wait.is_some() { fetch::exit_of(&job) } else { Exit::Ok })
}

async fn cancel(arguments: &Cancel) -> Ended {
    let caller = arguments.caller.caller()?;
    let job: Job = caller.delete(&format!("/api/links/jobs/{}", arguments.job)).await?;
    fetch::show(&job, arguments.json)?;
    Ok(Exit::Ok)
}
