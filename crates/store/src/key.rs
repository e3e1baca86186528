//! API keys: the relay keeps id, label, terms and the sealed secret; it never makes one. Every change turns the account's
//! inventory version, so that desktops know when to look.

use std::collections::HashMap;

use domain::audit::{Actor, Entry};
use protocol::key::{AddressRange, KeyInfo, KeyTerms, MAX_KEYS, Scopes};
use protocol::{AccountId, Environment, KeyId, Secret, UnixMillis};

use crate::error::StoreError;
use crate::operation::Transaction;
use crate::seal::{SealingRing, Unopened};
use crate::session::{Row, Session};
use crate::settings::Settings;
use crate::{plan_room, sealing, statement};

/// An API key as storage knows it. Never its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// Whose.
    pub account: AccountId,
    /// What desktops are told of it.
    pub info: KeyInfo,
}

/// A key that may sign, with what it signs with.
#[derive(Clone, Debug)]
pub struct SigningKey {
    /// The key.
    pub record: KeyRecord,
    /// The opened secret.
    pub secret: Secret,
    /// The secret before it, while both sign.
    pub previous: Option<Secret>,
    /// The name of its account's plan.
    pub plan: String,
}

/// Every key that may sign.
#[derive(Debug, Default)]
pub struct SigningKeys {
    /// Those that can be used.
    pub keys: Vec<SigningKey>,
    /// Those whose secret does not open here, now.
    pub unopened: Vec<KeyId>,
    /// The inventory version of each account that ever had a key.
    pub versions: HashMap<AccountId, u64>,
}

/// A key to be stored.
#[derive(Debug)]
pub struct NewKeyRecord {
    /// Whose.
    pub account: AccountId,
    /// The public id.
    pub key_id: KeyId,
    /// What people call it.
    pub label: String,
    /// The secret, to be sealed.
    pub secret: Secret,
    /// Who may do what with it.
    pub terms: KeyTerms,
    /// Who made it.
    pub by: Actor,
    /// Now.
    pub now: UnixMillis,
}

impl NewKeyRecord {
    /// A key that may do everything, from anywhere, for good.
    #[must_use]
    pub fn new(account: AccountId, key_id: KeyId, secret: Secret, label: &str, by: Actor, now: UnixMillis) -> Self {
        Self { account, key_id, label: label.to_owned(), secret, terms: KeyTerms::default(), by, now }
    }
}

/// A key that gets another secret.
#[derive(Debug)]
pub struct KeyRotation {
    /// Whose.
    pub account: AccountId,
    /// Which key.
    pub key_id: KeyId,
    /// The new secret, to be sealed.
    pub secret: Secret,
    /// The number of this rotation: one more than the last.
    pub rotation: u32,
    /// Until when the old secret goes on signing; now or earlier: not at all.
    pub previous_ends_at: UnixMillis,
    /// Who rotates it.
    pub by: Actor,
    /// Now.
    pub now: UnixMillis,
}

/// What became of a change to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyChange {
    /// The key as it is now. The very same change again comes to the same.
    Done(Box<KeyRecord>),
    /// The account has no such key.
    Unknown,
    /// The id is taken: by a key with another secret, a revoked one, or another account's.
    Taken,
    /// The account has [`MAX_KEYS`] keys, revoked ones included.
    TooMany,
    /// The account's plan has room for this many keys that are not revoked, and they are there.
    PlanFull {
        /// How many.
        limit: u32,
    },
    /// Somebody else has rotated or revoked it meanwhile.
    Changed,
}

impl KeyChange {
    /// The key, if the change was done.
    #[must_use]
    pub fn done(self) -> Option<KeyRecord> {
        match self {
            Self::Done(record) => Some(*record),
            Self::Unknown | Self::Taken | Self::TooMany | Self::PlanFull { .. } | Self::Changed => None,
        }
    }
}

