//! API keys: the relay keeps id, label and the sealed secret; it never makes one.

use domain::audit::{Actor, Entry};
use protocol::{AccountId, Environment, KeyId, Secret, UnixMillis};

use crate::error::StoreError;
use crate::operation::Transaction;
use crate::session::{Row, Session};
use crate::settings::Settings;
use crate::statement;

/// An API key as storage knows it.
#[derive(Clone, Debug)]
pub struct KeyRecord {
    /// Whose.
    pub account: AccountId,
    /// The public id.
    pub key_id: KeyId,
    /// What it works on.
    pub environment: Environment,
    /// What people call it.
    pub label: String,
    /// The opened secret.
    pub secret: Secret,
    /// When it was made.
    pub created_at: UnixMillis,
    /// When it was revoked.
    pub revoked_at: Option<UnixMillis>,
    /// The name of its account's plan.
    pub plan: String,
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
    /// Who made it.
    pub by: Actor,
    /// Now.
    pub now: UnixMillis,
}

/// Stores a key. The very same again is harmless, since a desktop's first answer may be lost; another secret under a
/// known id is refused with `false`.
pub(crate) async fn insert(transaction: &mut Transaction<'_>, new: &NewKeyRecord) -> Result<bool, StoreError> {
    let id = new.key_id.as_str();
    let sealed = transaction.settings.sealing_key.seal(id, &new.secret)?;
    let parameters =
        [(&new.account).into(), id.into(), new.key_id.environment().into(), (&new.label).into(), sealed.as_slice().into(), new.now.into()];
    if transaction.session.row(&statement::INSERT_KEY, &parameters).await?.is_some() {
        let created = Entry::KeyCreated { by: new.by.clone(), key: new.key_id.clone(), label: new.label.clone() };
        transaction.audit.record(new.account, new.now, created);
    }
    transaction.effects.keys_changed = true;
    let settings = transaction.settings;
    let stored = of_account(&mut transaction.session, settings, &new.account).await?;
    Ok(stored.iter().any(|key| key.key_id == new.key_id && key.secret == new.secret && key.revoked_at.is_none()))
}

/// Revokes a key. `false`: the account has no such key. Revoking again is harmless.
pub(crate) async fn revoke(
    transaction: &mut Transaction<'_>,
    (account, key_id, by, now): &(AccountId, KeyId, Actor, UnixMillis),
) -> Result<bool, StoreError> {
    let revoked = transaction.session.row(&statement::REVOKE_KEY, &[account.into(), key_id.as_str().into(), (*now).into()]).await?;
    if revoked.is_some() {
        transaction.audit.record(*account, *now, Entry::KeyRevoked { by: by.clone(), key: key_id.clone() });
    }
    transaction.effects.keys_changed = true;
    let settings = transaction.settings;
    Ok(of_account(&mut transaction.session, settings, account).await?.iter().any(|key| key.key_id == *key_id))
}

/// Every key of every account that has not been revoked: what a relay keeps in memory to verify with.
///
/// # Errors
/// When there are keys and none of them opens: then the sealing key is the wrong one, and a relay with it would refuse
/// every caller and make keys that the others cannot use.
pub(crate) async fn all(session: &mut Session<'_>, settings: &Settings) -> Result<Vec<KeyRecord>, StoreError> {
    let rows = session.rows(&statement::ALL_KEYS, &[]).await?;
    // One key that does not open (another relay's sealing key, say) must not take the others' away.
    let readable = |row: &Row| record(row, settings).inspect_err(|error| tracing::error!(%error, "a key cannot be used")).ok();
    let keys: Vec<_> = rows.iter().filter_map(readable).collect();
    if keys.is_empty() && !rows.is_empty() {
        let reason = "no API key in the database opens with this relay's sealing key; relays of one database share their key files";
        return Err(StoreError::Setup(reason.to_owned()));
    }
    Ok(keys)
}

/// The keys of an account, newest first, revoked ones included.
pub(crate) async fn of_account(session: &mut Session<'_>, settings: &Settings, account: &AccountId) -> Result<Vec<KeyRecord>, StoreError> {
    session.rows(&statement::KEYS_OF_ACCOUNT, &[account.into()]).await?.iter().map(|row| record(row, settings)).collect()
}

fn record(row: &Row, settings: &Settings) -> Result<KeyRecord, StoreError> {
    let key_id: String = row.get(1)?;
    let sealed: Vec<u8> = row.get(4)?;
    Ok(KeyRecord {
        account: row.get(0)?,
        environment: row.get(2)?,
        label: row.get(3)?,
        secret: settings.sealing_key.open(&key_id, &sealed)?,
        created_at: row.get(5)?,
        revoked_at: row.get(6)?,
        plan: row.get(7)?,
        key_id: key_id.parse().map_err(|_| StoreError::Corrupt("a key id off its grammar".to_owned()))?,
    })
}
