//! `audit verify`: over a database, a backup, or the lines of an export.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Context as _;
use clap::Args;
use domain::audit::Sha256Hash;
use domain::audit::chain::{Broken, Place as InChain, Walk};
use owo_colors::OwoColorize as _;
use protocol::AccountId;
use serde_json::json;
use store::admin::{AuditedAccount, Found, walk_audit};

use super::Place;
use super::export::Line;
use crate::exit::{Ended, Exit, Failure};
use crate::output;

/// Bytes of one line of an export: a record holds at most some thousand decisions.
const MAX_LINE_BYTES: u64 = 64 * 1_024 * 1_024;

#[derive(Args, Debug)]
pub(super) struct Verify {
    /// The lines of an export instead of a database; `-` reads standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["database", "data_dir"])]
    file: Option<PathBuf>,
    /// A record that was noted elsewhere and must be in the chain: ACCOUNT_ID:NUMBER:HASH; may be given several times
    #[arg(long, value_name = "NOTED")]
    noted: Vec<Noted>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// A place in an account's chain that was written down elsewhere.
#[derive(Clone, Copy, Debug)]
struct Noted(AccountId, InChain);

impl FromStr for Noted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.splitn(3, ':');
        let mut part = || parts.next().ok_or("expected ACCOUNT_ID:NUMBER:HASH");
        let account = part()?.parse().map_err(|error| format!("{error}"))?;
        let seq = part()?.parse().map_err(|error| format!("the number: {error}"))?;
        let hash: Sha256Hash = part()?.parse().map_err(|error| format!("the hash: {error}"))?;
        Ok(Self(account, InChain { seq, hash }))
    }
}

pub(super) async fn run(arguments: &Verify) -> Ended {
    let noted: Vec<(AccountId, InChain)> = arguments.noted.iter().map(|Noted(account, place)| (*account, *place)).collect();
    let only = arguments.place.account.as_deref();
    let accounts = match &arguments.file {
        Some(file) if file == Path::new("-") => verify_lines(std::io::stdin().lock(), only, &noted)?,
        Some(file) => {
            let opened = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
            verify_lines(BufReader::new(opened), only, &noted)?
        }
        None => walk_audit::<Failure>(&arguments.place.database.url()?, only, &noted, |_| Ok(())).await?,
    };
    let known = |account: &AccountId| accounts.iter().any(|audited| audited.ends.account == *account);
    if let Some((account, _)) = noted.iter().find(|(account, _)| !known(account)) {
        return Err(Failure::usage(format!("{account} was noted and is not there")));
    }
    let is_whole = accounts.iter().all(AuditedAccount::is_whole);
    if arguments.json {
        output::json(&json!({ "whole": is_whole, "accounts": accounts.iter().map(to_json).collect::<Vec<_>>() }))?;
    } else {
        for account in &accounts {
            output::line(&describe(account))?;
        }
    }
    Ok(if is_whole { Exit::Ok } else { Exit::No })
}

/// Walks over the lines of an export.
fn verify_lines(mut lines: impl BufRead, only: Option<&str>, noted: &[(AccountId, InChain)]) -> Result<Vec<AuditedAccount>, Failure> {
    let mut accounts: Vec<AuditedAccount> = Vec::new();
    let mut open: Option<(String, domain::audit::chain::Ends, Walk, Option<Broken>)> = None;
    let end = |open: &mut Option<_>, accounts: &mut Vec<AuditedAccount>| {
        if let Some((name, ends, walk, broken)) = open.take() {
            let walk: Walk = walk;
            let found = match broken {
                Some(broken) => Found::Broken(broken),
                None => walk.finish().map_or_else(Found::Broken, Found::Whole),
            };
            accounts.push(AuditedAccount { name, ends, found });
        }
    };
    let (mut text, mut number) = (String::new(), 0_u64);
    loop {
        text.clear();
        number += 1;
        let read = std::io::Read::take(&mut lines, MAX_LINE_BYTES).read_line(&mut text).context("cannot read the export")?;
        if read == 0 {
            break;
        }
        let line: Line =
            serde_json::from_str(&text).map_err(|error| Failure::usage(format!("line {number} is no line of an export: {error}")))?;
        match (line.chain, line.record) {
            (Some(chain), None) => {
                end(&mut open, &mut accounts);
                if only.is_none_or(|only| only == chain.name) {
                    let of_account = noted.iter().filter(|(account, _)| *account == chain.ends.account).map(|(_, place)| *place);
                    open = Some((chain.name, chain.ends, Walk::new(chain.ends, of_account.collect()), None));
                }
            }
            (None, Some(record)) => {
                if let Some((_, _, walk, broken)) = &mut open
                    && broken.is_none()
                {
                    *broken = walk.step(&record).err();
                }
            }
            _ => return Err(Failure::usage(format!("line {number} is no line of an export: it has neither a chain nor a record"))),
        }
    }
    end(&mut open, &mut accounts);
    if accounts.is_empty() {
        return Err(Failure::usage("there is no chain in this export"));
    }
    Ok(accounts)
}

fn to_json(account: &AuditedAccount) -> serde_json::Value {
    let mut json = json!({
        "name": account.name, "account": account.ends.account, "anchor": account.ends.anchor, "head": account.ends.head,
        "whole": account.is_whole(),
    });
    match &account.found {
        Found::Whole(whole) => {
            json["records"] = json!(whole.blocks);
            json["decisions"] = json!(whole.decisions);
        }
        Found::Broken(broken) => {
            json["broken"] = json!({ "seq": broken.seq, "at": broken.at, "why": broken.why, "detail": broken.why.text() });
        }
    }
    json
}

fn describe(account: &AuditedAccount) -> String {
    let AuditedAccount { name, ends, found } = account;
    match found {
        Found::Whole(whole) => {
            let pruned = if ends.anchor.seq > 0 { format!(", {} before them pruned", ends.anchor.seq) } else { String::new() };
            let head = format!("{}:{}:{}", ends.account, ends.head.seq, ends.head.hash);
            format!("{}  {name}: {} records, {} decisions{pruned}; head {head}", "whole".green(), whole.blocks, whole.decisions)
        }
        Found::Broken(broken) => {
            let at = broken.at.map_or_else(String::new, |at| format!(" of {at}"));
            format!("{}  {name}: record {}{at}: {}", "broken".red().bold(), broken.seq, broken.why.text())
        }
    }
}
