//! `link-peeler lab`: the local site of redirect cases, alone.

use std::net::SocketAddr;

use anyhow::Context as _;
use clap::Args;
use lab::Lab;
use serde_json::json;

use crate::exit::{Ended, Exit};
use crate::listen::{self, LAB_PORT};
use crate::{output, signals};

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  link-peeler lab
  link-peeler resolve --allow 127.0.0.1:7336 http://127.0.0.1:7336/chain/302/3")]
pub(crate) struct Arguments {
    /// Where to listen; loopback only. By default port 7336, or any when that is taken
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
    /// Print one line of JSON when it listens
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: Arguments) -> Ended {
    let address = listen::choose(arguments.listen, LAB_PORT);
    let lab = Lab::start(address).await.with_context(|| format!("the lab cannot listen on {address}"))?;
    if arguments.json {
        let cases: Vec<_> = lab
            .cases()
            .iter()
            .map(|case| json!({"name": case.name, "trackingUrl": lab.tracking_url(case), "expected": case.expected}))
            .collect();
        output::json(&json!({"labUrl": lab.url(), "cases": cases}))?;
    } else {
        let rows = lab.cases().iter().map(|case| vec![lab.tracking_url(case), case.expected.to_string(), case.description.to_owned()]);
        output::line(&output::table(&["tracking URL", "concludes as", "what it does"], rows))?;
        output::note(&format!(
            "The lab is open at {}/ until Ctrl-C. The guard refuses it unless told: --allow {}",
            lab.url(),
            lab.address()
        ));
    }
    signals::stop_requested().await?;
    lab.shutdown().await;
    Ok(Exit::Ok)
}
