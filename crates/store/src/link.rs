//! Linking, as far as it is stored: an approved code waits here until the desktop that polls with it becomes a device.

use protocol::device_signature::DevicePublicKey;
use protocol::linking::Linked;
use protocol::{AccountId, DeviceId, UnixMillis};
use sha2::{Digest, Sha256};

use crate::error::StoreError;
use crate::operation::Transaction;
use crate::statement;

/// A linking code that an operator has approved.
#[derive(Clone, Debug)]
pub struct ApprovedLink {
    /// The account that it was approved for.
    pub account: AccountId,
    /// What the desktop polls with; only its hash is stored.
    pub device_code: String,
    /// The desktop's public key.
    pub public_key: DevicePublicKey,
    /// What people call the machine.
    pub name: String,
    /// Operating system and processor.
    pub platform: String,
    /// When the code runs out.
    pub expires_at: UnixMillis,
}

pub(crate) async fn approve(transaction: &mut Transaction<'_>, link: &ApprovedLink) -> Result<(), StoreError> {
    let hash = code_hash(&link.device_code);
    let parameters = [
        (&link.account).into(),
        (&hash).into(),
        link.public_key.as_bytes().into(),
        (&link.name).into(),
        (&link.platform).into(),
        link.expires_at.into(),
    ];
    transaction.session.rows(&statement::INSERT_LINK, &parameters).await?;
    Ok(())
}

/// A desktop polls with its code.
#[derive(Debug)]
pub(crate) struct Poll {
    pub(crate) device_code: String,
    pub(crate) new_device_id: DeviceId,
    pub(crate) now: UnixMillis,
}

/// Consumes an approved code and makes the device, together. `None`: no such code, or not approved, or used already.
pub(crate) async fn consume(transaction: &mut Transaction<'_>, poll: &Poll) -> Result<Option<Linked>, StoreError> {
    let hash = code_hash(&poll.device_code);
    let session = &mut transaction.session;
    let Some(row) = session.row(&statement::CONSUME_LINK, &[(&hash).into(), poll.now.into()]).await? else {
        return Ok(None);
    };
    let account: AccountId = row.get(0)?;
    let (public_key, name, platform): ([u8; 32], String, String) = (row.get(1)?, row.get(2)?, row.get(3)?);
    let parameters =
        [(&account).into(), (&poll.new_device_id).into(), (&public_key).into(), (&name).into(), (&platform).into(), poll.now.into()];
    session.rows(&statement::INSERT_DEVICE, &parameters).await?;
    transaction.effects.devices_changed = true;
    Ok(Some(Linked { device_id: poll.new_device_id, account }))
}

/// Codes are as good as passwords while they live: the database keeps hashes.
fn code_hash(device_code: &str) -> [u8; 32] {
    Sha256::digest(device_code).into()
}
