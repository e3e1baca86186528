//! Linking, as far as it is stored: an approved code waits here until the desktop that polls with it becomes a device,
//! and then, until it runs out, for the same desktop's asking again.

use domain::audit::{Actor, Entry};
use protocol::device_signature::DevicePublicKey;
use protocol::linking::Linked;
use protocol::{AccountId, DeviceId, Secret, UnixMillis};
use sha2::{Digest, Sha256};

use crate::error::StoreError;
use crate::operation::Transaction;
use crate::session::Session;
use crate::settings::Settings;
use crate::{plan_room, sealing, statement};

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

/// What became of an operator's decision about a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkDecided {
    /// So it stands, also when it was decided the same way before.
    Done,
    /// It was decided otherwise before, or for another account; that stands.
    Otherwise,
    /// The account's plan has room for this many desktops, and they are there. Nothing was decided.
    PlanFull {
        /// How many.
        limit: u32,
    },
}

/// How a code stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkStanding {
    /// Nobody has decided.
    Undecided {
        /// Whether an operator looks for its user code at a relay that does not know it.
        wanted: bool,
    },
    /// An operator has approved it, used or not.
    Approved,
    /// An operator has denied it.
    Denied,
}

/// Stores a decision; `approve`: whether it is a yes. The first one stands.
pub(crate) async fn decide(
    transaction: &mut Transaction<'_>,
    (link, approve, by, now): &(ApprovedLink, bool, Actor, UnixMillis),
) -> Result<LinkDecided, StoreError> {
    let hash = code_hash(&link.device_code);
    let denied = i64::from(!approve);
    let approved_before = transaction.session.row(&statement::LINK, &[(&hash).into(), (*now).into()]).await?.is_some();
    if *approve
        && !approved_before
        && let Some(limit) = plan_room::full_of_devices(transaction, &link.account, &hash, *now).await?
    {
        return Ok(LinkDecided::PlanFull { limit });
    }
    let parameters = [
        (&link.account).into(),
        (&hash).into(),
        link.public_key.as_bytes().into(),
        (&link.name).into(),
        (&link.platform).into(),
        link.expires_at.into(),
        denied.into(),
    ];
    match transaction.session.row(&statement::INSERT_LINK, &parameters).await? {
        Some(row) => {
            let (account, stands): (AccountId, i64) = (row.get(0)?, row.get(1)?);
            if account != link.account || stands != denied {
                return Ok(LinkDecided::Otherwise);
            }
            if !approved_before {
                let (by, name, platform) = (by.clone(), link.name.clone(), link.platform.clone());
                let entry = if *approve { Entry::LinkApproved { by, name, platform } } else { Entry::LinkDenied { by, name } };
                transaction.audit.record(link.account, *now, entry);
            }
            Ok(LinkDecided::Done)
        }
        None => Err(StoreError::Database("a linking code stands for another key already".to_owned())),
    }
}

/// How a code stands: by what the desktop polls with, and by what it shows.
pub(crate) async fn standing(
    session: &mut Session<'_>,
    (device_code, user_code, now): &(String, String, UnixMillis),
) -> Result<LinkStanding, StoreError> {
    let hash = code_hash(device_code);
    let row = session.row(&statement::LINK_STANDING, &[(&hash).into(), user_code.into(), (*now).into()]).await?.unwrap_or_default();
    Ok(match row.get::<Option<i64>>(0)? {
        Some(0) => LinkStanding::Approved,
        Some(_) => LinkStanding::Denied,
        None => LinkStanding::Undecided { wanted: row.get::<u64>(1)? > 0 },
    })
}

/// An operator looks for the desktop that shows this code.
pub(crate) async fn want(transaction: &mut Transaction<'_>, (user_code, until): &(String, UnixMillis)) -> Result<(), StoreError> {
    transaction.session.rows(&statement::WANT_LINK, &[user_code.into(), (*until).into()]).await?;
    Ok(())
}

/// The desktop that shows this code polls with that one. Changes nothing unless an operator looks for it.
pub(crate) async fn tell(transaction: &mut Transaction<'_>, (user_code, device_code): &(String, Secret)) -> Result<(), StoreError> {
    let sealed = sealing::seal(transaction, &place(user_code), device_code).await?;
    transaction.session.rows(&statement::TELL_LINK, &[user_code.into(), sealed.as_slice().into()]).await?;
    Ok(())
}

/// What the desktop that shows this code polls with, if it has told since an operator has looked for it.
pub(crate) async fn told(
    session: &mut Session<'_>,
    settings: &Settings,
    (user_code, now): &(String, UnixMillis),
) -> Result<Option<Secret>, StoreError> {
    let row = session.row(&statement::WANTED_LINK, &[user_code.into(), (*now).into()]).await?;
    let sealed: Option<Vec<u8>> = row.map_or(Ok(None), |row| row.get(0))?;
    // Sealed with a key that was changed since: the desktop will have to ask for a new code anyway.
    Ok(sealed.and_then(|sealed| settings.sealing.ring().open(&place(user_code), "", &sealed).ok()))
}

/// The name of the place that a code is sealed for.
fn place(user_code: &str) -> String {
    format!("wanted_links/{user_code}")
}

/// A desktop polls with its code.
#[derive(Debug)]
pub(crate) struct Poll {
    pub(crate) device_code: String,
    pub(crate) new_device_id: DeviceId,
    pub(crate) now: UnixMillis,
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
    transaction.audit.record(account, poll.now, Entry::Linked { device: poll.new_device_id, name, platform });
    Ok(Some(Linked { device_id: poll.new_device_id, account }))
}

/// Codes are as good as passwords while they live: the database keeps hashes.
fn code_hash(device_code: &str) -> [u8; 32] {
    Sha256::digest(device_code).into()
}
