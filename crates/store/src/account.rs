//! Accounts: who owns keys, devices, rows and quota.

use protocol::{AccountId, UnixMillis};

use crate::error::StoreError;
use crate::operation::Transaction;
use crate::statement;

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// What people call it; unique.
    pub name: String,
    /// The name of its plan.
    pub plan: String,
}

/// An account to be made unless one of its name exists.
#[derive(Debug)]
pub(crate) struct NewAccount {
    pub(crate) id: AccountId,
    pub(crate) name: String,
    pub(crate) plan: String,
    pub(crate) now: UnixMillis,
}

/// Makes the account, or returns the one that has its name.
pub(crate) async fn ensure(transaction: &mut Transaction<'_>, new: &NewAccount) -> Result<Account, StoreError> {
    let session = &mut transaction.session;
    session.rows(&statement::INSERT_ACCOUNT, &[(&new.id).into(), (&new.name).into(), (&new.plan).into(), new.now.into()]).await?;
    let row = session.row(&statement::ACCOUNT_BY_NAME, &[(&new.name).into()]).await?;
    let row = row.ok_or_else(|| StoreError::Corrupt(format!("account {} vanished", new.name)))?;
    Ok(Account { id: row.get(0)?, name: row.get(1)?, plan: row.get(2)? })
}

/// Gives an account another plan.
pub(crate) async fn set_plan(transaction: &mut Transaction<'_>, (account, plan): &(AccountId, String)) -> Result<(), StoreError> {
    transaction.session.rows(&statement::SET_PLAN, &[account.into(), plan.into()]).await?;
    transaction.effects.keys_changed = true;
    Ok(())
}