/// Stores a key. The very same again is harmless, since a desktop's first answer may be lost.
pub(crate) async fn insert(transaction: &mut Transaction<'_>, new: &NewKeyRecord) -> Result<KeyChange, StoreError> {
    let NewKeyRecord { account, key_id, label, secret, terms, by, now } = new;
    if let Some(known) = of_id(transaction, account, key_id).await? {
        return Ok(if known.signs_with(secret) { KeyChange::Done(Box::new(known.record)) } else { KeyChange::Taken });
    }
    let count: u64 = transaction.session.row(&statement::COUNT_KEYS, &[account.into()]).await?.map_or(Ok(0), |row| row.get(0))?;
    if count >= MAX_KEYS as u64 {
        return Ok(KeyChange::TooMany);
    }
    if let Some(limit) = plan_room::full_of_keys(transaction, account).await? {
        return Ok(KeyChange::PlanFull { limit });
    }
    let sealed = sealing::seal(transaction, &place(account, key_id), secret).await?;
    let addresses = written(&terms.addresses);
    let made_by = if let Actor::Device(device) = by { Some(device) } else { None };
    let parameters = [
        account.into(),
        key_id.as_str().into(),
        key_id.environment().into(),
        label.into(),
        sealed.as_slice().into(),
        (*now).into(),
        u32::from(terms.scopes.bits()).into(),
        addresses.as_deref().into(),
        terms.expires_at.into(),
        made_by.into(),
    ];
    match transaction.session.row(&statement::INSERT_KEY, &parameters).await? {
        Some(row) => {
            transaction.audit.record(*account, *now, Entry::KeyCreated { by: by.clone(), key: key_id.clone(), label: label.clone() });
            changed(transaction, account, Some(&row)).await
        }
        None => Ok(KeyChange::Taken),
    }
}

/// Revokes a key, for good. Revoking again is harmless.
pub(crate) async fn revoke(
    transaction: &mut Transaction<'_>,
    (account, key_id, by, now): &(AccountId, KeyId, Actor, UnixMillis),
) -> Result<KeyChange, StoreError> {
    let was_revoked = of_id(transaction, account, key_id).await?.is_some_and(|known| known.record.info.revoked_at.is_some());
    let nothing: &[u8] = &[];
    let parameters = [account.into(), key_id.as_str().into(), (*now).into(), nothing.into()];
    let revoked = transaction.session.row(&statement::REVOKE_KEY, &parameters).await?;
    if revoked.is_some() && !was_revoked {
        transaction.audit.record(*account, *now, Entry::KeyRevoked { by: by.clone(), key: key_id.clone() });
    }
    changed(transaction, account, revoked.as_ref()).await
}

/// Gives a key another label.
pub(crate) async fn rename(
    transaction: &mut Transaction<'_>,
    (account, key_id, label, by, now): &(AccountId, KeyId, String, Actor, UnixMillis),
) -> Result<KeyChange, StoreError> {
    let renamed = transaction.session.row(&statement::RENAME_KEY, &[account.into(), key_id.as_str().into(), label.into()]).await?;
    if renamed.is_some() {
        let change = format!("label: {label}");
        transaction.audit.record(*account, *now, Entry::KeyChanged { by: by.clone(), key: key_id.clone(), change });
    }
    changed(transaction, account, renamed.as_ref()).await
}

/// Gives a key another secret; the old one signs on until the end of the overlap.
pub(crate) async fn rotate(transaction: &mut Transaction<'_>, order: &KeyRotation) -> Result<KeyChange, StoreError> {
    let KeyRotation { account, key_id, secret, rotation, previous_ends_at, by, now } = order;
    let Some(known) = of_id(transaction, account, key_id).await? else { return Ok(KeyChange::Unknown) };
    let done = known.record.info.rotation;
    if *rotation == done && known.signs_with(secret) {
        return Ok(KeyChange::Done(Box::new(known.record)));
    }
    if *rotation != done.saturating_add(1) || known.record.info.revoked_at.is_some() {
        return Ok(KeyChange::Changed);
    }
    let sealed = sealing::seal(transaction, &place(account, key_id), secret).await?;
    let previous = (previous_ends_at > now).then_some(known.sealed.as_slice());
    let parameters = [
        account.into(),
        key_id.as_str().into(),
        sealed.as_slice().into(),
        (*rotation).into(),
        previous.into(),
        (*previous_ends_at.max(now)).into(),
        done.into(),
        known.sealed.as_slice().into(),
    ];
    let rotated = transaction.session.row(&statement::ROTATE_KEY, &parameters).await?;
    if rotated.is_none() {
        return Ok(KeyChange::Changed);
    }
    let overlap_until = *previous_ends_at.max(now);
    transaction.audit.record(*account, *now, Entry::KeyRotated { by: by.clone(), key: key_id.clone(), overlap_until });
    changed(transaction, account, rotated.as_ref()).await
}

