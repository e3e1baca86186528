//! `link-peeler rows`: rows with their readiness, as scripts read them.

use std::time::Duration;

use clap::{Args, Subcommand};
use protocol::{NotReadyReason, Row, RowPage};

use crate::caller::CallerFlags;
use crate::exit::{Ended, Exit};
use crate::output;
use crate::query::{Query, segment};

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  link-peeler rows list --ready true
  link-peeler rows show platform_api offer-001 --json")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// List rows by row id
    List(List),
    /// Show one row; exits with 1 when a script must not spend money on it now
    Show(Show),
}

#[derive(Args, Debug)]
struct List {
    /// Only rows from this source
    #[arg(long)]
    source: Option<String>,
    /// Only rows that are, or are not, ready for ads
    #[arg(long, value_name = "BOOL")]
    ready: Option<bool>,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    /// Every page, however many
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    /// Print a line of JSON for each row
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    caller: CallerFlags,
}

#[derive(Args, Debug)]
struct Show {
    /// Where the row lives
    source: String,
    /// Its identity there
    #[arg(value_name = "ROW_ID")]
    row_id: String,
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
    }
}

/// Rows of one page; the relay's own bound may be lower.
const PAGE: usize = 100;

async fn list(arguments: &List) -> Ended {
    let caller = arguments.caller.caller()?;
    let (mut left, mut cursor, mut lines) = (if arguments.all { usize::MAX } else { arguments.limit }, None::<String>, Vec::new());
    while left > 0 {
        let target = Query::new("/api/rows")
            .with("source", arguments.source.as_deref())
            .with("readyForAds", arguments.ready)
            .with("limit", Some(left.min(PAGE)))
            .with("cursor", cursor.as_deref())
            .finish();
        let page: RowPage = caller.get(&target, Duration::ZERO).await?;
        for row in page.rows.into_iter().take(left) {
            left -= 1;
            if arguments.json { output::json(&row)? } else { lines.push(line(&row)) }
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    if !arguments.json {
        output::line(&output::table(&["row", "ready", "conclusion", "why not", "tracking URL"], lines))?;
        if cursor.is_some() {
            output::note("there are more: --limit N or --all");
        }
    }
    Ok(Exit::Ok)
}

fn line(row: &Row) -> Vec<String> {
    vec![
        format!("{}/{}", row.source, row.row_id),
        if row.ready_for_ads { "yes" } else { "no" }.to_owned(),
        row.conclusion.map_or_else(|| "-".to_owned(), |conclusion| conclusion.to_string()),
        reasons(row),
        row.tracking_url.clone(),
    ]
}

fn reasons(row: &Row) -> String {
    if row.not_ready_reasons.is_empty() {
        return "-".to_owned();
    }
    row.not_ready_reasons.iter().map(|reason: &NotReadyReason| reason.as_str()).collect::<Vec<_>>().join(", ")
}

async fn show(arguments: &Show) -> Ended {
    let target = format!("/api/rows/{}/{}", segment(&arguments.source), segment(&arguments.row_id));
    let row: Row = arguments.caller.caller()?.get(&target, Duration::ZERO).await?;
    if arguments.json {
        output::json(&row)?;
    } else {
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
        output::line(&format!("{} / {}  {}", row.source, row.row_id, if row.ready_for_ads { "ready" } else { "not ready" }))?;
        output::line(&format!("  why not  {}", reasons(&row)))?;
        output::line(&format!("  link     {}", row.tracking_url))?;
        output::line(&format!("  final    {}", text(&row.final_url)))?;
        output::line(&format!("  verdict  {}", row.conclusion.map_or_else(|| "-".to_owned(), output::conclusion)))?;
        output::line(&format!("  error    {}", text(&row.error)))?;
        output::line(&format!("  checked  {}", row.last_checked.map_or_else(|| "never".to_owned(), |time| time.to_string())))?;
    }
    Ok(if row.ready_for_ads { Exit::Ok } else { Exit::No })
}
