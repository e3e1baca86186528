//! What the relay gives in pages, as a table or as lines of JSON.

use std::time::Duration;

use clap::Args;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::caller::CallerFlags;
use crate::exit::{Ended, Exit};
use crate::output;
use crate::query::Query;

/// Items of one page; the relay's own bound may be lower.
const PAGE: usize = 100;

#[derive(Args, Debug)]
pub(crate) struct ListFlags {
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    /// Every page, however many
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    /// Print a line of JSON for each
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    caller: CallerFlags,
}

/// One page of some endpoint's.
pub(crate) trait Page: DeserializeOwned {
    type Item: Serialize;
    /// The table's header.
    const COLUMNS: &'static [&'static str];

    /// The items, and where the next page begins.
    fn into_parts(self) -> (Vec<Self::Item>, Option<String>);

    /// An item as a line of the table.
    fn line(item: Self::Item) -> Vec<String>;
}

/// Lists what `query` asks for, page by page.
pub(crate) async fn list<P: Page>(flags: &ListFlags, query: impl Fn() -> Query) -> Ended {
    let caller = flags.caller.caller()?;
    let (mut left, mut cursor, mut lines) = (if flags.all { usize::MAX } else { flags.limit }, None::<String>, Vec::new());
    while left > 0 {
        let target = query().with("limit", Some(left.min(PAGE))).with("cursor", cursor.as_deref()).finish();
        let (items, next) = caller.get::<P>(&target, Duration::ZERO).await?.into_parts();
        for item in items.into_iter().take(left) {
            left -= 1;
            if flags.json { output::json(&item)? } else { lines.push(P::line(item)) }
        }
        cursor = next;
        if cursor.is_none() {
            break;
        }
    }
    if !flags.json {
        output::line(&output::table(P::COLUMNS, lines))?;
        if cursor.is_some() {
            output::note("there are more: --limit N or --all");
        }
    }
    Ok(Exit::Ok)
}
