//! The account's API keys, as a linked desktop manages them: id and secret are made here, the relay seals the secret, and
//! the one readable copy stays in this desktop's keyring.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use protocol::key::{KeyInfo, KeyList, NewKey};
use protocol::{Clock, Environment, KeyId, Secret};

use crate::device_key;
use crate::keyring::Keyring;
use crate::link_file::Link;
use crate::relay_client::{CallError, Refusal, RelayClient, parse_relay_url};

/// Tries at handing a new key in: the same id with the same secret again is the same key, so a lost answer is no harm.
const TRIES: usize = 3;
/// Between two tries, unless the relay asks for another; a person waits.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest pause that is followed.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Why keys could not be listed or changed.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The folder has no linked desktop.
    #[error("no desktop is linked in {0}: start one first")]
    NotLinked(String),
    /// The relay's address is none.
    #[error("{0}")]
    RelayUrl(String),
    /// The keyring, the key or the link cannot be read or written.
    #[error("data folder: {0}")]
    DataDir(#[from] io::Error),
    /// The relay could not be asked, or said no.
    #[error(transparent)]
    Relay(#[from] CallError),
}

/// A key that was made just now. Its secret is in the keyring; show it once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedKey {
    /// The public id.
    pub key_id: KeyId,
    /// The secret.
    pub secret: Secret,
}

/// The key inventory, through the link of one desktop. Works beside a running desktop of the same folder.
pub struct Keys {
    client: RelayClient,
    keyring: Keyring,
}

impl Keys {
    /// Opens the inventory through the desktop that is linked in `data_dir`. `relay_url` where the relay is now; by default
    /// where it was when the desktop was linked.
    ///
    /// # Errors
    /// When no desktop is linked there, or its files cannot be read.
    pub fn open(data_dir: &Path, relay_url: Option<&str>, clock: Arc<dyn Clock>) -> Result<Self, KeysError> {
        let not_linked = || KeysError::NotLinked(data_dir.display().to_string());
        let link = Link::load(data_dir)?.ok_or_else(not_linked)?;
        let key = device_key::load(data_dir)?.ok_or_else(not_linked)?;
        let base = parse_relay_url(relay_url.unwrap_or(&link.relay_url)).map_err(KeysError::RelayUrl)?;
        let client = RelayClient::new(base, Some((key, link.device_id)), clock)?;
        Ok(Self { client, keyring: Keyring::new(data_dir) })
    }

    /// Makes a key: in the keyring first, so that no key can exist whose secret nobody has.
    ///
    /// # Errors
    /// When the keyring cannot be written, or the relay did not take the key. The keyring forgets it only when the relay
    /// surely does not have it: after a failure of the relay's, or an answer that was lost, it may.
    pub async fn create(&self, environment: Environment, label: &str) -> Result<CreatedKey, KeysError> {
        let created = CreatedKey { key_id: KeyId::generate(environment), secret: Secret::generate() };
        self.keyring.put(&created.key_id, label, &created.secret)?;
        let request = NewKey::new(created.key_id.clone(), created.secret.clone(), label.to_owned(), protocol::key::KeyTerms::default());
        let mut tries = 1;
        while let Err(error) = self.client.post_only("/api/device/keys", &request).await {
            let is_definite = error.refusal().is_some_and(Refusal::is_definite);
            if is_definite || tries == TRIES {
                if is_definite && tries == 1 {
                    self.keyring.remove(&created.key_id)?;
                } else {
                    tracing::warn!(key.id = %created.key_id, "the relay may have this key all the same; its secret stays in the keyring");
                }
                return Err(error.into());
            }
            tracing::warn!(%error, tries, "handing the new key in once more");
            tokio::time::sleep(error.retry_after().unwrap_or(PAUSE).min(LONGEST_PAUSE)).await;
            tries += 1;
        }
        tracing::info!(key.id = %created.key_id, %environment, "made an API key; its secret lies in a file that only its owner can read");
        Ok(created)
    }

    /// Every key of the account, newest first, revoked ones included.
    ///
    /// # Errors
    /// When the relay could not be asked, or said no.
    pub async fn list(&self) -> Result<Vec<KeyInfo>, KeysError> {
        Ok(self.client.get::<KeyList>("/api/device/keys").await?.keys)
    }

    /// Revokes a key: it signs nothing any more. Its secret leaves the keyring.
    ///
    /// # Errors
    /// When the relay could not be asked, or said no; the secret then stays.
    pub async fn revoke(&self, key_id: &KeyId) -> Result<(), KeysError> {
        self.client.post_nothing(&format!("/api/device/keys/{key_id}/revoke")).await?;
        self.keyring.remove(key_id)?;
        Ok(())
    }

    /// The secret of a key that was made in this folder.
    ///
    /// # Errors
    /// When the keyring cannot be read.
    pub fn secret(&self, key_id: &KeyId) -> Result<Option<Secret>, KeysError> {
        Ok(self.keyring.secret(key_id)?)
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}
