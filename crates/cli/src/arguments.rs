//! The command line as a whole.

use clap::{Parser, Subcommand};

use crate::commands;
use crate::exit;

/// Where does this tracking link really end, and may money be spent on it?
#[derive(Parser, Debug)]
#[command(name = "link-peeler", version, after_help = exit::TABLE, max_term_width = 120, propagate_version = true)]
pub(crate) struct Arguments {
    /// What to log to standard error: a level, or targets with levels such as `info,relay=debug`
    #[arg(long, global = true, env = "LINK_PEELER_LOG", value_name = "FILTER", help_heading = "Logging")]
    pub(crate) log: Option<String>,
    /// Log as lines of JSON
    #[arg(long, global = true, help_heading = "Logging")]
    pub(crate) log_json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Run all of it on this machine: relay, desktop, lab
    Up(commands::up::Arguments),
    /// Follow links here and now: no account, no relay
    Resolve(Box<commands::resolve::Arguments>),
    /// Send a signed request for one tracking URL to a relay
    Fetch(commands::fetch::Arguments),
    /// List, show and cancel jobs
    Jobs(commands::jobs::Arguments),
    /// List and show rows with their readiness
    Rows(commands::rows::Arguments),
    /// Check key, secret and clock with a signed request that does nothing
    Verify(commands::verify::Arguments),
    /// Sign a request, or find out why a signature does not match
    Sign(commands::sign::Arguments),
    /// List, make, rotate and revoke API keys through the desktop here
    Keys(commands::keys::Arguments),
    /// Run the desktop: pull jobs, resolve them here, report
    Desktop(commands::desktop::Arguments),
    /// Run the relay
    Relay(commands::relay::Arguments),
    /// Approve desktops that ask to be linked, on the relay's machine
    Link(commands::link::Arguments),
    /// List and revoke linked desktops, on the relay's machine
    Devices(commands::devices::Arguments),
    /// Show and choose where scripts should read, on the relay's machine
    Channel(commands::channel::Arguments),
    /// Read, export and verify what was decided
    Audit(commands::audit::Arguments),
    /// Show and check plans: what an account may do, and how much of it
    Plans(commands::plans::Arguments),
    /// Show and check rules: how bot walls and offers that are gone are recognised
    Rules(commands::rules::Arguments),
    /// List accounts, make them, give them plans, on the relay's machine
    Accounts(commands::accounts::Arguments),
    /// Bring people into the console, on the relay's machine
    Operators(commands::operators::Arguments),
    /// Run the lab: a local site of redirect cases
    Lab(commands::lab::Arguments),
    /// Show and change the keys that the relay's secrets are sealed with
    Secrets(commands::secrets::Arguments),
    /// Look after the relay's database: back up, check, move
    Db(commands::db::Arguments),
    /// Print what a shell needs to complete these commands
    Completions(commands::completions::Arguments),
}

impl Command {
    /// What is logged unless told otherwise: services say what they do, commands only what is wrong.
    pub(crate) fn default_log(&self) -> &'static str {
        match self {
            Self::Relay(_) => "info",
            Self::Up(_)
            | Self::Resolve(_)
            | Self::Fetch(_)
            | Self::Jobs(_)
            | Self::Rows(_)
            | Self::Verify(_)
            | Self::Sign(_)
            | Self::Keys(_)
            | Self::Desktop(_)
            | Self::Link(_)
            | Self::Devices(_)
            | Self::Channel(_)
            | Self::Audit(_)
            | Self::Plans(_)
            | Self::Rules(_)
            | Self::Accounts(_)
            | Self::Operators(_)
            | Self::Lab(_)
            | Self::Secrets(_)
            | Self::Db(_)
            | Self::Completions(_) => "warn",
        }
    }
}
