//! `db backup` and `db restore`.

use std::path::PathBuf;

use clap::Args;
use store::admin::{self, Tools};

use super::schema::megabytes;
use crate::database_place::{DatabasePlace, NamedDatabase};
use crate::exit::{Ended, Exit};
use crate::output;

#[derive(Args, Debug)]
pub(super) struct Backup {
    /// A new file. Of PostgreSQL, `pg_dump` makes it
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: DatabasePlace,
}

#[derive(Args, Debug)]
pub(super) struct Restore {
    /// A file that `db backup` has made
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// A new SQLite file, the postgres:// URL of an empty database, or @FILE with that URL in it
    // Named every time: a restore into a default place is an accident.
    #[arg(long, env = "LINK_PEELER_DATABASE", hide_env_values = true, value_name = "DATABASE")]
    database: NamedDatabase,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn backup(arguments: &Backup) -> Ended {
    let made = admin::backup(&arguments.place.url()?, &arguments.file, &Tools::on_path()).await?;
    if arguments.json {
        output::json(&made)?;
    } else {
        output::line(&format!("{}: {}, verified by {}", made.file.display(), megabytes(made.size_bytes), made.verified_by))?;
    }
    Ok(Exit::Ok)
}

pub(super) async fn restore(arguments: &Restore) -> Ended {
    let restored = admin::restore(&arguments.file, &arguments.database.url()?, &Tools::on_path()).await?;
    if arguments.json {
        output::json(&restored)?;
    } else {
        output::line(&format!("restored; the schema is at step {}", restored.schema.version()))?;
        output::note(
            "Nonces since the backup are forgotten: start relays on it once the freshness window (300 s) has passed.\n\
             They need the `sealing.key` of the installation that was backed up.",
        );
    }
    Ok(Exit::Ok)
}
