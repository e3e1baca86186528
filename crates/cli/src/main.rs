//! The binary: reads arguments, wires libraries together, prints. What it does is in the libraries.

mod arguments;
mod caller;
mod commands;
mod context_flags;
mod core_dumps;
mod data_dir;
mod database_place;
mod describe;
mod exit;
mod listen;
mod listing;
mod named_file;
mod operator;
mod output;
mod public_url;
mod query;
mod resolve;
mod resolver_flags;
mod secret_source;
mod sign;
mod sign_in_flags;
mod signals;
mod span;
mod up;

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::Parser as _;
use owo_colors::OwoColorize as _;
use tracing_subscriber::EnvFilter;

use crate::arguments::{Arguments, Command};
use crate::exit::{Ended, Failure};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let ended = start_log(&arguments).and_then(|()| {
        core_dumps::forbid();
        run(arguments.command)
    });
    match ended {
        Ok(exit) => exit.into(),
        Err(failure) => {
            report(&failure);
            failure.exit().into()
        }
    }
}

fn run(command: Command) -> Ended {
    let runtime = tokio::runtime::Runtime::new()?;
    let ended = runtime.block_on(async {
        match command {
            Command::Up(arguments) => commands::up::run(arguments).await,
            Command::Resolve(arguments) => commands::resolve::run(*arguments).await,
            Command::Fetch(arguments) => commands::fetch::run(arguments).await,
            Command::Jobs(arguments) => commands::jobs::run(arguments).await,
            Command::Rows(arguments) => commands::rows::run(arguments).await,
            Command::Verify(arguments) => commands::verify::run(arguments).await,
            Command::Sign(arguments) => commands::sign::run(&arguments),
            Command::Keys(arguments) => commands::keys::run(arguments).await,
            Command::Desktop(arguments) => commands::desktop::run(arguments).await,
            Command::Relay(arguments) => commands::relay::run(arguments).await,
            Command::Link(arguments) => commands::link::run(arguments).await,
            Command::Devices(arguments) => commands::devices::run(arguments).await,
            Command::Channel(arguments) => commands::channel::run(arguments).await,
            Command::Audit(arguments) => commands::audit::run(arguments).await,
            Command::Plans(arguments) => commands::plans::run(&arguments),
            Command::Rules(arguments) => commands::rules::run(&arguments),
            Command::Accounts(arguments) => commands::accounts::run(arguments).await,
            Command::Operators(arguments) => commands::operators::run(arguments).await,
            Command::Lab(arguments) => commands::lab::run(arguments).await,
            Command::Secrets(arguments) => commands::secrets::run(arguments).await,
            Command::Db(arguments) => commands::db::run(arguments).await,
            Command::Completions(arguments) => commands::completions::run(&arguments),
        }
    });
    // A name that is still being resolved on a blocking thread must not hold up the end.
    runtime.shutdown_background();
    ended
}

fn start_log(arguments: &Arguments) -> Result<(), Failure> {
    let directives = arguments.log.as_deref().unwrap_or(arguments.command.default_log());
    let filter = EnvFilter::try_new(directives).map_err(|error| Failure::usage(format!("--log {directives}: {error}")))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    if arguments.log_json {
        log.json().init()
    } else {
        log.init()
    }
    Ok(())
}

fn report(failure: &Failure) {
    match failure {
        Failure::OutputClosed => {}
        Failure::Usage(_) | Failure::Refused(_) | Failure::Unreachable(_) => output::note(&format!("{} {failure}", "error:".red().bold())),
    }
}
