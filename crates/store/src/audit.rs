//! The audit as it is stored: whatever a transaction has decided is added as one block of each account that it concerns,
//! in that transaction, last of all. On PostgreSQL the heads of the chains are locked then, in the order of the accounts,
//! and held for no longer than the commit takes.

pub(crate) mod prune;

use std::collections::BTreeMap;

use domain::audit::chain::{Ends, Place};
use domain::audit::{Block, Draft, Entry, Sha256Hash};
use protocol::{AccountId, UnixMillis};
use serde_json::value::RawValue;

use crate::effects::Effects;
use crate::error::StoreError;
use crate::operation::Transaction;
use crate::session::{Batch, Row, Session, Value};
use crate::statement;

/// What a transaction has yet to write.
#[derive(Debug, Default)]
pub(crate) struct Audit(BTreeMap<AccountId, Draft>);

impl Audit {
    /// Notes a decision. It is written with the transaction, or not at all.
    pub(crate) fn record(&mut self, account: AccountId, at: UnixMillis, entry: Entry) {
        self.0.entry(account).or_default().add(at, entry);
    }

    /// Writes a block for each account.
    pub(crate) async fn write(&self, session: &mut Session<'_>, effects: &mut Effects) -> Result<(), StoreError> {
        if self.0.is_empty() {
            return Ok(());
        }
        let sealed: Vec<_> = self.0.iter().map(|(account, draft)| (account, draft.at(), draft.seal())).collect();
        let heads = sealed.iter().map(|(account, at, (_, digest))| [(*account).into(), (*at).into(), digest.into()]);
        let blocks = sealed.iter().map(|(account, _, (entries, _))| [(*account).into(), entries.into()]);
        let batches = [
            Batch::new(&statement::MOVE_AUDIT_HEAD, heads.collect::<Vec<[Value<'_>; 3]>>()),
            Batch::new(&statement::ADD_AUDIT_BLOCK, blocks.collect::<Vec<[Value<'_>; 2]>>()),
        ];
        session.write(&batches).await?;
        effects.recorded.extend(self.0.keys());
        Ok(())
    }
}

/// Decisions that come with no other change: refusals, sign-ins.
#[derive(Debug)]
pub(crate) struct Records {
    pub(crate) account: AccountId,
    pub(crate) entries: Vec<(UnixMillis, Entry)>,
}

pub(crate) async fn record(transaction: &mut Transaction<'_>, records: &Records) -> Result<(), StoreError> {
    for (at, entry) in &records.entries {
        transaction.audit.record(records.account, *at, entry.clone());
    }
    Ok(())
}

/// Which blocks of an account are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockRange {
    /// Those behind this number, oldest first.
    After(u64),
    /// Those before this number, newest first.
    Before(u64),
}

/// Reads at most `limit` blocks.
pub(crate) async fn blocks(
    session: &mut Session<'_>,
    (account, range, limit): &(AccountId, BlockRange, u32),
) -> Result<Vec<Block>, StoreError> {
    let (statement, seq) = match range {
        BlockRange::After(seq) => (&statement::AUDIT_BLOCKS_AFTER, seq),
        BlockRange::Before(seq) => (&statement::AUDIT_BLOCKS_BEFORE, seq),
    };
    let seq = i64::try_from(*seq).unwrap_or(i64::MAX);
    let rows = session.rows(statement, &[account.into(), seq.into(), (*limit).into()]).await?;
    rows.iter().map(|row| block(*account, row)).collect()
}

/// Between which places the account's chain lies.
pub(crate) async fn ends(session: &mut Session<'_>, account: &AccountId) -> Result<Ends, StoreError> {
    let row = session.row(&statement::AUDIT_HEAD, &[account.into()]).await?;
    row.map_or(Ok(Ends { account: *account, anchor: Place::BEGINNING, head: Place::BEGINNING }), |row| ends_of(*account, &row, 0))
}

/// Reads head and anchor, each a number and a hash, from column `first` on; nulls where the account has no audit yet.
pub(crate) fn ends_of(account: AccountId, row: &Row, first: usize) -> Result<Ends, StoreError> {
    let place = |at: usize| -> Result<Place, StoreError> {
        let (seq, hash): (Option<u64>, Option<[u8; 32]>) = (row.get(at)?, row.get(at + 1)?);
        Ok(seq.zip(hash).map_or(Place::BEGINNING, |(seq, hash)| Place { seq, hash: Sha256Hash(hash) }))
    };
    Ok(Ends { account, head: place(first)?, anchor: place(first + 2)? })
}

fn block(account: AccountId, row: &Row) -> Result<Block, StoreError> {
    let seq: u64 = row.get(0)?;
    // Text that is no JSON any more stays text: it is for the check to say that the block was changed.
    let entries: String = row.get(4)?;
    let entries = RawValue::from_string(entries.clone())
        .or_else(|_| serde_json::value::to_raw_value(&entries))
        .map_err(|error| StoreError::Corrupt(format!("audit record {seq} of {account}: {error}")))?;
    Ok(Block { account, seq, at: row.get(1)?, previous: Sha256Hash(row.get(2)?), hash: Sha256Hash(row.get(3)?), entries })
}
