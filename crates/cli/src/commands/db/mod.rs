//! `link-peeler db`: an operator's work on the relay's database as a whole.

mod backup;
mod check;
mod copy;
mod schema;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use store::DatabaseUrl;
use store::admin::AdminError;

use crate::data_dir;
use crate::exit::{Ended, Failure};

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  link-peeler db status
  link-peeler db backup relay-2026-11-20.backup
  link-peeler db restore relay-2026-11-20.backup --database new/relay.sqlite
  LINK_PEELER_DATABASE=postgres://peeler@db.example/peeler link-peeler db check
  link-peeler db copy --from sqlite:relay.sqlite --to postgres://peeler@db.example/peeler

Keep `sealing.key` of the relay's folder apart from its backups: one is of no use without the other.")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Bring the database to this version, forward only (a relay does it at start by itself)
    Migrate(schema::Migrate),
    /// Show schema, size, counts, and the accounts with the most waiting jobs
    Status(schema::Show),
    /// Back up into a new file while relays run, and verify it
    Backup(backup::Backup),
    /// Restore a backup into a new file or an empty database
    Restore(backup::Restore),
    /// Check what must always hold; exit code 1 when something does not
    Check(check::Check),
    /// Move an installation from an SQLite file to PostgreSQL
    Copy(copy::Copy),
}

/// Which database.
#[derive(Args, Debug)]
struct Place {
    /// Path of a SQLite file, or a postgres:// URL; by default the relay's file in the data folder
    #[arg(long, env = "LINK_PEELER_DATABASE", hide_env_values = true, value_name = "DATABASE")]
    database: Option<DatabaseUrl>,
    /// Data folder
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
}

impl Place {
    fn url(&self) -> Result<DatabaseUrl, Failure> {
        match &self.database {
            Some(url) => Ok(url.clone()),
            None => Ok(DatabaseUrl::Sqlite(data_dir::relay(self.data_dir.clone())?.join(super::relay::DATABASE_FILE))),
        }
    }
}

pub(crate) async fn run(arguments: Arguments) -> Ended {
    match arguments.command {
        Command::Migrate(arguments) => schema::migrate(&arguments).await,
        Command::Status(arguments) => schema::show(&arguments).await,
        Command::Backup(arguments) => backup::backup(&arguments).await,
        Command::Restore(arguments) => backup::restore(&arguments).await,
        Command::Check(arguments) => check::run(&arguments).await,
        Command::Copy(arguments) => copy::run(&arguments).await,
    }
}

/// What a failed command means to a script.
pub(crate) fn failure(error: AdminError) -> Failure {
    if error.is_refusal() { Failure::usage(error) } else { Failure::Unreachable(error.into()) }
}
