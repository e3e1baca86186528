//! `link-peeler verify`: a signed request that does nothing. It shows that key, secret and clock are right.

use std::time::Duration;

use clap::Args;
use protocol::key::Verified;

use crate::caller::CallerFlags;
use crate::exit::{Ended, Exit};
use crate::output;

#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  LINK_PEELER_SECRET=lps_… link-peeler verify --relay https://relay.example --key lp_live_…")]
pub(crate) struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    caller: CallerFlags,
}

pub(crate) async fn run(arguments: Arguments) -> Ended {
    let verified: Verified = arguments.caller.caller()?.get("/api/links/verify", Duration::ZERO).await?;
    if arguments.json {
        output::json(&verified)?;
        return Ok(Exit::Ok);
    }
    let quota = match verified.quota_remaining {
        Some(left) => format!("{left} fetches left until {}", verified.quota_renews_at),
        None => "no monthly limit".to_owned(),
    };
    output::line(&format!("{} ({}) works: {}, plan {}, {quota}", verified.key_id, verified.label, verified.environment, verified.plan))?;
    Ok(Exit::Ok)
}
