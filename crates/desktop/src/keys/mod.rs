//! The account's API keys, as a linked desktop manages them: id and secret are made here, the relay seals the secret, and
//! the one readable copy stays with this desktop. What is begun is written down before the relay is told, so that a crash
//! anywhere leaves something that [`Keys::bring_in_line`] can end.

mod align;
mod inventory;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use protocol::key::{KeyInfo, KeyList, KeyTerms, NewKey, RenameKey, RotateKey};
use protocol::{Clock, DeviceId, Environment, KeyId, ProblemCode, Secret, UnixMillis};
use serde::Serialize;

use crate::device_key;
use crate::link_file::Link;
use crate::relay_client::{ANSWER_TIMEOUT, CallError, Refusal, RelayClient, parse_relay_url};
use crate::secrets::{Secrets, SecretsPlace};
use align::{Step, align};
pub use inventory::{Intent, KnownKey};
use inventory::{Inventory, InventoryFile};

/// Tries at telling the relay: the same again is harmless everywhere here, so a lost answer is no harm.
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
    /// The vault, the inventory, the key or the link cannot be read or written.
    #[error("data folder: {0}")]
    DataDir(#[from] io::Error),
    /// The account has no such key, as far as is known here.
    #[error("the account has no key {0}; `link-peeler keys list` shows those it has")]
    Unknown(KeyId),
    /// The secret cannot be shown.
    #[error("{0}")]
    NotShown(String),
    /// The relay could not be asked, or said no.
    #[error(transparent)]
    Relay(#[from] CallError),
}

/// A key that was made, or got another secret, just now. The secret is kept; show it once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedKey {
    /// The public id.
    pub key_id: KeyId,
    /// The secret.
    pub secret: Secret,
    /// The key as the relay has it.
    pub info: KeyInfo,
}

/// The key inventory, through the link of one desktop. Works beside a running desktop of the same folder.
pub struct Keys {
    client: RelayClient,
    vault: Secrets,
    file: InventoryFile,
    device: DeviceId,
    clock: Arc<dyn Clock>,
}

impl Keys {
    /// Opens the inventory through the desktop that is linked in `data_dir`. `relay_url` where the relay is now; by default
    /// where it was when the desktop was linked.
    ///
    /// # Errors
    /// When no desktop is linked there, or its files cannot be read.
    pub fn open(data_dir: &Path, relay_url: Option<&str>, clock: Arc<dyn Clock>) -> Result<Self, KeysError> {
        Self::open_with(data_dir, Secrets::new(data_dir), relay_url, clock)
    }

    /// As [`Self::open`], with secrets that are open already.
    pub(crate) fn open_with(data_dir: &Path, vault: Secrets, relay_url: Option<&str>, clock: Arc<dyn Clock>) -> Result<Self, KeysError> {
        let not_linked = || KeysError::NotLinked(data_dir.display().to_string());
        let link = Link::load(data_dir)?.ok_or_else(not_linked)?;
        let key = device_key::load(&vault)?.ok_or_else(not_linked)?;
        let base = parse_relay_url(relay_url.unwrap_or(&link.relay_url)).map_err(KeysError::RelayUrl)?;
        let client = RelayClient::new(base, Some((key, link.device_id)), Arc::clone(&clock))?;
        let file = InventoryFile::new(data_dir, link.account);
        Ok(Self { client, vault, file, device: link.device_id, clock })
    }

    /// Makes a key that may do everything, from anywhere, for good.
    ///
    /// # Errors
    /// As [`Self::create_with`].
    pub async fn create(&self, environment: Environment, label: &str) -> Result<CreatedKey, KeysError> {
        self.create_with(environment, label, KeyTerms::default()).await
    }

    /// Makes a key: written down and its secret kept here first, so that no key can exist whose secret nobody has.
    ///
    /// # Errors
    /// When it cannot be kept here, or the relay did not take it. It is forgotten only when the relay surely does not have
    /// it; else it is handed in again when the inventory is next brought in line.
    pub async fn create_with(&self, environment: Environment, label: &str, terms: KeyTerms) -> Result<CreatedKey, KeysError> {
        let turn = self.file.turn().await?;
        let (key_id, secret) = (KeyId::generate(environment), Secret::generate());
        let mut inventory = self.file.read()?;
        let info = KeyInfo {
            key_id: key_id.clone(),
            label: label.to_owned(),
            environment,
            terms,
            created_at: self.clock.now(),
            made_by: Some(self.device),
            last_used_at: None,
            rotation: 0,
            previous_ends_at: None,
            revoked_at: None,
        };
        inventory.keys.insert(0, KnownKey { info, intent: Some(Intent::Making), has_secret: false, secret_rotation: 0, shown: false });
        self.file.write(&inventory)?;
        self.vault.put(key_id.as_str(), &secret)?;
        if let Some(key) = inventory.get(&key_id) {
            key.has_secret = true;
        }
        self.file.write(&inventory)?;
        let told = self.hand_in(&mut inventory, &key_id, &secret).await;
        self.file.write(&inventory)?;
        drop(turn);
        let info = told?;
        tracing::info!(key.id = %key_id, %environment, "made an API key");
        Ok(CreatedKey { key_id, secret, info })
    }