/// Keys that have signed, and the end of overlaps: what time does to keys. No desktop has to hear of it.
pub(crate) async fn note_used(
    transaction: &mut Transaction<'_>,
    (used, now): &(Vec<(AccountId, KeyId, UnixMillis)>, UnixMillis),
) -> Result<(), StoreError> {
    let rows: Vec<_> = used.iter().map(|(account, key_id, at)| [account.into(), key_id.as_str().into(), (*at).into()]).collect();
    transaction.session.each(&statement::NOTE_USED, &rows).await?;
    transaction.session.rows(&statement::DROP_PREVIOUS, &[(*now).into()]).await.map(|_| ())
}

/// Every key of every account that has not been revoked: what a relay keeps in memory to verify with.
pub(crate) async fn all(session: &mut Session<'_>, settings: &Settings) -> Result<SigningKeys, StoreError> {
    // Versions first: a key that is changed in between is then told too early, and looked for in vain once.
    let versions = session.rows(&statement::INVENTORY_VERSIONS, &[]).await?;
    let mut all = SigningKeys::default();
    for row in &versions {
        all.versions.insert(row.get(0)?, row.get(1)?);
    }
    let ring = settings.sealing.ring();
    for row in session.rows(&statement::ALL_KEYS, &[]).await? {
        // One key that cannot be used must not take the others' away.
        match signing(&row, &ring) {
            Ok(key) => all.keys.push(key),
            Err((Some(key_id), why)) => {
                if let Some(Unopened::Unknown(sealing_key)) = why {
                    // An operator may have just made it: whoever holds the keys looks for it, and then tells.
                    settings.sealing.note_lack();
                    tracing::debug!(key.id = %key_id, %sealing_key, "a key's secret wants a sealing key that is not here yet");
                } else {
                    tracing::error!(key.id = %key_id, ?why, "a key's secret does not open with the sealing keys of this relay");
                }
                all.unopened.push(key_id);
            }
            Err((None, why)) => tracing::error!(?why, "a key cannot be read"),
        }
    }
    Ok(all)
}

/// Whether every sealed secret wants a key that is held.
///
/// # Errors
/// When one does not, or when none from before there were generations opens: the sealing keys are then the wrong ones, and
/// a relay with them would refuse callers, and make keys that the others cannot use.
pub(crate) async fn expect_openable(session: &mut Session<'_>, settings: &Settings) -> Result<(), StoreError> {
    let ring = settings.sealing.ring();
    let (mut wanted, mut unfit, mut opened) = (Vec::new(), 0, 0);
    for row in session.rows(&statement::ALL_KEYS, &[]).await? {
        match signing(&row, &ring) {
            Err((_, Some(Unopened::Unknown(generation)))) if !wanted.contains(&generation) => wanted.push(generation),
            Err((_, Some(Unopened::NoKeyFits))) => unfit += 1,
            Err(_) => {}
            Ok(_) => opened += 1,
        }
    }
    sealing::expect_held(&ring, &wanted)?;
    if unfit > 0 && opened == 0 {
        let reason = "no API key in the database opens with this relay's sealing key; relays of one database share their key files";
        return Err(StoreError::Setup(reason.to_owned()));
    }
    Ok(())
}

/// The keys of an account, newest first, revoked ones included, and the inventory's version.
pub(crate) async fn of_account(session: &mut Session<'_>, account: &AccountId) -> Result<(u64, Vec<KeyRecord>), StoreError> {
    // The version first: a change in between is then looked for again.
    let version = session.row(&statement::INVENTORY_VERSION, &[account.into()]).await?.map_or(Ok(0), |row| row.get(0))?;
    let keys = session.rows(&statement::KEYS_OF_ACCOUNT, &[account.into()]).await?;
    Ok((version, keys.iter().map(record).collect::<Result<_, _>>()?))
}

/// The name of the place that a key's secrets are sealed for.
pub(crate) fn place(account: &AccountId, key_id: &KeyId) -> String {
    format!("api_keys/{account}/{key_id}")
}

