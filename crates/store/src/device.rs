//! Devices: linked installations of the desktop. The relay keeps public keys only.

use domain::audit::{Actor, Entry, Requeued};
use protocol::device_signature::DevicePublicKey;
use protocol::{AccountId, DeviceId, UnixMillis};

use crate::effects::EVERYONE;
use crate::error::StoreError;
use crate::operation::Transaction;
use crate::release;
use crate::session::{Row, Session};
use crate::statement;

/// A device as storage knows it.
#[derive(Clone, Debug)]
pub struct DeviceRecord {
    /// Whose.
    pub account: AccountId,
    /// Its id.
    pub id: DeviceId,
    /// What its signatures are checked with.
    pub public_key: DevicePublicKey,
    /// What people call it.
    pub name: String,
    /// Operating system and processor.
    pub platform: String,
    /// When it was linked.
    pub linked_at: UnixMillis,
    /// When it was revoked.
    pub revoked_at: Option<UnixMillis>,
}

/// The device of this id, of whichever account.
pub(crate) async fn one(session: &mut Session<'_>, id: &DeviceId) -> Result<Option<DeviceRecord>, StoreError> {
    session.row(&statement::DEVICE, &[id.into()]).await?.as_ref().map(record).transpose()
}

/// Every device of every account that has not been revoked: what a relay keeps in memory to verify with.
pub(crate) async fn all(session: &mut Session<'_>) -> Result<Vec<DeviceRecord>, StoreError> {
    let rows = session.rows(&statement::ALL_DEVICES, &[]).await?;
    // One that cannot be read must not take the others away.
    let readable = |row: &Row| record(row).inspect_err(|error| tracing::error!(%error, "a device cannot be used")).ok();
    Ok(rows.iter().filter_map(readable).collect())
}

/// The devices of an account, in the order in which they were linked.
pub(crate) async fn of_account(session: &mut Session<'_>, account: &AccountId) -> Result<Vec<DeviceRecord>, StoreError> {
    session.rows(&statement::DEVICES_OF_ACCOUNT, &[account.into()]).await?.iter().map(record).collect()
}

/// Revokes a device and gives its leases back. `false`: the account has no such device that is not revoked already.
pub(crate) async fn revoke(
    transaction: &mut Transaction<'_>,
    (account, device, by, now): &(AccountId, DeviceId, Actor, UnixMillis),
) -> Result<bool, StoreError> {
    let revoked = transaction.session.row(&statement::REVOKE_DEVICE, &[account.into(), device.into(), (*now).into()]).await?.is_some();
    if revoked {
        transaction.audit.record(*account, *now, Entry::DeviceRevoked { by: by.clone(), device: *device });
    }
    let leases = transaction.session.rows(&statement::RELEASE_DEVICE, &[account.into(), device.into()]).await?;
    release::requeue(transaction, *account, leases.iter(), Requeued::DeviceRevoked, *now).await?;
    transaction.effects.devices_changed = true;
    // Its open pulls end now.
    transaction.effects.ready.push((*account, EVERYONE));
    Ok(revoked)
}

/// Gives a device another name. `false`: the account has no such device, or it was revoked.
pub(crate) async fn rename(
    transaction: &mut Transaction<'_>,
    (account, device, name, by, now): &(AccountId, DeviceId, String, Actor, UnixMillis),
) -> Result<bool, StoreError> {
    let renamed = transaction.session.row(&statement::RENAME_DEVICE, &[account.into(), device.into(), name.into()]).await?.is_some();
    if renamed {
        transaction.effects.devices_changed = true;
        transaction.audit.record(*account, *now, Entry::DeviceRenamed { by: by.clone(), device: *device, name: name.clone() });
    }
    Ok(renamed)
}

fn record(row: &Row) -> Result<DeviceRecord, StoreError> {
    let public_key = DevicePublicKey::from_bytes(&row.get(2)?).map_err(|error| StoreError::Corrupt(error.to_string()))?;
    Ok(DeviceRecord {
        account: row.get(0)?,
        id: row.get(1)?,
        public_key,
        name: row.get(3)?,
        platform: row.get(4)?,
        linked_at: row.get(5)?,
        revoked_at: row.get(6)?,
    })
}
