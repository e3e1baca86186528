//! How long an account wants its ended work kept: a wish within what its plan and the relay allow. What is dropped, and
//! when, is in [`prune`](crate::prune).

use domain::Retention;
use domain::audit::{Actor, Entry};
use protocol::{AccountId, UnixMillis};

use crate::account;
use crate::error::StoreError;
use crate::operation::Transaction;
use crate::session::Session;
use crate::settings::Settings;
use crate::statement;
use crate::store::Store;

/// The setting's name; `upkeep/accounts_to_prune` reads it, too.
const DAYS: &str = "retention.days";
/// The value of an account that has no wish of its own.
const AS_ALLOWED: &str = "allowed";

/// What is kept of an account's ended work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// What plan and relay allow.
    pub allowed: Retention,
    /// Days that the account has chosen; `None`: as long as is allowed.
    pub chosen: Option<u32>,
}

impl Kept {
    /// What holds.
    #[must_use]
    pub fn now(self) -> Retention {
        self.allowed.within(self.chosen)
    }
}

impl Store {
    /// How long the account's ended work is kept.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn kept(&self, account: AccountId) -> Result<Kept, StoreError> {
        self.read_of(account, account, |session, settings, account| Box::pin(of(session, settings, account))).await
    }

    /// Keeps the account's ended work for so many days, or (`None`) for as long as is allowed. More than is allowed keeps
    /// no more. The same again is harmless.
    ///
    /// # Errors
    /// When the database fails or the queue is full.
    pub async fn keep(&self, account: AccountId, days: Option<u32>, by: Actor, now: UnixMillis) -> Result<(), StoreError> {
        self.write((account, days, by, now), |transaction, order| Box::pin(set(transaction, order))).await
    }
}

/// The wish as it is stored; none, and one that cannot be read, keep what is allowed.
pub(crate) fn chosen(value: Option<&str>) -> Option<u32> {
    value.and_then(|value| value.parse().ok())
}

async fn of(session: &mut Session<'_>, settings: &Settings, account: &AccountId) -> Result<Kept, StoreError> {
    let plan = account::plan_name(session, account).await?;
    let plan_days = plan.and_then(|name| settings.plans.get(&name)).and_then(|plan| plan.retention_days);
    let value: Option<String> = match session.row(&statement::ACCOUNT_SETTING, &[account.into(), DAYS.into()]).await? {
        Some(row) => row.get(0)?,
        None => None,
    };
    Ok(Kept { allowed: settings.retention.within(plan_days), chosen: chosen(value.as_deref()) })
}

async fn set(
    transaction: &mut Transaction<'_>,
    (account, days, by, now): &(AccountId, Option<u32>, Actor, UnixMillis),
) -> Result<(), StoreError> {
    let value = days.map_or_else(|| AS_ALLOWED.to_owned(), |days| days.to_string());
    let parameters = [account.into(), DAYS.into(), (&value).into(), (*now).into()];
    if transaction.session.row(&statement::SET_ACCOUNT_SETTING, &parameters).await?.is_some() {
        let changed = Entry::SettingChanged { by: by.clone(), setting: DAYS.to_owned(), value };
        transaction.audit.record(*account, *now, changed);
    }
    Ok(())
}
