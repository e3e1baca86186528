//! `db check`.

use clap::Args;
use owo_colors::OwoColorize as _;
use serde_json::json;
use store::admin::{self, CheckReport};

use crate::database_place::DatabasePlace;
use crate::exit::{Ended, Exit};
use crate::output;

#[derive(Args, Debug)]
pub(super) struct Check {
    /// Count backlog and usage counters that differ anew; changes nothing else
    #[arg(long)]
    repair_counters: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: DatabasePlace,
}

pub(super) async fn run(arguments: &Check) -> Ended {
    let report = admin::check(&arguments.place.url()?, arguments.repair_counters).await?;
    if arguments.json {
        let mut json = serde_json::to_value(&report).map_err(anyhow::Error::from)?;
        json["sound"] = json!(report.is_sound());
        output::json(&json)?;
    } else {
        output::line(&describe(&report))?;
    }
    Ok(if report.is_sound() { Exit::Ok } else { Exit::No })
}

fn describe(report: &CheckReport) -> String {
    let mut lines = Vec::new();
    for check in &report.checks {
        lines.push(match check.violations {
            0 => format!("{}  {}", "ok".green(), check.meaning),
            count => format!("{}  {}: {count} times not ({})", "no".red().bold(), check.meaning, check.name.bold()),
        });
    }
    lines.extend(report.notes.iter().map(|note| format!("note: {note}")));
    lines.extend(report.repaired_counters.map(|count| format!("counters counted anew: {count}")));
    lines.join("\n")
}