    /// Gives a key another secret; the one before signs on for `overlap_seconds`. The key may have been made elsewhere: from
    /// then on its secret is here.
    ///
    /// # Errors
    /// When it cannot be kept here, or the relay said no; where that is not known, it is told again when the inventory is
    /// next brought in line.
    pub async fn rotate(&self, key_id: &KeyId, overlap_seconds: u32) -> Result<CreatedKey, KeysError> {
        self.bring_in_line().await?;
        let turn = self.file.turn().await?;
        let mut inventory = self.file.read()?;
        let key = inventory.get(key_id).ok_or_else(|| KeysError::Unknown(key_id.clone()))?;
        let (secret, rotation) = (Secret::generate(), key.info.rotation + 1);
        // Written down first, so that no secret lies here that nobody knows of.
        key.intent = Some(Intent::Rotating { rotation, overlap_seconds });
        self.file.write(&inventory)?;
        self.vault.put(&next(key_id), &secret)?;
        let told = self.tell_rotation(&mut inventory, key_id, rotation, overlap_seconds).await;
        self.file.write(&inventory)?;
        drop(turn);
        let info = told?;
        tracing::info!(key.id = %key_id, rotation, overlap_seconds, "rotated an API key");
        Ok(CreatedKey { key_id: key_id.clone(), secret, info })
    }

    /// Gives a key another label.
    ///
    /// # Errors
    /// When the relay could not be asked, or said no.
    pub async fn rename(&self, key_id: &KeyId, label: &str) -> Result<KeyInfo, KeysError> {
        let request = RenameKey { label: label.to_owned() };
        let info = self.tell::<KeyInfo>(&format!("/api/device/keys/{key_id}/rename"), &request).await.map_err(|(error, _)| error)?;
        let _turn = self.file.turn().await?;
        let mut inventory = self.file.read()?;
        take(&mut inventory, info.clone());
        self.file.write(&inventory)?;
        Ok(info)
    }

    /// Every key of the account, newest first, revoked ones included: brought in line with the relay first.
    ///
    /// # Errors
    /// When the relay could not be asked, or said no.
    pub async fn list(&self) -> Result<Vec<KnownKey>, KeysError> {
        self.bring_in_line().await?;
        self.known()
    }

    /// The keys as they are known here, without asking the relay.
    ///
    /// # Errors
    /// When the inventory cannot be read.
    pub fn known(&self) -> Result<Vec<KnownKey>, KeysError> {
        Ok(self.file.read()?.keys)
    }

    /// The inventory version that is known here; `None`: it was never brought in line.
    ///
    /// # Errors
    /// When the inventory cannot be read.
    pub fn version(&self) -> Result<Option<u64>, KeysError> {
        Ok(self.file.read()?.version)
    }

    /// Revokes a key: it signs nothing any more, and its secret is forgotten. Written down first: when the relay cannot be
    /// told now, it is when the inventory is next brought in line.
    ///
    /// # Errors
    /// When the relay could not be told, or said no; until it is told, the key works.
    pub async fn revoke(&self, key_id: &KeyId) -> Result<KeyInfo, KeysError> {
        let turn = self.file.turn().await?;
        let mut inventory = self.file.read()?;
        if let Some(key) = inventory.get(key_id).filter(|key| key.info.revoked_at.is_none()) {
            key.intent = Some(Intent::Revoking);
            self.file.write(&inventory)?;
        }
        let told = self.tell_revocation(&mut inventory, key_id).await;
        self.file.write(&inventory)?;
        drop(turn);
        told
    }

    /// The secret of a key that was made here, for signing with.
    ///
    /// # Errors
    /// When the vault cannot be read.
    pub fn secret(&self, key_id: &KeyId) -> Result<Option<Secret>, KeysError> {
        Ok(self.vault.get(key_id.as_str())?)
    }

    /// The secret of a key that was made here and that nobody has seen yet: making it was broken off. Shown once, as ever.
    ///
    /// # Errors
    /// When it was shown before, is not here, or cannot be read.
    pub async fn show_secret(&self, key_id: &KeyId) -> Result<Secret, KeysError> {
        let _turn = self.file.turn().await?;
        let mut inventory = self.file.read()?;
        let key = inventory.get(key_id).ok_or_else(|| KeysError::Unknown(key_id.clone()))?;
        if key.shown {
            let text = "the secret was shown when it was made; `link-peeler keys rotate` makes another one";
            return Err(KeysError::NotShown(text.to_owned()));
        }
        let not_here = || KeysError::NotShown("the secret is not on this desktop".to_owned());
        let secret = self.vault.get(key_id.as_str())?.ok_or_else(not_here)?;
        key.shown = true;
        self.file.write(&inventory)?;
        Ok(secret)
    }

