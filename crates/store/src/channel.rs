//! The account's active channel: two settings, read with every row that is shown.

use domain::audit::{Actor, Entry};
use domain::channel::Channel;
use protocol::{AccountId, UnixMillis};

use crate::error::StoreError;
use crate::operation::Transaction;
use crate::session::Session;
use crate::settings::Settings;
use crate::statement;

const SOURCE: &str = "channel.source";
const FRESHNESS: &str = "channel.freshness_seconds";

/// The account's channel; what it has not chosen is as the relay has it.
pub(crate) async fn of(session: &mut Session<'_>, settings: &Settings, account: &AccountId) -> Result<Channel, StoreError> {
    let mut channel = Channel::usual(settings.freshness_millis);
    for row in session.rows(&statement::ACCOUNT_SETTINGS, &[account.into()]).await? {
        let (name, value): (String, String) = (row.get(0)?, row.get(1)?);
        match name.as_str() {
            SOURCE => channel.source = value,
            FRESHNESS => channel.freshness_seconds = value.parse().map_err(|_| StoreError::Corrupt(format!("{FRESHNESS} is {value}")))?,
            _ => {}
        }
    }
    Ok(channel)
}

/// Gives the account another channel.
pub(crate) async fn set(
    transaction: &mut Transaction<'_>,
    (account, channel, by, now): &(AccountId, Channel, Actor, UnixMillis),
) -> Result<(), StoreError> {
    let freshness = channel.freshness_seconds.to_string();
    for (name, value) in [(SOURCE, &channel.source), (FRESHNESS, &freshness)] {
        let parameters = [account.into(), name.into(), value.into(), (*now).into()];
        if transaction.session.row(&statement::SET_ACCOUNT_SETTING, &parameters).await?.is_some() {
            let changed = Entry::SettingChanged { by: by.clone(), setting: name.to_owned(), value: value.clone() };
            transaction.audit.record(*account, *now, changed);
        }
    }
    Ok(())
}
