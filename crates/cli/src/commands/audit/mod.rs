//! `link-peeler audit`: reads what was decided, straight from the database, and checks that nobody has changed it since.

mod export;
mod list;
mod verify;

use clap::{Args, Subcommand};

use crate::database_place::DatabasePlace;
use crate::exit::Ended;

#[derive(Args, Debug)]
#[command(after_help = "\
Every decision (admitted, replayed, refused and why, linked, revoked, signed in, a setting changed, and a job's whole way)
is a record in its account's chain, each tied to the one before by SHA-256. A chain shows that something was changed; only
a head that was noted elsewhere shows that all of it was written anew. So note heads from time to time:
  link-peeler audit verify --json | jq -r '.accounts[] | \"\\(.account):\\(.head.seq):\\(.head.hash)\"'

Examples:
  link-peeler audit list --kind refused --limit 20
  link-peeler audit export > audit.ndjson
  link-peeler audit verify
  link-peeler audit verify --file audit.ndjson --noted acc_…:1204:ab12…
  link-peeler audit verify --database backup.sqlite")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Show the latest records, newest first
    List(list::List),
    /// Write every record as a line of JSON, in the form that `verify --file` reads
    Export(export::Export),
    /// Check every chain offline and name the first record that is wrong; exit code 1 when there is one
    Verify(verify::Verify),
}

/// Which database, and which account of it.
#[derive(Args, Debug)]
struct Place {
    #[command(flatten)]
    database: DatabasePlace,
    /// One account, by its name
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
}

pub(crate) async fn run(arguments: Arguments) -> Ended {
    match arguments.command {
        Command::List(arguments) => list::run(&arguments).await,
        Command::Export(arguments) => export::run(&arguments).await,
        Command::Verify(arguments) => verify::run(&arguments).await,
    }
}