    /// Where the secrets lie.
    ///
    /// # Errors
    /// What the file system says.
    pub fn secrets_place(&self) -> Result<SecretsPlace, KeysError> {
        Ok(self.vault.place()?)
    }

    /// Notes that a person has seen the secret that was made just now.
    ///
    /// # Errors
    /// When the inventory cannot be written.
    pub async fn note_shown(&self, key_id: &KeyId) -> Result<(), KeysError> {
        let _turn = self.file.turn().await?;
        let mut inventory = self.file.read()?;
        if let Some(key) = inventory.get(key_id) {
            key.shown = true;
        }
        Ok(self.file.write(&inventory)?)
    }

    /// Brings what is known here, what the vault holds and what the relay has in line: ends what was begun here, takes what
    /// was changed elsewhere, and keeps what was revoked revoked.
    ///
    /// # Errors
    /// When the relay could not be asked. What it refuses of one key does not keep the others from being brought in line.
    pub async fn bring_in_line(&self) -> Result<(), KeysError> {
        let _turn = self.file.turn().await?;
        let mut inventory = self.file.read()?;
        let told = self.client.get::<KeyList>("/api/device/keys").await?;
        for (key_id, step) in align(&inventory.keys, &told.keys, self.client.relay_time()) {
            let done = self.take_step(&mut inventory, &key_id, step).await;
            // What was done stays done, whatever the next step comes to.
            self.file.write(&inventory)?;
            match done {
                Err(KeysError::Relay(error)) if error.refusal().is_some_and(Refusal::is_definite) => {
                    tracing::warn!(key.id = %key_id, %error, "the relay refused to bring a key in line");
                }
                done => done?,
            }
        }
        for info in told.keys.into_iter().rev() {
            if inventory.get(&info.key_id).is_none() {
                inventory.keys.insert(0, KnownKey { info, intent: None, has_secret: false, secret_rotation: 0, shown: true });
            }
        }
        for key in inventory.keys.iter().filter(|key| !matches!(key.intent, Some(Intent::Rotating { .. }))) {
            // A copy that is left over from a rotation that has ended.
            self.vault.remove(&next(&key.info.key_id))?;
        }
        inventory.keys.sort_by_key(|key| std::cmp::Reverse(key.info.created_at));
        // Of before the steps: what they have changed is looked at once more.
        inventory.version = Some(told.version);
        self.file.write(&inventory)?;
        Ok(())
    }

    async fn take_step(&self, inventory: &mut Inventory, key_id: &KeyId, step: Step) -> Result<(), KeysError> {
        match step {
            Step::Keep => {}
            Step::Take(info) => {
                if let Some(key) = inventory.get(key_id).filter(|key| key.intent == Some(Intent::Making)) {
                    key.intent = None;
                }
                take(inventory, info);
            }
            Step::TakeAndForgetSecret(info) => {
                self.forget_secrets(key_id)?;
                take_without_secret(inventory, info);
            }
            Step::DropRotation(info) => {
                self.vault.remove(&next(key_id))?;
                if let Some(key) = inventory.get(key_id) {
                    key.intent = None;
                }
                take(inventory, info);
            }
            Step::Forget => {
                self.forget_secrets(key_id)?;
                inventory.forget(key_id);
            }
            Step::Revoke => {
                self.tell_revocation(inventory, key_id).await?;
            }
            Step::HandIn => match self.vault.get(key_id.as_str())? {
                Some(secret) => {
                    self.hand_in(inventory, key_id, &secret).await?;
                }
                None => inventory.forget(key_id),
            },
            Step::Rotate { rotation, overlap_seconds } if self.vault.get(&next(key_id))?.is_some() => {
                self.tell_rotation(inventory, key_id, rotation, overlap_seconds).await?;
            }
            // Broken off before there was a secret, so nobody was told of it.
            Step::Rotate { .. } => {
                if let Some(key) = inventory.get(key_id) {
                    key.intent = None;
                }
            }
        }
        Ok(())
    }

