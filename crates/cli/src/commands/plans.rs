//! `link-peeler plans`: what accounts may do, and how much of it, as the relay reads it.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use domain::{Plan, Plans};
use owo_colors::OwoColorize as _;
use serde_json::json;

use crate::exit::{Ended, Exit, Failure};
use crate::{named_file, output};

#[derive(Args, Debug)]
#[command(after_help = "\
A relay reads its plans from a TOML file (`link-peeler relay --plans FILE`), one table a plan; without one it has the three
that `plans show` shows.

Examples:
  link-peeler plans show
  link-peeler plans show --toml > plans.toml
  link-peeler plans check plans.toml")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Show the plans of a file, or those that a relay has without one
    Show(Show),
    /// Check a file before a relay is given it; exit code 1 when something is probably not meant
    Check(Check),
}

#[derive(Args, Debug)]
struct Show {
    /// TOML file of plans; the relay's own three when absent
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Print the relay's own three as TOML, with what each member means: to begin a file with
    #[arg(long, conflicts_with_all = ["file", "json"])]
    toml: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct Check {
    /// TOML file of plans
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Ended {
    match &arguments.command {
        Command::Show(arguments) => show(arguments),
        Command::Check(arguments) => check(arguments),
    }
}

/// Reads the plans of a file; the relay's own when none is named.
pub(crate) fn read(file: Option<&PathBuf>) -> Result<Plans, Failure> {
    let Some(file) = file else { return Ok(Plans::default()) };
    named_file::read(file, Plans::from_toml)
}

fn show(Show { file, toml, json }: &Show) -> Ended {
    if *toml {
        output::line(Plans::DEFAULT_TOML.trim_end())?;
        return Ok(Exit::Ok);
    }
    let plans = read(file.as_ref())?;
    if *json {
        output::json(&plans.iter().collect::<std::collections::BTreeMap<_, _>>())?;
    } else {
        let header = ["plan", "API Links", "fetches a month", "requests/s", "burst", "waiting", "keys", "devices", "days kept"];
        output::line(&output::table(&header, plans.iter().map(|(name, plan)| line(name, plan))))?;
    }
    Ok(Exit::Ok)
}

fn line(name: &str, plan: &Plan) -> Vec<String> {
    fn or_none<T: std::fmt::Display>(limit: Option<T>) -> String {
        limit.map_or_else(|| "-".to_owned(), |limit| limit.to_string())
    }
    vec![
        name.to_owned(),
        if plan.api_links { "yes" } else { "no" }.to_owned(),
        or_none(plan.monthly_fetches),
        or_none(plan.requests_per_second),
        or_none(plan.burst.or(plan.requests_per_second)),
        or_none(plan.jobs_waiting),
        or_none(plan.keys),
        or_none(plan.devices),
        or_none(plan.retention_days),
    ]
}

fn check(Check { file, json }: &Check) -> Ended {
    let plans = read(Some(file))?;
    let doubts: Vec<(&str, &str)> =
        plans.iter().flat_map(|(name, plan)| plan.doubts().into_iter().map(move |doubt| (name, doubt))).collect();
    if *json {
        let doubts: Vec<_> = doubts.iter().map(|(plan, doubt)| json!({ "plan": plan, "doubt": doubt })).collect();
        output::json(&json!({ "plans": plans.names().collect::<Vec<_>>(), "doubts": doubts }))?;
    } else {
        for (plan, doubt) in &doubts {
            output::line(&format!("{}  {plan}: {doubt}", "?".yellow().bold()))?;
        }
        if doubts.is_empty() {
            output::line(&format!("{}  {}", "ok".green(), plans.names().collect::<Vec<_>>().join(", ")))?;
        }
    }
    Ok(if doubts.is_empty() { Exit::Ok } else { Exit::No })
}
