//! What this desktop knows of the account's keys, in a file: every key with its terms, what was begun here and is not done,
//! and tombstones of what was revoked. No secrets; those lie in the vault.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use protocol::key::KeyInfo;
use protocol::{AccountId, KeyId};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::private_file;

const LOCK: &str = "keys.lock";
/// Time that another command may take to change keys: its requests have bounds of their own.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks whether it is done.
const LOOK: Duration = Duration::from_millis(20);

/// What was begun here, and may have reached the relay or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum Intent {
    /// The key is being made.
    Making,
    /// The key is getting another secret, which lies beside the present one until the relay has it.
    Rotating {
        /// The number of the rotation.
        rotation: u32,
        /// Seconds that both secrets sign.
        overlap_seconds: u32,
    },
    /// The key is being revoked.
    Revoking,
}

/// A key as it is known here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KnownKey {
    /// As the relay told it last, or, until it has, as it was made.
    pub info: KeyInfo,
    /// What was begun here and is not done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<Intent>,
    /// Whether its secret lies here; else it was made elsewhere.
    #[serde(default)]
    pub has_secret: bool,
    /// Which rotation the secret here is of: behind the key's own, it is an old one.
    #[serde(default)]
    pub secret_rotation: u32,
    /// Whether a person has seen the secret.
    #[serde(default)]
    pub shown: bool,
}

impl KnownKey {
    /// Whether the secret here is one that was rotated away elsewhere.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.has_secret && self.secret_rotation < self.info.rotation
    }
}

/// The inventory of one account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Inventory {
    /// The relay's version that it is in line with.
    #[serde(default)]
    pub(crate) version: Option<u64>,
    #[serde(default)]
    pub(crate) keys: Vec<KnownKey>,
}

impl Inventory {
    pub(crate) fn get(&mut self, key_id: &KeyId) -> Option<&mut KnownKey> {
        self.keys.iter_mut().find(|key| key.info.key_id == *key_id)
    }

    pub(crate) fn forget(&mut self, key_id: &KeyId) {
        self.keys.retain(|key| key.info.key_id != *key_id);
    }
}

/// The file, one an account: a desktop that is linked to another one must not mix them up.
#[derive(Clone, Debug)]
pub(crate) struct InventoryFile {
    path: PathBuf,
    lock: PathBuf,
}

/// Held while keys are changed. Ends with the process, however that ends.
#[derive(Debug)]
pub(crate) struct Turn(#[expect(dead_code, reason = "held, never read")] File);

impl InventoryFile {
    pub(crate) fn new(data_dir: &Path, account: AccountId) -> Self {
        Self { path: data_dir.join(format!("keys-{account}.json")), lock: data_dir.join(LOCK) }
    }

    /// Waits until nobody else changes keys in this folder.
    pub(crate) async fn turn(&self) -> io::Result<Turn> {
        let file = private_file::owner_only(OpenOptions::new().create(true).truncate(false).write(true)).open(&self.lock)?;
        let began = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Turn(file)),
                Err(TryLockError::WouldBlock) if began.elapsed() < PATIENCE => tokio::time::sleep(LOOK).await,
                Err(TryLockError::WouldBlock) => return Err(io::Error::other("another command is changing keys; try again")),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }

    pub(crate) fn read(&self) -> io::Result<Inventory> {
        let Some(bytes) = private_file::read(&self.path)? else { return Ok(Inventory::default()) };
        serde_json::from_slice(&bytes)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", self.path.display())))
    }

    pub(crate) fn write(&self, inventory: &Inventory) -> io::Result<()> {
        private_file::write(&self.path, &serde_json::to_vec_pretty(inventory).map_err(io::Error::other)?)
    }
}
