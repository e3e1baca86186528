//! `link-peeler secrets`: the keys that secrets in the relay's database are sealed with.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use protocol::{Clock as _, Secret, SystemClock};
use relay::{InstallSecrets, SealingSource, SecretsError};
use serde_json::json;
use store::Generation;
use store::admin::{self, SealingStatus};

use crate::database_place::DatabasePlace;
use crate::exit::{Ended, Exit, Failure};
use crate::{data_dir, output};

/// The environment variable that holds the sealing keys themselves.
const VARIABLE: &str = "LINK_PEELER_SEALING_KEY";

#[derive(Args, Debug)]
#[command(after_help = "\
The sealing keys lie in the data folder (`relay/sealing.key`, one a line, the newest last), unless LINK_PEELER_SEALING_KEY
holds them or a command prints them (--sealing-key-command, LINK_PEELER_SEALING_KEY_COMMAND). Prefer the file: the environment
of a process can be read by whoever may read its memory, and is passed on to what it starts.

Several relays on one database:
  1. link-peeler secrets prepare       makes a new key, which nobody uses yet
  2. copy relay/sealing.key to every relay
  3. link-peeler secrets rotate        from now on all relays seal with it; everything sealed is sealed anew
  4. link-peeler secrets retire        takes out of the file what no secret needs any more; copy it again")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Show which sealing keys there are, and how many secrets want each
    Status(Common),
    /// Make a new sealing key in the file, without using it yet
    Prepare(Common),
    /// Seal every secret anew with the newest sealing key, while relays run; makes one first when none is prepared
    Rotate(Common),
    /// Take sealing keys that no secret wants any more out of the file
    Retire(Common),
}

#[derive(Args, Debug)]
struct Common {
    #[command(flatten)]
    place: DatabasePlace,
    /// Program that prints the sealing keys; run without a shell
    #[arg(long, env = "LINK_PEELER_SEALING_KEY_COMMAND", value_name = "COMMAND")]
    sealing_key_command: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: Arguments) -> Ended {
    match arguments.command {
        Command::Status(common) => status(&common).await,
        Command::Prepare(common) => prepare(&common),
        Command::Rotate(common) => rotate(&common).await,
        Command::Retire(common) => retire(&common).await,
    }
}

/// Where the sealing keys come from, as a relay is started.
pub(crate) fn source(folder: &Path, command: Option<&str>) -> Result<SealingSource, Failure> {
    match (command, std::env::var(VARIABLE)) {
        (Some(_), Ok(_)) => Err(Failure::usage(format!("--sealing-key-command and {VARIABLE} are both given; which is it?"))),
        (Some(line), Err(_)) => SealingSource::command(line).map_err(|why| Failure::usage(format!("--sealing-key-command {why}"))),
        (None, Ok(keys)) => Ok(SealingSource::Text(Secret::new(keys))),
        (None, Err(_)) => Ok(SealingSource::File(folder.join(InstallSecrets::SEALING_KEY_FILE))),
    }
}

impl Common {
    fn source(&self) -> Result<SealingSource, Failure> {
        source(&self.place.folder()?, self.sealing_key_command.as_deref())
    }

    /// The file, when the keys come from one.
    fn file(&self) -> Result<PathBuf, Failure> {
        match self.source()? {
            SealingSource::File(path) => Ok(path),
            SealingSource::Text(_) | SealingSource::Command(_) => {
                Err(Failure::usage("the sealing keys do not come from the file: make and remove them where they are kept"))
            }
        }
    }

    async fn status(&self) -> Result<SealingStatus, Failure> {
        let ring = relay::read_sealing(&self.source()?).map_err(failure)?;
        Ok(admin::sealing_status(&self.place.url()?, &ring).await?)
    }
}

async fn status(common: &Common) -> Ended {
    let status = common.status().await?;
    if common.json {
        output::json(&status)?;
        return Ok(Exit::Ok);
    }
    let rows = status.generations.iter().map(|one| {
        let state = if one.is_current {
            "in use"
        } else if one.since.is_some() {
            "was in use"
        } else {
            "prepared"
        };
        let since = one.since.map_or_else(|| "-".to_owned(), |since| since.to_string());
        let held = if one.is_held { "here" } else { "MISSING" };
        vec![one.generation.to_string(), state.to_owned(), since, one.secrets.to_string(), held.to_owned()]
    });
    output::line(&output::table(&["sealing key", "state", "since", "secrets", "key"], rows.collect::<Vec<_>>()))?;
    if status.unnamed > 0 {
        output::note(&format!("{} secrets are from before sealing keys had names; `secrets rotate` seals them anew", status.unnamed));
    }
    let is_whole = status.generations.iter().all(|one| one.is_held || (one.secrets == 0 && !one.is_current));
    Ok(if is_whole { Exit::Ok } else { Exit::No })
}

fn prepare(common: &Common) -> Ended {
    let file = common.file()?;
    data_dir::create(&common.place.folder()?)?;
    let made = relay::add_sealing_key(&file).map_err(failure)?;
    told(common, made, "made, not in use yet: copy the file to every relay, then `link-peeler secrets rotate`")
}

async fn rotate(common: &Common) -> Ended {
    let source = common.source()?;
    let has_prepared = common.status().await?.generations.iter().any(|one| one.is_held && one.since.is_none());
    if let (SealingSource::File(path), false) = (&source, has_prepared) {
        relay::add_sealing_key(path).map_err(failure)?;
    }
    let ring = relay::read_sealing(&source).map_err(failure)?;
    let note = |resealed| output::note(&format!("{resealed} secrets sealed anew"));
    let done = admin::reseal(&common.place.url()?, &ring, SystemClock.now(), note).await?;
    if common.json {
        output::json(&done)?;
    } else {
        output::line(&format!("{} is the sealing key; {} secrets sealed anew", done.current, done.resealed))?;
        for key_id in &done.unopened {
            output::line(&format!("{key_id}: no sealing key opens its secret; it is as it was"))?;
        }
    }
    Ok(if done.unopened.is_empty() { Exit::Ok } else { Exit::No })
}

async fn retire(common: &Common) -> Ended {
    let path = common.file()?;
    let status = common.status().await?;
    if status.unnamed > 0 {
        return Err(Failure::usage("some secrets are from before sealing keys had names: `link-peeler secrets rotate` first"));
    }
    // One that was never in use is prepared, and stays.
    let stays: Vec<_> = status.generations.iter().filter(|one| one.is_current || one.secrets > 0 || one.since.is_none()).collect();
    let keep: Vec<Generation> = stays.iter().map(|one| one.generation).collect();
    relay::keep_sealing_keys(&path, &keep).map_err(failure)?;
    let current = status.generations.iter().find(|one| one.is_current);
    match current {
        Some(current) => told(common, current.generation, "in use; what no secret wants any more is out of the file"),
        None => Ok(Exit::Ok),
    }
}

fn told(common: &Common, generation: Generation, what: &str) -> Ended {
    if common.json {
        output::json(&json!({"sealingKey": generation}))?;
    } else {
        output::line(&format!("{generation} is {what}"))?;
    }
    Ok(Exit::Ok)
}

fn failure(error: SecretsError) -> Failure {
    Failure::Unreachable(error.into())
}