/// A key with its secret as it is stored.
struct SealedKey {
    record: KeyRecord,
    sealed: Vec<u8>,
    secret: Option<Secret>,
}

impl SealedKey {
    fn signs_with(&self, secret: &Secret) -> bool {
        self.record.info.revoked_at.is_none() && self.secret.as_ref() == Some(secret)
    }
}

async fn of_id(transaction: &mut Transaction<'_>, account: &AccountId, key_id: &KeyId) -> Result<Option<SealedKey>, StoreError> {
    let Some(row) = transaction.session.row(&statement::KEY_OF_ACCOUNT, &[account.into(), key_id.as_str().into()]).await? else {
        return Ok(None);
    };
    let sealed: Vec<u8> = row.get(COLUMNS)?;
    let secret = transaction.settings.sealing.ring().open(&place(account, key_id), key_id.as_str(), &sealed).ok();
    Ok(Some(SealedKey { record: record(&row)?, sealed, secret }))
}

/// The key as it is after a change, of which every relay and desktop shall hear. No row: there was no such key.
async fn changed(transaction: &mut Transaction<'_>, account: &AccountId, row: Option<&Row>) -> Result<KeyChange, StoreError> {
    let Some(row) = row else { return Ok(KeyChange::Unknown) };
    transaction.effects.keys_changed = true;
    transaction.session.rows(&statement::TURN_INVENTORY, &[account.into()]).await?;
    Ok(KeyChange::Done(Box::new(record(row)?)))
}

/// Columns that every statement about keys begins with.
const COLUMNS: usize = 13;

fn record(row: &Row) -> Result<KeyRecord, StoreError> {
    let key_id: String = row.get(1)?;
    let corrupt = |what: &str| StoreError::Corrupt(format!("{what} of key {key_id}"));
    let scopes: u32 = row.get(6)?;
    let addresses: Option<String> = row.get(7)?;
    let terms = KeyTerms {
        scopes: u8::try_from(scopes).ok().and_then(Scopes::from_bits).ok_or_else(|| corrupt("scopes"))?,
        addresses: read(addresses.as_deref()).ok_or_else(|| corrupt("addresses"))?,
        expires_at: row.get(8)?,
    };
    let environment: Environment = row.get(2)?;
    let info = KeyInfo {
        key_id: key_id.parse().map_err(|_| corrupt("the id"))?,
        label: row.get(3)?,
        environment,
        terms,
        created_at: row.get(4)?,
        made_by: row.get(9)?,
        last_used_at: row.get(10)?,
        rotation: row.get(11)?,
        previous_ends_at: row.get(12)?,
        revoked_at: row.get(5)?,
    };
    Ok(KeyRecord { account: row.get(0)?, info })
}

/// A key with its secrets opened; else its id, and why they do not open.
fn signing(row: &Row, ring: &SealingRing) -> Result<SigningKey, (Option<KeyId>, Option<Unopened>)> {
    let record = record(row).map_err(|_| (None, None))?;
    let KeyRecord { account, info } = &record;
    let place = place(account, &info.key_id);
    let open = |sealed: Vec<u8>| ring.open(&place, info.key_id.as_str(), &sealed).map_err(|why| (Some(info.key_id.clone()), Some(why)));
    let unreadable = |_| (Some(info.key_id.clone()), None);
    let secret = open(row.get(COLUMNS).map_err(unreadable)?)?;
    let previous = row.get::<Option<Vec<u8>>>(COLUMNS + 1).map_err(unreadable)?.map(open).transpose()?;
    let plan = row.get(COLUMNS + 2).map_err(unreadable)?;
    Ok(SigningKey { secret, previous, plan, record })
}

/// Ranges as they are stored; none: `None`.
fn written(addresses: &[AddressRange]) -> Option<String> {
    let texts: Vec<_> = addresses.iter().map(AddressRange::to_string).collect();
    if texts.is_empty() { None } else { Some(texts.join(" ")) }
}

fn read(addresses: Option<&str>) -> Option<Vec<AddressRange>> {
    addresses.map_or(Some(Vec::new()), |text| text.split(' ').map(|range| range.parse().ok()).collect())
}
