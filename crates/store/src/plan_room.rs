//! Whether an account's plan has room for another key or another desktop. Counted under the account's row lock, so that of
//! two that come at once the second sees the first.

use domain::Plan;
use protocol::{AccountId, UnixMillis};

use crate::error::StoreError;
use crate::operation::Transaction;
use crate::statement;

/// How many keys the plan has room for, if they are all there: revoked ones take no room.
pub(crate) async fn full_of_keys(transaction: &mut Transaction<'_>, account: &AccountId) -> Result<Option<u32>, StoreError> {
    let Some(limit) = plan_of(transaction, account).await?.and_then(|plan| plan.keys) else { return Ok(None) };
    let row = transaction.session.row(&statement::COUNT_LIVE_KEYS, &[account.into()]).await?;
    let count: u64 = row.map_or(Ok(0), |row| row.get(0))?;
    Ok((count >= u64::from(limit)).then_some(limit))
}

/// How many desktops the plan has room for, if they are all there. One whose linking is approved has its place until its
/// code runs out; the code that is being decided about counts for nothing.
pub(crate) async fn full_of_devices(
    transaction: &mut Transaction<'_>,
    account: &AccountId,
    code_hash: &[u8; 32],
    now: UnixMillis,
) -> Result<Option<u32>, StoreError> {
    let Some(limit) = plan_of(transaction, account).await?.and_then(|plan| plan.devices) else { return Ok(None) };
    let row = transaction.session.row(&statement::COUNT_DEVICES, &[account.into(), now.into(), code_hash.into()]).await?;
    let count: u64 = row.map_or(Ok(0), |row| row.get(0))?;
    Ok((count >= u64::from(limit)).then_some(limit))
}

async fn plan_of(transaction: &mut Transaction<'_>, account: &AccountId) -> Result<Option<Plan>, StoreError> {
    let rows = transaction.session.rows_of_each(&statement::LOCK_ACCOUNT, &[[account.into()]]).await?;
    let Some((_, row)) = rows.first() else { return Ok(None) };
    Ok(transaction.settings.plans.get(&row.get::<String>(0)?).cloned())
}
