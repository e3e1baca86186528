//! Secrets in files of the data folder that only its owner can read: the desktop's own key in one, the API keys' in another.
//! Whoever calls holds the folder's lock.

use std::io;
use std::path::{Path, PathBuf};

use protocol::Secret;
use serde::{Deserialize, Serialize};

use super::DEVICE;
use crate::private_file;

const KEYRING: &str = "keyring.json";
const DEVICE_KEY: &str = "device.key";

/// The files of one data folder.
#[derive(Clone, Debug)]
pub(super) struct SecretFiles {
    keyring: PathBuf,
    device_key: PathBuf,
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

impl SecretFiles {
    pub(super) fn new(data_dir: &Path) -> Self {
        Self { keyring: data_dir.join(KEYRING), device_key: data_dir.join(DEVICE_KEY) }
    }

    pub(super) fn put(&self, name: &str, secret: &Secret) -> io::Result<()> {
        if name == DEVICE {
            return private_file::write(&self.device_key, secret.expose().as_bytes());
        }
        self.change(|entries| {
            entries.retain(|entry| entry.name != name);
            entries.push(Entry { name: name.to_owned(), secret: secret.expose().to_owned() });
        })
    }

    pub(super) fn get(&self, name: &str) -> io::Result<Option<Secret>> {
        if name == DEVICE {
            return self.device();
        }
        Ok(self.read()?.keys.iter().find(|entry| entry.name == name).map(|entry| Secret::new(entry.secret.clone())))
    }

    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        match self.get(name)? {
            None => Ok(()),
            Some(_) if name == DEVICE => absent_is_fine(std::fs::remove_file(&self.device_key)),
            Some(_) => self.change(|entries| entries.retain(|entry| entry.name != name)),
        }
    }

    /// Every secret with its name.
    pub(super) fn all(&self) -> io::Result<Vec<(String, Secret)>> {
        let device = self.device()?.map(|secret| (DEVICE.to_owned(), secret));
        let keys = self.read()?;
        let keys = keys.keys.iter().map(|entry| (entry.name.clone(), Secret::new(entry.secret.clone())));
        Ok(device.into_iter().chain(keys).collect())
    }

    /// Holds these and nothing else. A crash in between leaves some of what was there, or of these.
    pub(super) fn replace(&self, all: &[(String, Secret)]) -> io::Result<()> {
        match all.iter().find(|(name, _)| name == DEVICE) {
            Some((_, secret)) => private_file::write(&self.device_key, secret.expose().as_bytes())?,
            None => absent_is_fine(std::fs::remove_file(&self.device_key))?,
        }
        self.change(|entries| {
            let keys = all.iter().filter(|(name, _)| name != DEVICE);
            *entries = keys.map(|(name, secret)| Entry { name: name.clone(), secret: secret.expose().to_owned() }).collect();
        })
    }

    /// Forgets all of them.
    pub(super) fn clear(&self) -> io::Result<()> {
        for path in [&self.device_key, &self.keyring] {
            absent_is_fine(std::fs::remove_file(path))?;
        }
        private_file::sync_folder_of(&self.keyring)
    }

    fn device(&self) -> io::Result<Option<Secret>> {
        let Some(bytes) = private_file::read(&self.device_key)?.map(zeroize::Zeroizing::new) else { return Ok(None) };
        let no_text = |_| io::Error::new(io::ErrorKind::InvalidData, format!("{} is no text", self.device_key.display()));
        std::str::from_utf8(bytes.trim_ascii()).map(|text| Some(Secret::new(text.to_owned()))).map_err(no_text)
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Entry>)) -> io::Result<()> {
        let mut contents = self.read()?;
        change(&mut contents.keys);
        let text = zeroize::Zeroizing::new(serde_json::to_vec_pretty(&contents).map_err(io::Error::other)?);
        private_file::write(&self.keyring, &text)
    }

    fn read(&self) -> io::Result<Contents> {
        let Some(bytes) = private_file::read(&self.keyring)?.map(zeroize::Zeroizing::new) else { return Ok(Contents::default()) };
        serde_json::from_slice(&bytes)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", self.keyring.display())))
    }
}

fn absent_is_fine(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
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
        let files = SecretFiles::new(folder.path());
        files.put("one", &secret("first")).unwrap();
        files.put("other", &secret("else")).unwrap();
        files.put("one", &secret("second")).unwrap();
        assert_eq!(SecretFiles::new(folder.path()).get("one").unwrap().unwrap().expose(), "second");
        files.remove("one").unwrap();
        assert!(files.get("one").unwrap().is_none());
        assert!(files.get("other").unwrap().is_some());
        files.remove("other").unwrap();
    }

    #[test]
    fn a_keyring_of_an_earlier_version_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let text = r#"{"keys":[{"keyId":"lp_live_0123456789abcdef","label":"a","secret":"lps_x"}]}"#;
        std::fs::write(folder.path().join(KEYRING), text).unwrap();
        assert_eq!(SecretFiles::new(folder.path()).get("lp_live_0123456789abcdef").unwrap().unwrap().expose(), "lps_x");
    }
}
