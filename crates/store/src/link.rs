//! Linking, as far as it is stored: an approved code waits here until the desktop that polls with it becomes a device,
//! and then, until it runs out, for the same desktop's asking again.

use protocol::device_signature::DevicePublicKey;
use protocol::linking::Linked;
use protocol::{AccountId, DeviceId, UnixMillis};
use sha2::{Digest, Sha256};

use crate::error::StoreError;
use crate::operation::Transaction;
use crate::session::Session;
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

/// Stores an approval. The same again is harmless.
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
    match transaction.session.row(&statement::INSERT_LINK, &parameters).await? {
        Some(_) => Ok(()),
        None => Err(StoreError::Database("a linking code stands for another key already".to_owned())),
    }
}

/// A desktop polls with its code.
#[derive(Debug)]
pub(crate) struct Poll {
    pub(crate) device_code: String,
    pub(crate) new_device_id: DeviceId,
    pub(crate) now: UnixMillis,
}

/// Whether a code has been approved and has not run out, used or not.
pub(crate) async fn is_approved(session: &mut Session<'_>, (device_code, now): &(String, UnixMillis)) -> Result<bool, StoreError> {
    let hash = code_hash(device_code);
    Ok(session.row(&statement::LINK, &[(&hash).into(), (*now).into()]).await?.is_some())
}

/// Makes the device of an approved code, together with the note that the code is used; when it is used already, returns
/// the device that was made. `None`: no such code, or not approved, or run out.
pub(crate) async fn consume(transaction: &mut Transaction<'_>, poll: &Poll) -> Result<Option<Linked>, StoreError> {
    let hash = code_hash(&poll.device_code);
    let session = &mut transaction.session;
    let marked = session.row(&statement::CONSUME_LINK, &[(&hash).into(), poll.now.into(), (&poll.new_device_id).into()]).await?;
    let Some(row) = marked else {
        let Some(used) = session.row(&statement::LINK, &[(&hash).into(), poll.now.into()]).await? else { return Ok(None) };
        let device: Option<DeviceId> = used.get(1)?;
        let account = used.get(0)?;
        return Ok(device.map(|device_id| Linked { device_id, account }));
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
