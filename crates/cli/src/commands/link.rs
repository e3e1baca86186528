//! `link-peeler link`: an operator on the relay's own machine approves desktops that ask to be linked.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use clap::{Args, Subcommand};
use protocol::Problem;
use relay::{InstallSecrets, PendingLink};
use reqwest::{Method, StatusCode};
use serde::de::DeserializeOwned;

use crate::caller::DEFAULT_RELAY;
use crate::exit::{Ended, Exit, Failure};
use crate::query::segment;
use crate::{data_dir, output};

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
    List(Common),
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
    common: Common,
}

#[derive(Args, Debug)]
struct Common {
    /// Where the relay listens
    #[arg(long, env = "LINK_PEELER_RELAY", default_value = DEFAULT_RELAY, value_name = "URL")]
    relay: String,
    /// Data folder of the relay
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The relay answers these at once.
const TIMEOUT: Duration = Duration::from_secs(15);

pub(crate) async fn run(arguments: Arguments) -> Ended {
    match arguments.command {
        Command::List(common) => list(&common).await,
        Command::Approve(decide) => {
            let link: PendingLink = decide.ask("approve").await?;
            if decide.common.json {
                output::json(&link)?;
            } else {
                output::line(&format!("{} ({}, from {}) is approved", link.name, link.platform, link.address))?;
            }
            Ok(Exit::Ok)
        }
        Command::Deny(decide) => {
            let denied: serde_json::Value = decide.ask("deny").await?;
            if decide.common.json {
                output::json(&denied)?
            } else {
                output::line(&format!("{} is denied", decide.code))?
            }
            Ok(Exit::Ok)
        }
    }
}

async fn list(common: &Common) -> Ended {
    let links: Vec<PendingLink> = common.ask(Method::GET, "/api/operator/links").await?;
    if common.json {
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
        self.common.ask(Method::POST, &format!("/api/operator/links/{}/{decision}", segment(&self.code))).await
    }
}

impl Common {
    async fn ask<A: DeserializeOwned>(&self, method: Method, path: &str) -> Result<A, Failure> {
        let file = data_dir::relay(self.data_dir.clone())?.join(InstallSecrets::OPERATOR_TOKEN_FILE);
        let token = std::fs::read_to_string(&file).with_context(|| format!("no operator's token in {}", file.display()))?;
        // The token goes to this machine's relay and nowhere else: no proxy, no redirect.
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).timeout(TIMEOUT);
        let request = http.build().context("could not set up TLS")?.request(method, format!("{}{path}", self.relay.trim_end_matches('/')));
        let response = request.bearer_auth(token.trim()).send().await.map_err(|error| anyhow!(error).context("cannot reach the relay"))?;
        let status = response.status();
        let bytes = response.bytes().await.context("the relay's answer broke off")?;
        if status == StatusCode::OK {
            return Ok(serde_json::from_slice(&bytes).context("the relay's answer cannot be read")?);
        }
        match serde_json::from_slice::<Problem>(&bytes) {
            // The relay tells a stranger nothing, and so cannot say which of the two it is.
            Ok(problem) if status == StatusCode::NOT_FOUND => {
                output::note(&format!("No desktop waits with this code, or {} is not the folder of this relay.", file.display()));
                Err(Failure::Refused(Box::new(problem)))
            }
            Ok(problem) => Err(Failure::Refused(Box::new(problem))),
            Err(_) => Err(anyhow!("{} answered {status}: is this a relay?", self.relay).into()),
        }
    }
}
