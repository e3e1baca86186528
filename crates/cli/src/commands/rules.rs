//! `link-peeler rules`: how bot walls and offers that are gone are recognised, as a resolver reads it.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use owo_colors::OwoColorize as _;
use resolver::{KnownRule, Rules};
use serde_json::json;

use crate::exit::{Ended, Exit, Failure};
use crate::{named_file, output};

#[derive(Args, Debug)]
#[command(after_help = "\
`resolve`, `desktop` and `up` take a file of rules (`--rules FILE`) beside the built-in ones: a rule of the same name replaces
the built-in one, `enabled = false` turns it off, others are added. A result names the rule that it follows from.

Examples:
  link-peeler rules show
  link-peeler rules show --toml | less
  link-peeler rules check our-rules.toml
  link-peeler desktop --rules our-rules.toml")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Show the built-in rules, with those of a file beside them
    Show(Show),
    /// Check a file of rules before a desktop is given it
    Check(Check),
}

#[derive(Args, Debug)]
struct Show {
    /// TOML file of rules, to be shown with the built-in ones
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Print the built-in rules as TOML, with what each member means: to begin a file with
    #[arg(long, conflicts_with_all = ["file", "json"])]
    toml: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct Check {
    /// TOML file of rules
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

/// The built-in rules with those of a file beside them.
pub(crate) fn read(file: &Path) -> Result<Rules, Failure> {
    named_file::read(file, |text| Rules::default().extended_by(text))
}

fn show(Show { file, toml, json }: &Show) -> Ended {
    if *toml {
        output::line(Rules::DEFAULT_TOML.trim_end())?;
        return Ok(Exit::Ok);
    }
    let rules = file.as_deref().map_or_else(|| Ok(Rules::default()), read)?;
    if *json {
        output::json(&rules.iter().collect::<Vec<_>>())?;
    } else {
        let line = |rule: KnownRule<'_>| {
            let state = if rule.enabled { "" } else { "off" };
            vec![rule.name.to_owned(), rule.conclusion.code().to_owned(), rule.looks_at.join(", "), state.to_owned()]
        };
        output::line(&output::table(&["rule", "conclusion", "looks at", ""], rules.iter().map(line)))?;
    }
    Ok(Exit::Ok)
}

fn check(Check { file, json }: &Check) -> Ended {
    let rules = read(file)?;
    let names: Vec<&str> = rules.iter().filter(|rule| rule.enabled).map(|rule| rule.name).collect();
    if *json {
        output::json(&json!({ "rules": names }))?;
    } else {
        output::line(&format!("{}  {} rules: {}", "ok".green(), names.len(), names.join(", ")))?;
    }
    Ok(Exit::Ok)
}
