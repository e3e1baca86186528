//! `audit export`: lines of JSON. A line `{"chain": …}` begins each account and says between which records its chain lies;
//! the records follow in order, each with its entries byte for byte as they were hashed.

use clap::Args;
use domain::audit::Block;
use domain::audit::chain::Ends;
use serde::{Deserialize, Serialize};
use store::admin::{Shown, walk_audit};

use super::Place;
use crate::exit::{Ended, Exit, Failure};
use crate::output;

#[derive(Args, Debug)]
pub(super) struct Export {
    #[command(flatten)]
    place: Place,
}

/// The line that begins an account.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ChainLine {
    /// What people call the account.
    pub(super) name: String,
    #[serde(flatten)]
    pub(super) ends: Ends,
}

/// A line of an export, as it is written.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Written<'b> {
    Chain(ChainLine),
    Record(&'b Block),
}

/// A line of an export, as it is read. Apart from [`Written`] since a record's exact bytes cannot be read through an enum.
#[derive(Deserialize)]
pub(super) struct Line {
    pub(super) chain: Option<ChainLine>,
    pub(super) record: Option<Block>,
}

pub(super) async fn run(Export { place }: &Export) -> Ended {
    walk_audit::<Failure>(&place.database.url()?, place.account.as_deref(), &[], |shown| {
        let line = match shown {
            Shown::Account { name, ends } => Written::Chain(ChainLine { name: name.to_owned(), ends }),
            Shown::Block(block) => Written::Record(block),
        };
        Ok(output::json(&line)?)
    })
    .await?;
    Ok(Exit::Ok)
}
