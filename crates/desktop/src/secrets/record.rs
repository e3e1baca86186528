//! What a data folder says of where its secrets lie: the place, and what the keychain may hold. No secrets.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::SecretsPlace;
use crate::private_file;

const FILE: &str = "secrets.json";

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Record {
    /// The word of this file is what counts.
    pub(super) place: SecretsPlace,
    /// Tells this folder's items in the keychain from those of others.
    folder: String,
    /// The names of what may be in the keychain: everything that is, and perhaps more.
    #[serde(default)]
    pub(super) names: Vec<String>,
}

impl Record {
    /// A folder without one has its secrets in files.
    pub(super) fn read(data_dir: &Path) -> io::Result<Self> {
        let path = data_dir.join(FILE);
        let Some(bytes) = private_file::read(&path)? else {
            let folder = data_encoding::HEXLOWER.encode(&protocol::secret::random_bytes::<8>());
            return Ok(Self { place: SecretsPlace::File, folder, names: Vec::new() });
        };
        serde_json::from_slice(&bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", path.display())))
    }

    pub(super) fn write(&self, data_dir: &Path) -> io::Result<()> {
        private_file::write(&data_dir.join(FILE), &serde_json::to_vec_pretty(self).map_err(io::Error::other)?)
    }

    /// Notes that the keychain may hold a secret of this name.
    pub(super) fn name(&mut self, name: &str) {
        if !self.names.iter().any(|known| known == name) {
            self.names.push(name.to_owned());
        }
    }

    /// What a secret of this folder is called in the keychain.
    pub(super) fn item(&self, name: &str) -> String {
        format!("{}/{name}", self.folder)
    }
}
