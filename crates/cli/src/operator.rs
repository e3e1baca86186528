//! How an operator on the relay's own machine speaks to it: with the token that lies in the relay's data folder.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use clap::Args;
use protocol::Problem;
use relay::InstallSecrets;
use reqwest::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::caller::DEFAULT_RELAY;
use crate::exit::Failure;
use crate::{data_dir, output};

#[derive(Args, Debug)]
pub(crate) struct Operator {
    /// Where the relay listens
    #[arg(long, env = "LINK_PEELER_RELAY", default_value = DEFAULT_RELAY, value_name = "URL")]
    relay: String,
    /// Data folder of the relay
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// The relay answers these at once.
const TIMEOUT: Duration = Duration::from_secs(15);

impl Operator {
    /// Asks the relay. `absent` says what it means when nothing is there.
    pub(crate) async fn ask<A: DeserializeOwned>(&self, method: Method, path: &str, absent: &str) -> Result<A, Failure> {
        self.send(method, path, None, absent).await
    }

    /// As [`Self::ask`], with a message.
    pub(crate) async fn tell<A: DeserializeOwned>(&self, path: &str, message: &Value, absent: &str) -> Result<A, Failure> {
        self.send(Method::POST, path, Some(message), absent).await
    }

    /// As [`Self::ask`], with a message or without.
    pub(crate) async fn send<A: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        message: Option<&Value>,
        absent: &str,
    ) -> Result<A, Failure> {
        let file = data_dir::relay(self.data_dir.clone())?.join(InstallSecrets::OPERATOR_TOKEN_FILE);
        let token = std::fs::read_to_string(&file).with_context(|| format!("no operator's token in {}", file.display()))?;
        // The token goes to this machine's relay and nowhere else: no proxy, no redirect.
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).timeout(TIMEOUT);
        let request = http.build().context("could not set up TLS")?.request(method, format!("{}{path}", self.relay.trim_end_matches('/')));
        let request = match message {
            Some(message) => request.json(message),
            None => request,
        };
        let response = request.bearer_auth(token.trim()).send().await.map_err(|error| anyhow!(error).context("cannot reach the relay"))?;
        let status = response.status();
        let bytes = response.bytes().await.context("the relay's answer broke off")?;
        if status == StatusCode::OK {
            return Ok(serde_json::from_slice(&bytes).context("the relay's answer cannot be read")?);
        }
        match serde_json::from_slice::<Problem>(&bytes) {
            // The relay tells a stranger nothing, and so cannot say which of the two it is.
            Ok(problem) if status == StatusCode::NOT_FOUND => {
                output::note(&format!("{absent}, or {} is not of this relay.", file.display()));
                Err(Failure::Refused(Box::new(problem)))
            }
            Ok(problem) => Err(Failure::Refused(Box::new(problem))),
            Err(_) => Err(anyhow!("{} answered {status}: is this a relay?", self.relay).into()),
        }
    }
}