    /// Tells the relay of a key that is written down here.
    async fn hand_in(&self, inventory: &mut Inventory, key_id: &KeyId, secret: &Secret) -> Result<KeyInfo, KeysError> {
        let Some(key) = inventory.get(key_id) else { return Err(KeysError::Unknown(key_id.clone())) };
        let request = NewKey::new(key_id.clone(), secret.clone(), key.info.label.clone(), key.info.terms.clone());
        match self.tell::<KeyInfo>("/api/device/keys", &request).await {
            Ok(info) => {
                key.intent = None;
                key.secret_rotation = info.rotation;
                key.info = info.clone();
                Ok(info)
            }
            Err((error, surely_not)) => {
                if surely_not {
                    self.forget_secrets(key_id)?;
                    inventory.forget(key_id);
                } else {
                    tracing::warn!(key.id = %key_id, "the relay may have this key all the same; the next `keys list` settles it");
                }
                Err(error)
            }
        }
    }

    /// Tells the relay of a rotation whose secret lies beside the present one, and puts it in its place.
    async fn tell_rotation(
        &self,
        inventory: &mut Inventory,
        key_id: &KeyId,
        rotation: u32,
        overlap_seconds: u32,
    ) -> Result<KeyInfo, KeysError> {
        let Some(secret) = self.vault.get(&next(key_id))? else {
            if let Some(key) = inventory.get(key_id) {
                key.intent = None;
            }
            return Err(KeysError::NotShown("the rotation was broken off before there was a secret; rotate again".to_owned()));
        };
        let request = RotateKey { secret: secret.clone(), rotation, overlap_seconds };
        match self.tell::<KeyInfo>(&format!("/api/device/keys/{key_id}/rotate"), &request).await {
            Ok(info) => {
                self.vault.put(key_id.as_str(), &secret)?;
                if let Some(key) = inventory.get(key_id) {
                    *key = KnownKey { info: info.clone(), intent: None, has_secret: true, secret_rotation: rotation, shown: false };
                }
                // Before the copy goes: without it, and without this, the secret here would pass for the old one.
                self.file.write(inventory)?;
                self.vault.remove(&next(key_id))?;
                Ok(info)
            }
            Err((error, surely_not)) => {
                // Somebody else was quicker, which can also be said of a rotation that was ours and has been followed by another.
                let is_settled = surely_not || matches!(&error, KeysError::Relay(error) if error.is(ProblemCode::KeyChanged));
                if is_settled {
                    self.vault.remove(&next(key_id))?;
                    if let Some(key) = inventory.get(key_id) {
                        key.intent = None;
                    }
                }
                Err(error)
            }
        }
    }

    async fn tell_revocation(&self, inventory: &mut Inventory, key_id: &KeyId) -> Result<KeyInfo, KeysError> {
        match self.tell::<KeyInfo>(&format!("/api/device/keys/{key_id}/revoke"), &serde_json::json!({})).await {
            Ok(info) => {
                self.forget_secrets(key_id)?;
                take_without_secret(inventory, info.clone());
                Ok(info)
            }
            Err((error, _)) => {
                // A key that the relay does not have cannot be revoked there; nor does it sign.
                if matches!(&error, KeysError::Relay(error) if error.is(ProblemCode::NotFound))
                    && let Some(key) = inventory.get(key_id)
                {
                    key.intent = None;
                }
                Err(error)
            }
        }
    }

    /// Posts until there is an answer that says something. With an error: whether the relay surely did nothing.
    async fn tell<A: serde::de::DeserializeOwned>(&self, path: &str, request: &impl Serialize) -> Result<A, (KeysError, bool)> {
        let mut tries = 1;
        loop {
            let error = match self.client.post::<A>(path, request, ANSWER_TIMEOUT).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let is_definite = error.refusal().is_some_and(Refusal::is_definite);
            if is_definite || tries == TRIES {
                // An earlier try may have been taken, and only its answer lost.
                return Err((error.into(), is_definite && tries == 1));
            }
            tracing::warn!(%error, tries, "telling the relay once more");
            tokio::time::sleep(error.retry_after().unwrap_or(PAUSE).min(LONGEST_PAUSE)).await;
            tries += 1;
        }
    }

    fn forget_secrets(&self, key_id: &KeyId) -> io::Result<()> {
        self.vault.remove(key_id.as_str())?;
        self.vault.remove(&next(key_id))
    }

    /// The clock that ends are judged by.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        self.client.relay_time()
    }
}

/// The name of the secret that a key is about to get.
fn next(key_id: &KeyId) -> String {
    format!("{key_id} next")
}

/// Takes the relay's word for a key.
fn take(inventory: &mut Inventory, info: KeyInfo) {
    match inventory.get(&info.key_id) {
        Some(key) => key.info = info,
        None => inventory.keys.insert(0, KnownKey { info, intent: None, has_secret: false, secret_rotation: 0, shown: true }),
    }
}

/// As [`take`], for a key whose secret here is worth nothing.
fn take_without_secret(inventory: &mut Inventory, info: KeyInfo) {
    inventory.forget(&info.key_id);
    inventory.keys.push(KnownKey { info, intent: None, has_secret: false, secret_rotation: 0, shown: true });
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}
