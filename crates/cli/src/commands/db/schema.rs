//! `db migrate` and `db status`.

use clap::Args;
use protocol::{Clock as _, SystemClock};
use serde_json::json;
use store::admin::{self, Schema, Status};

use crate::database_place::DatabasePlace;
use crate::exit::{Ended, Exit};
use crate::output;

#[derive(Args, Debug)]
pub(super) struct Migrate {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: DatabasePlace,
}

#[derive(Args, Debug)]
pub(super) struct Show {
    /// How many accounts to list by waiting jobs
    #[arg(long, value_name = "N", default_value_t = 10)]
    top: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: DatabasePlace,
}

pub(super) async fn migrate(arguments: &Migrate) -> Ended {
    let before = admin::migrate(&arguments.place.url()?).await?;
    if arguments.json {
        output::json(&json!({"from": before.version(), "applied": before.pending}))?;
        return Ok(Exit::Ok);
    }
    for step in &before.pending {
        output::line(&format!("applied step {}: {}", step.version, step.name))?;
    }
    if before.pending.is_empty() {
        output::line(&format!("nothing to do: the schema is at step {}", before.version()))?;
    }
    Ok(Exit::Ok)
}

pub(super) async fn show(arguments: &Show) -> Ended {
    let status = admin::status(&arguments.place.url()?, arguments.top, SystemClock.now()).await?;
    if arguments.json {
        output::json(&status)?;
    } else {
        output::line(&describe(&status))?;
    }
    Ok(Exit::Ok)
}

fn describe(status: &Status) -> String {
    let mut facts = vec![
        ["database".to_owned(), format!("{} {}", status.backend, status.database_version)],
        ["schema".to_owned(), describe_schema(&status.schema)],
        ["size".to_owned(), megabytes(status.size_bytes)],
    ];
    if let Some(counts) = &status.counts {
        let mut add = |name: &str, count: u64| facts.push([name.to_owned(), count.to_string()]);
        add("accounts", counts.accounts);
        add("devices", counts.devices);
        add("API keys", counts.api_keys);
        add("jobs waiting", counts.waiting);
        add("jobs leased", counts.leased);
        add("jobs this month", counts.jobs_this_month);
        add("jobs counted", counts.jobs_counted);
    }
    let width = facts.iter().map(|[name, _]| name.len()).max().unwrap_or(0);
    let mut text = facts.iter().map(|[name, value]| format!("{name:width$}  {value}")).collect::<Vec<_>>().join("\n");
    if !status.most_waiting.is_empty() {
        let rows = status.most_waiting.iter().map(|one| vec![one.account.to_string(), one.name.clone(), one.waiting.to_string()]);
        text.push_str("\n\n");
        text.push_str(&output::table(&["account", "name", "waiting"], rows));
    }
    text
}

fn describe_schema(schema: &Schema) -> String {
    let mut text = format!("step {}", schema.version());
    for step in &schema.pending {
        text.push_str(&format!("; pending: {} {}", step.version, step.name));
    }
    for step in &schema.unknown {
        text.push_str(&format!("; of a newer version: {} {}", step.version, step.name));
    }
    text
}

/// A size for a person.
pub(super) fn megabytes(bytes: u64) -> String {
    let tenths = bytes / 100_000;
    format!("{}.{} MB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use store::admin::{AccountBacklog, Counts, Step};

    use super::*;

    #[test]
    fn a_person_sees_what_waits_and_what_is_pending() {
        let step = |version, name: &str| Step { version, name: name.to_owned(), applied_on: None };
        let status = Status {
            backend: "sqlite",
            database_version: "3.53.2".to_owned(),
            schema: Schema { applied: vec![step(1, "spine")], pending: vec![step(2, "retention")], unknown: vec![] },
            size_bytes: 1_250_000,
            counts: Some(Counts { accounts: 1, devices: 2, api_keys: 3, waiting: 4, leased: 5, jobs_this_month: 6, jobs_counted: 7 }),
            most_waiting: vec![AccountBacklog {
                account: protocol::AccountId::new(protocol::UnixMillis(0), [0; 10]),
                name: "default".to_owned(),
                waiting: 4,
            }],
        };
        let text = describe(&status);
        for part in ["schema           step 1; pending: 2 retention", "size             1.2 MB", "jobs waiting     4", "default  4"] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
    }
}
