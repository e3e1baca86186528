//! Forgets what the audit has kept long enough, from the front, so that what remains is still a chain: the head remembers
//! number and hash of the last block that went, and the first that stays names them. A transaction of its own for each
//! account: it locks the head, which everyone else locks last.

use domain::audit::Sha256Hash;
use domain::retention::MOST_AUDIT_BLOCKS;
use protocol::{AccountId, UnixMillis};

use super::ends;
use crate::error::StoreError;
use crate::operation::Transaction;
use crate::session::Row;
use crate::statement;

/// Blocks that one step drops: some milliseconds of the writer.
const BLOCKS_PER_STEP: i64 = 500;

/// What one step has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PrunedAudit {
    /// Blocks that were dropped.
    pub blocks: usize,
    /// Behind which account the next step goes on; none: every account has had its turn.
    pub next: Option<AuditCursor>,
}

/// Where a pass over the accounts has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditCursor(AccountId);

pub(crate) async fn step(
    transaction: &mut Transaction<'_>,
    (now, from): &(UnixMillis, Option<AuditCursor>),
) -> Result<PrunedAudit, StoreError> {
    let kept_since = transaction.settings.retention.audit_kept_since(*now);
    let session = &mut transaction.session;
    let behind = from.map_or(AccountId::from_bytes([0; 16]), |cursor| cursor.0);
    if session.row(&statement::MAY_PRUNE, &[]).await?.is_none() {
        return Ok(PrunedAudit::default());
    }
    let Some(row) = session.row(&statement::ACCOUNTS_TO_PRUNE, &[(&behind).into(), 1_i64.into()]).await? else {
        return Ok(PrunedAudit::default());
    };
    let account: AccountId = row.get(0)?;
    let most = ends(session, &account).await?.head.seq.saturating_sub(MOST_AUDIT_BLOCKS);
    let oldest = session.rows(&statement::AUDIT_OLDEST_BLOCKS, &[(&account).into(), BLOCKS_PER_STEP.into()]).await?;
    let oldest = oldest.iter().map(Old::read).collect::<Result<Vec<_>, _>>()?;
    let old = oldest.iter().take_while(|block| block.at < kept_since || block.seq.unsigned_abs() <= most).count();
    if let Some(last) = oldest[..old].last() {
        session.rows(&statement::MOVE_AUDIT_ANCHOR, &[(&account).into(), last.seq.into(), (&last.hash.0).into()]).await?;
        session.rows(&statement::DROP_AUDIT_BLOCKS, &[(&account).into(), last.seq.into()]).await?;
    }
    let is_done = i64::try_from(old).is_ok_and(|old| old < BLOCKS_PER_STEP);
    Ok(PrunedAudit { blocks: old, next: Some(AuditCursor(if is_done { account } else { behind })) })
}

/// A block at the front.
struct Old {
    seq: i64,
    at: UnixMillis,
    hash: Sha256Hash,
}

impl Old {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { seq: row.get(0)?, at: row.get(1)?, hash: Sha256Hash(row.get(2)?) })
    }
}
