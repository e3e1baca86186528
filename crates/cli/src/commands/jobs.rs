//! `link-peeler jobs`: the account's jobs, as their caller sees them.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use protocol::{Conclusion, Job, JobId, JobPage, JobState};

use super::fetch;
use crate::caller::CallerFlags;
use crate::exit::{Ended, Exit, Failure};
use crate::listing::{self, ListFlags, Page};
use crate::query::Query;

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  link-peeler jobs list --state queued
  link-peeler jobs list --conclusion http_gone --all --json
  link-peeler jobs show job_019e61… --wait
  link-peeler jobs show job_019e61… --har chain.har --screenshot page.webp
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
    #[command(flatten)]
    list: ListFlags,
}

#[derive(Args, Debug)]
struct Show {
    /// The job
    #[arg(value_name = "JOB_ID")]
    job: JobId,
    /// Wait until it has ended, so many seconds at most; the exit code is then that of its conclusion
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "120")]
    wait: Option<u64>,
    /// Write its chain as an HTTP Archive (HAR 1.2)
    #[arg(long, value_name = "FILE")]
    har: Option<PathBuf>,
    /// Write its picture (WebP), if its desktop keeps pictures
    #[arg(long, value_name = "FILE")]
    screenshot: Option<PathBuf>,
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

async fn list(arguments: &List) -> Ended {
    let query = || {
        Query::new("/api/links/jobs")
            .with("state", arguments.state)
            .with("source", arguments.source.as_deref())
            .with("rowId", arguments.row_id.as_deref())
            .with("conclusion", arguments.conclusion)
    };
    listing::list::<JobPage>(&arguments.list, query).await
}

impl Page for JobPage {
    type Item = Job;
    const COLUMNS: &'static [&'static str] = &["job", "state", "conclusion", "row", "tracking URL"];

    fn into_parts(self) -> (Vec<Job>, Option<String>) {
        (self.jobs, self.next_cursor)
    }

    fn line(job: Job) -> Vec<String> {
        let conclusion = job.result.map_or_else(|| "-".to_owned(), |result| result.conclusion.to_string());
        vec![job.job_id.to_string(), job.state.to_string(), conclusion, format!("{}/{}", job.source, job.row_id), job.tracking_url]
    }
}

async fn show(arguments: &Show) -> Ended {
    let caller = arguments.caller.caller()?;
    let mut job: Job = caller.get(&format!("/api/links/jobs/{}", arguments.job), Duration::ZERO).await?;
    if let Some(seconds) = arguments.wait {
        job = fetch::wait_for(&caller, job, Duration::from_secs(seconds)).await?;
    }
    fetch::show(&job, arguments.json)?;
    keep_evidence(arguments, &job)?;
    Ok(if arguments.wait.is_some() { fetch::exit_of(&job) } else { Exit::Ok })
}

fn keep_evidence(arguments: &Show, job: &Job) -> Result<(), Failure> {
    if arguments.har.is_none() && arguments.screenshot.is_none() {
        return Ok(());
    }
    let result = job.result.as_ref().ok_or_else(|| Failure::usage("the job has no result yet: wait for it with --wait"))?;
    let write = |path: &PathBuf, bytes: &[u8]| std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()));
    if let Some(path) = &arguments.har {
        write(path, &protocol::har::of_result(&job.tracking_url, result))?;
    }
    if let Some(path) = &arguments.screenshot {
        let picture = result.screenshot.as_deref().and_then(|text| data_encoding::BASE64.decode(text.as_bytes()).ok());
        let picture = picture.ok_or_else(|| {
            Failure::usage("the job has no picture: its desktop keeps them with --screenshots, of what a browser resolved")
        })?;
        write(path, &picture)?;
    }
    Ok(())
}

async fn cancel(arguments: &Cancel) -> Ended {
    let caller = arguments.caller.caller()?;
    let job: Job = caller.delete(&format!("/api/links/jobs/{}", arguments.job)).await?;
    fetch::show(&job, arguments.json)?;
    Ok(Exit::Ok)
}
