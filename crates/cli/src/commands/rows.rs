//! `link-peeler rows`: rows with their readiness, as scripts read them.

use std::time::Duration;

use clap::{Args, Subcommand};
use protocol::{NotReadyReason, Row, RowPage};

use crate::caller::CallerFlags;
use crate::exit::{Ended, Exit};
use crate::listing::{self, ListFlags, Page};
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
    #[command(flatten)]
    list: ListFlags,
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

async fn list(arguments: &List) -> Ended {
    let query = || Query::new("/api/rows").with("source", arguments.source.as_deref()).with("readyForAds", arguments.ready);
    listing::list::<RowPage>(&arguments.list, query).await
}

impl Page for RowPage {
    type Item = Row;
    const COLUMNS: &'static [&'static str] = &["row", "ready", "conclusion", "why not", "tracking URL"];

    fn into_parts(self) -> (Vec<Row>, Option<String>) {
        (self.rows, self.next_cursor)
    }

    fn line(row: Row) -> Vec<String> {
        vec![
            format!("{}/{}", row.source, row.row_id),
            if row.ready_for_ads { "yes" } else { "no" }.to_owned(),
            row.conclusion.map_or_else(|| "-".to_owned(), |conclusion| conclusion.to_string()),
            reasons(&row),
            row.tracking_url,
        ]
    }
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
        output::line(&format!("  domain   {}", text(&row.expected_domain)))?;
        if !row.required_parameters.is_empty() {
            output::line(&format!(
                "  requires {}",
                row.required_parameters.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            ))?;
        }
        if let Some(accepted) = &row.accepted_url {
            output::line(&format!("  accepted {accepted}"))?;
        }
        output::line(&format!("  final    {}", text(&row.final_url)))?;
        output::line(&format!("  verdict  {}", row.conclusion.map_or_else(|| "-".to_owned(), output::conclusion)))?;
        output::line(&format!("  error    {}", text(&row.error)))?;
        if let Some(reason) = &row.skip_reason {
            output::line(&format!("  skipped  {reason}"))?;
        }
        output::line(&format!("  checked  {}", row.last_checked.map_or_else(|| "never".to_owned(), |time| time.to_string())))?;
    }
    Ok(if row.ready_for_ads { Exit::Ok } else { Exit::No })
}
