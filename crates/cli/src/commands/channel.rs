//! `link-peeler channel`: from where the account's scripts should read, and for how long a check counts there.

use clap::{Args, Subcommand};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use protocol::ActiveChannel;
use reqwest::Method;
use serde_json::json;

use crate::exit::{Ended, Exit};
use crate::operator::Operator;
use crate::output;

#[derive(Args, Debug)]
#[command(after_help = "\
Works on the relay's own machine: the operator's token lies in the relay's data folder, readable by its owner alone.
Scripts ask for the channel by a signed GET /api/channel.

Examples:
  link-peeler channel show
  link-peeler channel set --freshness-seconds 3600")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Show the active channel
    Show(Show),
    /// Choose another one
    Set(Set),
}

#[derive(Args, Debug)]
struct Show {
    #[command(flatten)]
    whose: Whose,
    #[command(flatten)]
    operator: Operator,
}

/// Which account's.
#[derive(Args, Debug)]
struct Whose {
    /// Account, by its name
    #[arg(long, value_name = "NAME", default_value = "default")]
    account: String,
}

impl Whose {
    fn path(&self) -> String {
        format!("/api/operator/accounts/{}/channel", utf8_percent_encode(&self.account, NON_ALPHANUMERIC))
    }
}

#[derive(Args, Debug)]
struct Set {
    /// Where the rows live: platform_api, or another source that there are rows of, such as csv; as before when absent
    #[arg(long, value_name = "SOURCE")]
    source: Option<String>,
    /// Seconds that a row's check stays fresh; as before when absent
    #[arg(long, value_name = "SECONDS")]
    freshness_seconds: Option<u32>,
    #[command(flatten)]
    whose: Whose,
    #[command(flatten)]
    operator: Operator,
}

const ABSENT: &str = "There is no such account";

pub(crate) async fn run(arguments: Arguments) -> Ended {
    match arguments.command {
        Command::Show(Show { whose, operator }) => show(&operator, &operator.ask(Method::GET, &whose.path(), ABSENT).await?),
        Command::Set(Set { source, freshness_seconds, whose, operator }) => {
            let before: ActiveChannel = operator.ask(Method::GET, &whose.path(), ABSENT).await?;
            let wanted = json!({
                "source": source.unwrap_or(before.source),
                "freshnessSeconds": freshness_seconds.unwrap_or(before.freshness_seconds),
            });
            show(&operator, &operator.tell(&whose.path(), &wanted, ABSENT).await?)
        }
    }
}

fn show(operator: &Operator, channel: &ActiveChannel) -> Ended {
    if operator.json {
        output::json(channel)?;
    } else {
        output::line(&format!("{}: {}\na check counts for {} s", channel.source, channel.rows_url, channel.freshness_seconds))?;
    }
    Ok(Exit::Ok)
}
