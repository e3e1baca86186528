//! The keys of one installation, in files beside its data that only its owner can read: the sealing key for secrets in
//! the database, and the token with which an operator on this machine speaks to the relay.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use protocol::Secret;
use protocol::secret::random_bytes;

/// The keys of one installation.
#[derive(Clone, Debug)]
pub struct InstallSecrets {
    sealing_key: Secret,
    operator_token: Secret,
}

/// A key file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the key file {} cannot be used: {reason}", path.display())]
pub struct SecretsError {
    path: PathBuf,
    reason: String,
}

impl InstallSecrets {
    /// Name of the file with the operator's token.
    pub const OPERATOR_TOKEN_FILE: &'static str = "operator.token";
    const SEALING_KEY_FILE: &'static str = "sealing.key";

    /// Reads the keys from `data_dir`, or makes them when they are not there yet.
    ///
    /// # Errors
    /// When a file cannot be read or written, or holds something else.
    pub fn load_or_create(data_dir: &Path) -> Result<Self, SecretsError> {
        std::fs::create_dir_all(data_dir).map_err(|error| SecretsError { path: data_dir.to_owned(), reason: error.to_string() })?;
        Ok(Self {
            sealing_key: load_or_create(&data_dir.join(Self::SEALING_KEY_FILE))?,
            operator_token: load_or_create(&data_dir.join(Self::OPERATOR_TOKEN_FILE))?,
        })
    }

    /// The key that secrets in the database are sealed with.
    #[must_use]
    pub fn sealing_key(&self) -> [u8; 32] {
        decode(self.sealing_key.expose()).unwrap_or_default()
    }

    /// The token of an operator on this machine.
    #[must_use]
    pub const fn operator_token(&self) -> &Secret {
        &self.operator_token
    }
}

fn load_or_create(path: &Path) -> Result<Secret, SecretsError> {
    let fail = |reason: String| SecretsError { path: path.to_owned(), reason };
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let text = text.trim().to_owned();
            decode(&text).ok_or_else(|| fail("expected 64 hexadecimal digits".to_owned()))?;
            Ok(Secret::new(text))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let text = data_encoding::HEXLOWER.encode(&random_bytes::<32>());
            write_private(path, &text).map_err(|error| fail(error.to_string()))?;
            // Read back: another process may have been quicker, and then its key is the one.
            load_or_create(path)
        }
        Err(error) => Err(fail(error.to_string())),
    }
}

/// Writes a file that only its owner can read, whole or not at all, and never over one that exists.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let temporary = path.with_extension(format!("new-{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    let linked = std::fs::hard_link(&temporary, path);
    std::fs::remove_file(&temporary)?;
    match linked {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

fn decode(text: &str) -> Option<[u8; 32]> {
    data_encoding::HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
}
