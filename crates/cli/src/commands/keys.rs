//! `link-peeler keys`: the account's API keys, through the desktop that is linked here.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use desktop::{Keys, KeysError};
use owo_colors::OwoColorize as _;
use protocol::{Environment, KeyId, SystemClock};
use serde_json::json;

use crate::exit::{Ended, Exit, Failure};
use crate::{data_dir, output};

#[derive(Args, Debug)]
#[command(after_help = "\
Id and secret are made on this machine. The secret is shown once, and kept in a file in the data folder that only its owner \
can read; the relay keeps it sealed.

Examples:
  link-peeler keys create --label 'nightly script'
  link-peeler keys create --test --label 'trying out' --json
  link-peeler keys list
  link-peeler keys revoke lp_live_…")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// List keys, newest first, revoked ones included
    List(Common),
    /// Make a key
    Create(Create),
    /// Revoke a key: it signs nothing any more
    Revoke(Revoke),
}

#[derive(Args, Debug)]
struct Common {
    /// Data folder of the linked desktop
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// Where the relay is now; by default where it was when the desktop was linked
    #[arg(long, value_name = "URL")]
    relay: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct Create {
    /// What people call the key
    #[arg(long, default_value = "made at the shell")]
    label: String,
    /// A key for the test environment: jobs, rows and quota of its own
    #[arg(long)]
    test: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Args, Debug)]
struct Revoke {
    /// Public id of the key
    #[arg(value_name = "KEY_ID")]
    key: KeyId,
    #[command(flatten)]
    common: Common,
}

pub(crate) async fn run(arguments: Arguments) -> Ended {
    match arguments.command {
        Command::List(common) => list(&common).await,
        Command::Create(arguments) => create(&arguments).await,
        Command::Revoke(arguments) => revoke(&arguments).await,
    }
}

impl Common {
    fn keys(&self) -> Result<Keys, Failure> {
        let folder = data_dir::desktop(self.data_dir.clone())?;
        Keys::open(&folder, self.relay.as_deref(), Arc::new(SystemClock)).map_err(failure)
    }
}

async fn list(common: &Common) -> Ended {
    let keys = common.keys()?;
    let list = keys.list().await.map_err(failure)?;
    if common.json {
        for key in &list {
            output::json(key)?;
        }
        return Ok(Exit::Ok);
    }
    let mut rows = Vec::new();
    for key in list {
        let here = keys.secret(&key.key_id).map_err(failure)?.is_some();
        let state = key.revoked_at.map_or_else(|| "active".to_owned(), |time| format!("revoked {time}"));
        let secret = if here { "here" } else { "-" };
        rows.push(vec![key.key_id.to_string(), key.label, key.created_at.to_string(), state, secret.to_owned()]);
    }
    output::line(&output::table(&["key", "label", "made", "state", "secret"], rows))?;
    Ok(Exit::Ok)
}

async fn create(arguments: &Create) -> Ended {
    let environment = if arguments.test { Environment::Test } else { Environment::Live };
    let created = arguments.common.keys()?.create(environment, &arguments.label).await.map_err(failure)?;
    if arguments.common.json {
        output::json(
            &json!({"keyId": created.key_id, "secret": created.secret.expose(), "environment": environment, "label": arguments.label}),
        )?;
    } else {
        output::line(&format!("key     {}", created.key_id.bold()))?;
        output::line(&format!("secret  {}", created.secret.expose().bold()))?;
        output::note("The secret is not shown again; this desktop's keyring keeps it.");
    }
    Ok(Exit::Ok)
}

async fn revoke(arguments: &Revoke) -> Ended {
    arguments.common.keys()?.revoke(&arguments.key).await.map_err(failure)?;
    if arguments.common.json {
        output::json(&json!({"keyId": arguments.key, "revoked": true}))?;
    } else {
        output::line(&format!("{} is revoked", arguments.key))?;
    }
    Ok(Exit::Ok)
}

/// What a failure of the key inventory means to a script.
pub(crate) fn failure(error: KeysError) -> Failure {
    let problem = match &error {
        KeysError::NotLinked(_) | KeysError::RelayUrl(_) => return Failure::usage(error),
        KeysError::Relay(error) => error.refusal().and_then(|refusal| refusal.problem.clone()),
        KeysError::DataDir(_) => None,
    };
    match problem {
        Some(problem) => Failure::Refused(Box::new(problem)),
        None => Failure::Unreachable(error.into()),
    }
}
