//! Which account this desktop works for: written once an operator has approved it.

use std::io;
use std::path::Path;

use protocol::{AccountId, DeviceId, UnixMillis};
use serde::{Deserialize, Serialize};

use crate::private_file;

const FILE: &str = "link.json";

/// The link, as it lies in the data folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    /// The relay that it was made with. A relay may move: what the desktop is started with counts.
    pub relay_url: String,
    /// This desktop's id, the `keyid` of its signatures.
    pub device_id: DeviceId,
    /// The account that it works for.
    pub account: AccountId,
    /// When it was approved.
    pub linked_at: UnixMillis,
}

impl Link {
    /// The link in `data_dir`, if the desktop has one.
    ///
    /// # Errors
    /// What the file system says, or that the file is no link.
    pub fn load(data_dir: &Path) -> io::Result<Option<Self>> {
        let path = data_dir.join(FILE);
        let Some(bytes) = private_file::read(&path)? else { return Ok(None) };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", path.display())))
    }

    pub(crate) fn store(&self, data_dir: &Path) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(self).map_err(io::Error::other)?;
        private_file::write(&data_dir.join(FILE), &text)
    }

    /// Forgets the link in `data_dir`; the next start links anew, under the same key.
    ///
    /// # Errors
    /// What the file system says.
    pub fn forget(data_dir: &Path) -> io::Result<()> {
        match std::fs::remove_file(data_dir.join(FILE)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
