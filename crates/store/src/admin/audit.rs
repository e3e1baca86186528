//! Walks over the audit of a database that no relay need serve: a live one, a backup, a standby.

use domain::audit::chain::{Broken, Ends, Place, Walk, Whole, Why};
use domain::audit::{Block, Line};
use protocol::{AccountId, UnixMillis};
use serde::Serialize;

use super::AdminError;
use super::open::{Access, Open};
use crate::audit::{BlockRange, blocks, ends_of};
use crate::database::DatabaseUrl;
use crate::session::Session;
use crate::statement;

/// Blocks that are read at once: each may hold the decisions of a thousand requests.
const PAGE: u32 = 64;

/// An account's audit as a walk found it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditedAccount {
    /// What people call the account.
    pub name: String,
    /// Between which blocks its chain lies.
    #[serde(flatten)]
    pub ends: Ends,
    /// What the walk has seen, or the first thing that is wrong.
    pub found: Found,
}

/// What a walk has found.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// Everything holds.
    Whole(Whole),
    /// The first that does not.
    Broken(Broken),
}

/// What a visitor of an audit is shown.
#[derive(Debug)]
pub enum Shown<'b> {
    /// An account's chain begins, between these places.
    Account {
        /// What people call it.
        name: &'b str,
        /// Between which blocks.
        ends: Ends,
    },
    /// A block of it.
    Block(&'b Block),
}

/// Walks over the audit of every account, or of the one of this name, and shows everything to `visit` on the way; `noted`
/// are places that must lie in a chain. Of a chain that breaks the first break is told.
///
/// # Errors
/// When the database cannot be read, has not this program's schema, or has no such account; and what `visit` says.
pub async fn walk_audit<E: From<AdminError>>(
    url: &DatabaseUrl,
    only: Option<&str>,
    noted: &[(AccountId, Place)],
    mut visit: impl FnMut(Shown<'_>) -> Result<(), E>,
) -> Result<Vec<AuditedAccount>, E> {
    let mut open = Open::connect(url, Access::Read).await?;
    open.expect_current_schema().await?;
    open.begin_snapshot()?;
    let mut session = open.session();
    let accounts = accounts(&mut session, only).await?;
    let mut walked = Vec::new();
    for (name, ends) in accounts {
        visit(Shown::Account { name: &name, ends })?;
        let of_account = noted.iter().filter(|(account, _)| *account == ends.account).map(|(_, place)| *place);
        let found = walk_account(&mut session, ends, of_account.collect(), &mut visit).await?;
        walked.push(AuditedAccount { name, ends, found });
    }
    let strays: u64 = session
        .row(&statement::AUDIT_STRAYS, &[])
        .await
        .map_err(AdminError::from)?
        .map_or(Ok(0), |row| row.get(0))
        .map_err(AdminError::from)?;
    session.rollback().await.map_err(AdminError::from)?;
    if strays > 0 && only.is_none() {
        return Err(AdminError::Unsuitable(format!("{strays} audit records belong to no chain: a head was taken out")).into());
    }
    Ok(walked)
}

async fn accounts(session: &mut Session<'_>, only: Option<&str>) -> Result<Vec<(String, Ends)>, AdminError> {
    let mut accounts = Vec::new();
    for row in session.rows(&statement::AUDIT_ENDS, &[]).await? {
        let (account, name): (AccountId, String) = (row.get(0)?, row.get(1)?);
        if only.is_none_or(|only| only == name) {
            accounts.push((name, ends_of(account, &row, 2)?));
        }
    }
    match only {
        Some(name) if accounts.is_empty() => Err(AdminError::Unsuitable(format!("there is no account `{name}`"))),
        _ => Ok(accounts),
    }
}

async fn walk_account<E: From<AdminError>>(
    session: &mut Session<'_>,
    ends: Ends,
    noted: Vec<Place>,
    visit: &mut impl FnMut(Shown<'_>) -> Result<(), E>,
) -> Result<Found, E> {
    let (mut walk, mut broken) = (Walk::new(ends, noted), None);
    // From the very first block that is there, so that one before the anchor is seen too.
    let mut behind = 0;
    loop {
        let page = blocks(session, &(ends.account, BlockRange::After(behind), PAGE)).await.map_err(AdminError::from)?;
        let Some(last) = page.last() else { break };
        behind = last.seq;
        for block in &page {
            visit(Shown::Block(block))?;
            // What stands behind a break is still shown.
            if broken.is_none() {
                broken = walk.step(block).err();
            }
        }
    }
    Ok(match broken {
        Some(broken) => Found::Broken(broken),
        None => walk.finish().map_or_else(Found::Broken, Found::Whole),
    })
}

impl AuditedAccount {
    /// Whether everything holds.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        matches!(self.found, Found::Whole(_))
    }

    /// Why not, for people.
    #[must_use]
    pub const fn why(&self) -> Option<Why> {
        match &self.found {
            Found::Whole(_) => None,
            Found::Broken(broken) => Some(broken.why),
        }
    }
}

/// An entry with where it stands.
#[derive(Clone, Debug)]
pub struct Listed {
    /// What people call the account.
    pub account: String,
    /// The block that it stands in.
    pub seq: u64,
    /// The entry.
    pub line: Line,
}

/// The last `most` entries that fit, newest first, of every account or of the one of this name; none older than `since`.
///
/// # Errors
/// When the database cannot be read, has not this program's schema, or has no such account.
pub async fn list_audit(
    url: &DatabaseUrl,
    only: Option<&str>,
    (most, since): (usize, UnixMillis),
    fits: impl Fn(&Line) -> bool,
) -> Result<Vec<Listed>, AdminError> {
    let mut open = Open::connect(url, Access::Read).await?;
    open.expect_current_schema().await?;
    let mut session = open.session();
    let mut listed: Vec<Listed> = Vec::new();
    for (name, ends) in accounts(&mut session, only).await? {
        let (mut before, mut found) = (ends.head.seq + 1, 0);
        while found < most {
            let page = blocks(&mut session, &(ends.account, BlockRange::Before(before), PAGE)).await?;
            let Some(last) = page.last() else { break };
            before = last.seq;
            for block in page.iter().filter(|block| block.at >= since) {
                let lines =
                    block.lines().map_err(|_| AdminError::Unsuitable(format!("audit record {} of {name} cannot be read", block.seq)))?;
                let of_block = lines.into_iter().rev().filter(|line| line.at >= since && fits(line));
                listed.extend(of_block.map(|line| Listed { account: name.clone(), seq: block.seq, line }).inspect(|_| found += 1));
            }
            if last.at < since {
                break;
            }
        }
    }
    // Those of several accounts by time; those of one stay in their order.
    listed.sort_by_key(|entry| std::cmp::Reverse(entry.line.at));
    listed.truncate(most);
    Ok(listed)
}
