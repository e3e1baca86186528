//! `link-peeler desktop`: pulls jobs, resolves them here, reports. Links itself first if need be. Its subcommands speak to
//! one that runs.

mod autostart;
mod control;
mod show;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use desktop::{CallError, DEFAULT_CONCURRENCY, Desktop, LinkError, PagesListen, SecretsChoice, StartError};

use resolver::{Screenshots, SetupError};

use crate::caller::DEFAULT_RELAY;
use crate::exit::{Ended, Exit, Failure};
use crate::listen::{self, DESKTOP_PORT};
use crate::resolver_flags::ResolverFlags;
use crate::{data_dir, signals};

#[derive(Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
A desktop that is not linked yet shows a code; an operator approves it. It then runs until Ctrl-C or SIGTERM, and gives \
unfinished jobs back. It calls out to the relay and to links; its pages are for this machine alone.

Examples:
  link-peeler desktop --relay https://relay.example --name 'office'
  link-peeler desktop --concurrency 64 --proxy-profile de=socks5://127.0.0.1:1080
  link-peeler link approve BCDF-GHJK      (on the relay's machine)
  link-peeler desktop open                (its pages, in the browser)
  link-peeler desktop pause"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: Run,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Open the pages of the desktop that runs here
    Open(control::Open),
    /// How the desktop that runs here stands
    Status(control::Common),
    /// Take no new jobs, also after a restart; what runs is finished
    Pause(control::Common),
    /// Take jobs again
    Resume(control::Common),
    /// Start the desktop at login, or no longer
    Autostart(autostart::Arguments),
}

#[derive(Args, Debug)]
struct Run {
    /// The relay; by default the one that this desktop is linked to, else http://127.0.0.1:7335
    #[arg(long, env = "LINK_PEELER_RELAY", value_name = "URL")]
    relay: Option<String>,
    /// Data folder
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// What people call this machine
    #[arg(long, value_name = "TEXT", default_value = "Link Peeler desktop")]
    name: String,
    /// Jobs at once
    #[arg(short, long, value_name = "N", default_value_t = DEFAULT_CONCURRENCY as u16, value_parser = clap::value_parser!(u16).range(1..=512))]
    concurrency: u16,
    /// Where its own key and the secrets of API keys lie: `keychain` (the operating system's), `file` (readable by their owner
    /// only), or `auto`, the keychain where there is one. What lies elsewhere is moved
    #[arg(long, env = "LINK_PEELER_SECRETS", value_name = "WHERE", default_value_t = SecretsChoice::Auto)]
    secrets: SecretsChoice,
    /// Forget the relay and account that this desktop works for, and link anew
    #[arg(long)]
    relink: bool,
    /// Where its pages listen; by default 127.0.0.1:7338, or any port when that is taken
    #[arg(long, value_name = "ADDR:PORT", conflicts_with = "no_pages")]
    pages_listen: Option<SocketAddr>,
    /// Serve no pages
    #[arg(long)]
    no_pages: bool,
    /// Keep a small picture of the page where a link ends in each result that a browser makes
    #[arg(long)]
    screenshots: bool,
    /// Print what happens as lines of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    resolver: ResolverFlags,
}

pub(crate) async fn run(arguments: Arguments) -> Ended {
    match arguments.command {
        None => work(arguments.run).await,
        Some(Command::Open(arguments)) => control::open(&arguments).await,
        Some(Command::Status(common)) => control::status(&common).await,
        Some(Command::Pause(common)) => control::turn(&common, true).await,
        Some(Command::Resume(common)) => control::turn(&common, false).await,
        Some(Command::Autostart(arguments)) => autostart::run(&arguments),
    }
}

