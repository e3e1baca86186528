//! `link-peeler link`: an operator on the relay's own machine approves desktops that ask to be linked.

use clap::{Args, Subcommand};
use relay::PendingLink;
use reqwest::Method;
use serde::de::DeserializeOwned;

use crate::exit::{Ended, Exit, Failure};
use crate::operator::Operator;
use crate::output;
use crate::query::segment;

#[derive(Args, Debug)]
#[command(after_help = "\
Works on the relay's own machine: the operator's token lies in the relay's data folder, readable by its owner alone.

Examples:
  link-peeler link list
  link-peeler link approve BCDF-GHJK")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// List desktops that ask to be linked
    List(Operator),
    /// Let a desktop work for the account
    Approve(Decide),
    /// Tell a desktop no
    Deny(Decide),
}

#[derive(Args, Debug)]
struct Decide {
    /// The code that the desktop shows
    #[arg(value_name = "CODE")]
    code: String,
    #[command(flatten)]
    operator: Operator,
}

pub(crate) async fn run(arguments: Arguments) -> Ended {
    match arguments.command {
        Command::List(operator) => list(&operator).await,
        Command::Approve(decide) => {
            let link: PendingLink = decide.ask("approve").await?;
            if decide.operator.json {
                output::json(&link)?;
            } else {
                output::line(&format!("{} ({}, from {}) is approved", link.name, link.platform, link.address))?;
            }
            Ok(Exit::Ok)
        }
        Command::Deny(decide) => {
            let denied: serde_json::Value = decide.ask("deny").await?;
            if decide.operator.json {
                output::json(&denied)?
            } else {
                output::line(&format!("{} is denied", decide.code))?
            }
            Ok(Exit::Ok)
        }
    }
}

async fn list(operator: &Operator) -> Ended {
    let links: Vec<PendingLink> = operator.ask(Method::GET, "/api/operator/links", "Nothing is there").await?;
    if operator.json {
        for link in &links {
            output::json(link)?;
        }
        return Ok(Exit::Ok);
    }
    let rows = links.into_iter().map(|link| vec![link.user_code, link.name, link.platform, link.address, format!("{} s", link.expires_in)]);
    output::line(&output::table(&["code", "name", "platform", "from", "expires in"], rows))?;
    Ok(Exit::Ok)
}

impl Decide {
    async fn ask<A: DeserializeOwned>(&self, decision: &str) -> Result<A, Failure> {
        let path = format!("/api/operator/links/{}/{decision}", segment(&self.code));
        self.operator.ask(Method::POST, &path, "No desktop waits with this code").await
    }
}
