//! The secrets of the API keys that were made here, in a file that only its owner can read. The relay shows none of them
//! ever again.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use protocol::Secret;
use serde::{Deserialize, Serialize};

use crate::private_file;

const FILE: &str = "keyring.json";
const LOCK: &str = "keyring.lock";

/// The secrets of one data folder. The file is held open only while it is changed: several processes may share it.
#[derive(Clone, Debug)]
pub(crate) struct Vault {
    path: PathBuf,
    lock: PathBuf,
}

#[derive(Default, Serialize, Deserialize)]
struct Contents {
    keys: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    /// The id of an API key, and what else tells its secrets apart.
    #[serde(rename = "keyId")]
    name: String,
    secret: String,
}

impl Drop for Entry {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.secret);
    }
}

impl Vault {
    pub(crate) fn new(data_dir: &Path) -> Self {
        Self { path: data_dir.join(FILE), lock: data_dir.join(LOCK) }
    }

    /// Keeps a secret under this name, in place of what it had before.
    pub(crate) fn put(&self, name: &str, secret: &Secret) -> io::Result<()> {
        self.change(|entries| {
            entries.retain(|entry| entry.name != name);
            entries.push(Entry { name: name.to_owned(), secret: secret.expose().to_owned() });
        })
    }

    /// The secret of this name.
    pub(crate) fn get(&self, name: &str) -> io::Result<Option<Secret>> {
        Ok(self.read()?.keys.iter().find(|entry| entry.name == name).map(|entry| Secret::new(entry.secret.clone())))
    }

    /// Forgets the secret of this name.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        self.change(|entries| entries.retain(|entry| entry.name != name))
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Entry>)) -> io::Result<()> {
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
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    #[test]
    fn secrets_are_found_again_until_they_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::new(folder.path());
        let [one, other] = [(); 2].map(|()| protocol::KeyId::generate(protocol::Environment::Test).to_string());
        vault.put(&one, &secret("first")).unwrap();
        vault.put(&other, &secret("else")).unwrap();
        vault.put(&one, &secret("second")).unwrap();
        assert_eq!(Vault::new(folder.path()).get(&one).unwrap().unwrap().expose(), "second");
        vault.remove(&one).unwrap();
        assert!(vault.get(&one).unwrap().is_none());
        assert!(vault.get(&other).unwrap().is_some());
        vault.remove(&other).unwrap();
    }

    #[test]
    fn a_keyring_of_an_earlier_version_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let text = r#"{"keys":[{"keyId":"lp_live_0123456789abcdef","label":"a","secret":"lps_x"}]}"#;
        std::fs::write(folder.path().join(FILE), text).unwrap();
        assert_eq!(Vault::new(folder.path()).get("lp_live_0123456789abcdef").unwrap().unwrap().expose(), "lps_x");
    }
}