async fn work(arguments: Run) -> Ended {
    let folder = data_dir::desktop(arguments.data_dir.clone())?;
    if arguments.relink {
        desktop::Link::forget(&folder)?;
    }
    let relay = which_relay(arguments.relay.as_deref(), desktop::Link::load(&folder)?.as_ref())?;
    let as_json = arguments.json;
    let usual = PagesListen::Usually(listen::loopback(DESKTOP_PORT));
    let config = desktop::Config {
        name: arguments.name.clone(),
        secrets: arguments.secrets,
        concurrency: usize::from(arguments.concurrency),
        pages: (!arguments.no_pages).then(|| arguments.pages_listen.map_or(usual, PagesListen::On)),
        autostart: autostart::as_started()?,
        on_pages: Arc::new(move |address| show::pages(address, as_json)),
        on_link: Arc::new(move |event| show::linking(&event, as_json)),
        ..desktop::Config::new(relay, &folder, arguments.settings()?)
    };
    // A person may tire of waiting for the operator.
    let desktop = tokio::select! {
        started = Desktop::start(config) => started.map_err(failure)?,
        stopped = signals::stop_requested() => {
            stopped?;
            return Ok(Exit::Ok);
        }
    };
    show::start(&desktop, &folder, as_json)?;
    let ended = tokio::select! {
        stopped = signals::stop_requested() => stopped.map_err(Failure::from),
        ended = show::events(&desktop, as_json) => ended,
    };
    desktop.shutdown().await;
    ended.map(|()| Exit::Ok)
}

impl Run {
    fn settings(&self) -> Result<resolver::Settings, Failure> {
        let mut settings = self.resolver.settings(usize::from(self.concurrency), None)?;
        settings.screenshots = if self.screenshots { Screenshots::InResults } else { Screenshots::Off };
        Ok(settings)
    }
}

/// A link is worth something at the relay that made it: at another, every request would be refused without end.
fn which_relay(named: Option<&str>, link: Option<&desktop::Link>) -> Result<String, Failure> {
    let origin = |url: &str| url.trim_end_matches('/').to_ascii_lowercase();
    match (named, link) {
        (None, None) => Ok(DEFAULT_RELAY.to_owned()),
        (None, Some(link)) => Ok(link.relay_url.clone()),
        (Some(named), Some(link)) if origin(named) != origin(&link.relay_url) => Err(Failure::usage(format!(
            "this desktop is linked to {}: link it to {named} instead with --relink, or give that relay a folder of its own with --data-dir",
            link.relay_url
        ))),
        (Some(named), _) => Ok(named.to_owned()),
    }
}

/// What a desktop that did not start means to a script.
pub(crate) fn failure(error: StartError) -> Failure {
    let call = match &error {
        StartError::RelayUrl(_) | StartError::InUse(_) | StartError::Resolver(SetupError::EmptyBudget(_)) => return Failure::usage(error),
        StartError::Link(LinkError::Refused(call)) | StartError::Client(call) => Some(call),
        StartError::Link(LinkError::Denied)
        | StartError::DataDir { .. }
        | StartError::Pages { .. }
        | StartError::Resolver(SetupError::Trust(_)) => None,
    };
    match call.and_then(CallError::refusal).and_then(|refusal| refusal.problem.clone()) {
        Some(problem) => Failure::Refused(Box::new(problem)),
        None => Failure::Unreachable(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use protocol::{AccountId, DeviceId, UnixMillis};

    use super::*;

    #[test]
    fn a_linked_desktop_goes_to_its_own_relay_and_to_no_other() {
        let link = desktop::Link {
            relay_url: "https://relay.example/".to_owned(),
            device_id: DeviceId::random(UnixMillis(1)),
            account: AccountId::random(UnixMillis(1)),
            linked_at: UnixMillis(1),
        };
        assert_eq!(which_relay(None, None).unwrap(), DEFAULT_RELAY);
        assert_eq!(which_relay(None, Some(&link)).unwrap(), "https://relay.example/");
        assert_eq!(which_relay(Some("https://relay.example"), Some(&link)).unwrap(), "https://relay.example");
        assert!(matches!(which_relay(Some("https://other.example"), Some(&link)), Err(Failure::Usage(_))));
    }
}
