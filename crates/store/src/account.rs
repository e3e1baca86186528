//! Accounts: who owns keys, devices, rows and quota.

use domain::audit::{Actor, Entry};
use protocol::{AccountId, UnixMillis};

use crate::error::StoreError;
use crate::operation::Transaction;
use crate::session::{Row, Session};
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
    /// When it was made.
    pub created_at: UnixMillis,
}

/// An account to be made unless one of its name exists.
#[derive(Debug)]
pub(crate) struct NewAccount {
    pub(crate) id: AccountId,
    pub(crate) name: String,
    pub(crate) plan: String,
    pub(crate) now: UnixMillis,
}

/// A page of accounts: those whose name comes after, so many at most.
#[derive(Debug)]
pub(crate) struct AccountsAfter {
    pub(crate) name: String,
    pub(crate) limit: u32,
}

/// Makes the account, or returns the one that has its name.
pub(crate) async fn ensure(transaction: &mut Transaction<'_>, new: &NewAccount) -> Result<Account, StoreError> {
    let session = &mut transaction.session;
    session.rows(&statement::INSERT_ACCOUNT, &[(&new.id).into(), (&new.name).into(), (&new.plan).into(), new.now.into()]).await?;
    let account = by_name(session, &new.name).await?.ok_or_else(|| StoreError::Corrupt(format!("account {} vanished", new.name)))?;
    if account.id == new.id {
        transaction.audit.record(new.id, new.now, Entry::AccountCreated { name: new.name.clone(), plan: new.plan.clone() });
    }
    Ok(account)
}

/// The account of this name.
pub(crate) async fn by_name(session: &mut Session<'_>, name: &String) -> Result<Option<Account>, StoreError> {
    session.row(&statement::ACCOUNT_BY_NAME, &[name.into()]).await?.as_ref().map(record).transpose()
}

/// The account of this id.
pub(crate) async fn by_id(session: &mut Session<'_>, id: AccountId) -> Result<Option<Account>, StoreError> {
    session.row(&statement::ACCOUNT, &[(&id).into()]).await?.as_ref().map(record).transpose()
}

/// Accounts in the order of their names.
pub(crate) async fn page(session: &mut Session<'_>, after: &AccountsAfter) -> Result<Vec<Account>, StoreError> {
    session.rows(&statement::ACCOUNTS, &[(&after.name).into(), after.limit.into()]).await?.iter().map(record).collect()
}

/// Gives an account another plan.
pub(crate) async fn set_plan(
    transaction: &mut Transaction<'_>,
    (account, plan, by, now): &(AccountId, String, Actor, UnixMillis),
) -> Result<(), StoreError> {
    transaction.session.rows(&statement::SET_PLAN, &[account.into(), plan.into()]).await?;
    transaction.audit.record(*account, *now, Entry::PlanChanged { by: by.clone(), plan: plan.clone() });
    transaction.effects.keys_changed = true;
    Ok(())
}

fn record(row: &Row) -> Result<Account, StoreError> {
    Ok(Account { id: row.get(0)?, name: row.get(1)?, plan: row.get(2)?, created_at: row.get(3)? })
}

/// The name of the account's plan.
pub(crate) async fn plan_name(session: &mut Session<'_>, account: &AccountId) -> Result<Option<String>, StoreError> {
    session.row(&statement::PLAN_NAME, &[account.into()]).await?.map(|row| row.get(0)).transpose()
}
