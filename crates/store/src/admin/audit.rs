//! Walks over the audit of a database that no relay need serve: a live one, a backup, a standby.

use domain::audit::Block;
use domain::audit::chain::{Broken, Ends, Place, Walk, Whole, Why};
use protocol::AccountId;
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
/// are places that must lie in a chain. A chain that breaks is left there and the next one begun.
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
    open.begin_snapshot().await?;
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
    let mut walk = Walk::new(ends, noted);
    // From the very first block that is there, so that one before the anchor is seen too.
    let mut behind = 0;
    loop {
        let page = blocks(session, &(ends.account, BlockRange::After(behind), PAGE)).await.map_err(AdminError::from)?;
        let Some(last) = page.last() else { break };
        behind = last.seq;
        for block in &page {
            visit(Shown::Block(block))?;
            if let Err(broken) = walk.step(block) {
                return Ok(Found::Broken(broken));
            }
        }
    }
    Ok(walk.finish().map_or_else(Found::Broken, Found::Whole))
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
