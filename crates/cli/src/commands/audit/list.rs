//! `audit list`.

use clap::Args;
use protocol::UnixMillis;
use protocol::text::in_plain_characters;
use serde_json::json;
use store::admin::{Listed, list_audit};

use super::Place;
use crate::exit::{Ended, Exit};
use crate::output;

#[derive(Args, Debug)]
pub(super) struct List {
    /// Only records of this kind; may be given several times
    #[arg(long, value_name = "KIND", value_parser = clap::builder::PossibleValuesParser::new(domain::audit::Entry::KINDS.iter().copied()))]
    kind: Vec<String>,
    /// Only records in which this text stands: an id of a job, a key or a device, a name
    #[arg(long, value_name = "TEXT")]
    about: Option<String>,
    /// None older than this (RFC 3339)
    #[arg(long, value_name = "TIME")]
    since: Option<UnixMillis>,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    /// Print a line of JSON for each
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

pub(super) async fn run(arguments: &List) -> Ended {
    let List { kind, about, since, limit, json, place } = arguments;
    let fits = |line: &domain::audit::Line| {
        (kind.is_empty() || kind.iter().any(|kind| kind == line.entry.kind()))
            && about.as_ref().is_none_or(|about| serde_json::to_string(line).is_ok_and(|line| line.contains(about)))
    };
    let bounds = (*limit, since.unwrap_or(UnixMillis(i64::MIN)));
    let listed = list_audit(&place.database.url()?, place.account.as_deref(), bounds, fits).await?;
    if *json {
        for Listed { account, seq, line } in &listed {
            let mut object = json!({ "account": account, "seq": seq });
            let line = serde_json::to_value(line).map_err(anyhow::Error::from)?;
            if let (Some(object), serde_json::Value::Object(line)) = (object.as_object_mut(), line) {
                object.extend(line);
            }
            output::json(&object)?;
        }
        return Ok(Exit::Ok);
    }
    let rows = listed.iter().map(|Listed { account, seq, line }| {
        vec![
            line.at.to_string(),
            account.clone(),
            seq.to_string(),
            line.entry.kind().to_owned(),
            in_plain_characters(&line.entry.describe()),
        ]
    });
    output::line(&output::table(&["at", "account", "record", "kind", "what"], rows))?;
    Ok(Exit::Ok)
}
