//! The secrets of the API keys that were made here. The relay shows none of them ever again.
//!
//! A file with mode 0600 beside the device's key; the operating system's keychain takes its place in time.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use protocol::{KeyId, Secret};
use serde::{Deserialize, Serialize};

use crate::private_file;

const FILE: &str = "keyring.json";
const LOCK: &str = "keyring.lock";

/// The keyring in one data folder. Held open only while it is changed: several processes may share it.
#[derive(Clone, Debug)]
pub(crate) struct Keyring {
    path: PathBuf,
    lock: PathBuf,
}

#[derive(Default, Serialize, Deserialize)]
struct Contents {
    keys: Vec<StoredKey>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredKey {
    key_id: KeyId,
    label: String,
    secret: String,
}

impl Drop for StoredKey {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.secret);
    }
}

impl Keyring {
    pub(crate) fn new(data_dir: &Path) -> Self {
        Self { path: data_dir.join(FILE), lock: data_dir.join(LOCK) }
    }

    /// Adds a key or replaces its secret.
    pub(crate) fn put(&self, key_id: &KeyId, label: &str, secret: &Secret) -> io::Result<()> {
        self.change(|keys| {
            keys.retain(|key| key.key_id != *key_id);
            keys.push(StoredKey { key_id: key_id.clone(), label: label.to_owned(), secret: secret.expose().to_owned() });
        })
    }

    /// Forgets a key.
    pub(crate) fn remove(&self, key_id: &KeyId) -> io::Result<()> {
        self.change(|keys| keys.retain(|key| key.key_id != *key_id))
    }

    /// The secret of a key, when it was made here.
    pub(crate) fn secret(&self, key_id: &KeyId) -> io::Result<Option<Secret>> {
        Ok(self.read()?.keys.iter().find(|key| key.key_id == *key_id).map(|key| Secret::new(key.secret.clone())))
    }

    fn change(&self, change: impl FnOnce(&mut Vec<StoredKey>)) -> io::Result<()> {
        // Two processes that read, change and write at once would lose a secret for good.
        let lock: File = private_file::owner_only(OpenOptions::new().create(true).truncate(false).write(true)).open(&self.lock)?;
        lock.lock()?;
        let mut contents = self.read()?;
        change(&mut contents.keys);
        let text = zeroize::Zeroizing::new(serde_json::to_vec_pretty(&contents).map_err(io::Error::other)?);
        private_file::write(&self.path, &text)
    }

    fn read(&self) -> io::Result<Contents> {
        let Some(bytes) = private_file::read(&self.path)?.map(zeroize::Zeroizing::new) else { return Ok(Contents::default()) };
        serde_json::from_slice(&bytes)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", self.path.display())))
    }
}

#[cfg(test)]
mod tests {
    use protocol::Environment;

    use super::*;

    #[test]
    fn secrets_are_found_again_until_they_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let keyring = Keyring::new(folder.path());
        let (one, other) = (KeyId::generate(Environment::Live), KeyId::generate(Environment::Test));
        keyring.put(&one, "one", &Secret::new("first".to_owned())).unwrap();
        keyring.put(&other, "other", &Secret::new("else".to_owned())).unwrap();
        keyring.put(&one, "one", &Secret::new("second".to_owned())).unwrap();
        assert_eq!(Keyring::new(folder.path()).secret(&one).unwrap().unwrap().expose(), "second");
        keyring.remove(&one).unwrap();
        assert!(keyring.secret(&one).unwrap().is_none());
        assert!(keyring.secret(&other).unwrap().is_some());
    }
}
