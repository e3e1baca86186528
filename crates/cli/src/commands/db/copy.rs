//! `db copy`.

use clap::Args;
use serde_json::json;
use store::DatabaseUrl;
use store::admin::{self, CopiedTable};

use crate::database_place::NamedDatabase;
use crate::exit::{Ended, Exit, Failure};
use crate::output;

#[derive(Args, Debug)]
#[command(after_help = "\
Stop the relay first. The target must be a new, empty database of PostgreSQL 15 or newer. Everything is copied in one
transaction and read back; the hashes are equal on both sides, or nothing is kept. The file itself is not changed: keep
it as a backup, and do not start a relay on it again.")]
pub(super) struct Copy {
    /// The SQLite file of the installation (`sqlite:FILE`)
    #[arg(long, value_name = "DATABASE")]
    from: NamedDatabase,
    /// The `postgres://` URL of an empty database, or @FILE with that URL in it
    #[arg(long, env = "LINK_PEELER_DATABASE", hide_env_values = true, value_name = "DATABASE")]
    to: NamedDatabase,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: &Copy) -> Ended {
    let (DatabaseUrl::Sqlite(from), DatabaseUrl::Postgres(to)) = (&arguments.from.url()?, &arguments.to.url()?) else {
        return Err(Failure::usage("--from names an SQLite file and --to a postgres:// URL; other directions are PostgreSQL's own tools'"));
    };
    let note = |table: &CopiedTable| output::note(&format!("{}: {} rows", table.table, table.rows));
    let copied = admin::copy(from, to, note).await?;
    if arguments.json {
        output::json(&json!({"tables": copied}))?;
        return Ok(Exit::Ok);
    }
    let rows = copied.iter().map(|table| vec![table.table.clone(), table.rows.to_string(), table.sha256.clone()]);
    output::line(&output::table(&["table", "rows", "sha256 (both sides)"], rows))?;
    output::note("Start relays with the new --database and the same key files; do not start one on the file again.");
    Ok(Exit::Ok)
}
