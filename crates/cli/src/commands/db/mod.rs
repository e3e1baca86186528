//! `link-peeler db`: an operator's work on the relay's database as a whole.

mod backup;
mod check;
mod copy;
mod schema;

use clap::{Args, Subcommand};

use crate::exit::Ended;

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
