//! The keys of one installation, in files beside its data that only its owner can read: the sealing key for secrets in
//! the database, and the token with which an operator on this machine speaks to the relay.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use protocol::Secret;
use protocol::secret::random_bytes;
use zeroize::Zeroizing;

/// Bits of a file's mode that let anybody but its owner at it.
const OTHERS: u32 = 0o077;

/// The keys of one installation.
#[derive(Clone)]
pub struct InstallSecrets {
    sealing_key: Zeroizing<[u8; 32]>,
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
    /// When a file cannot be read or written, may be read by others than its owner, or holds something else.
    pub fn load_or_create(data_dir: &Path) -> Result<Self, SecretsError> {
        std::fs::create_dir_all(data_dir).map_err(|error| SecretsError { path: data_dir.to_owned(), reason: error.to_string() })?;
        let (_, sealing_key) = load_or_create(&data_dir.join(Self::SEALING_KEY_FILE))?;
        let (operator_token, _) = load_or_create(&data_dir.join(Self::OPERATOR_TOKEN_FILE))?;
        Ok(Self { sealing_key, operator_token })
    }

    /// The key that secrets in the database are sealed with.
    #[must_use]
    pub fn sealing_key(&self) -> &[u8; 32] {
        &self.sealing_key
    }

    /// The token of an operator on this machine.
    #[must_use]
    pub const fn operator_token(&self) -> &Secret {
        &self.operator_token
    }
}

impl std::fmt::Debug for InstallSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InstallSecrets(…)")
    }
}

/// The text of a key file, and the 32 bytes that it stands for.
type Key = (Secret, Zeroizing<[u8; 32]>);

fn load_or_create(path: &Path) -> Result<Key, SecretsError> {
    let fail = |reason: String| SecretsError { path: path.to_owned(), reason };
    loop {
        match File::open(path) {
            Ok(file) => return read(file).map_err(fail),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let text = Zeroizing::new(data_encoding::HEXLOWER.encode(&*Zeroizing::new(random_bytes::<32>())));
                // Then read back: another process may have been quicker, and its key is the one.
                write_private(path, &text).map_err(|error| fail(error.to_string()))?;
            }
            Err(error) => return Err(fail(error.to_string())),
        }
    }
}

fn read(mut file: File) -> Result<Key, String> {
    let mode = file.metadata().map_err(|error| error.to_string())?.mode();
    if mode & OTHERS != 0 {
        // Whoever has read it has it for good: closing it silently would hide that.
        return Err(format!("others may read it (mode {:03o}); make new keys, or `chmod 600` it if nobody has", mode & 0o777));
    }
    let mut text = Zeroizing::new(String::new());
    file.read_to_string(&mut text).map_err(|error| error.to_string())?;
    let key = decode(text.trim()).ok_or("expected 64 hexadecimal digits")?;
    Ok((Secret::new(text.trim().to_owned()), key))
}

/// Writes a file that only its owner can read, whole or not at all, and never over one that exists. Its name is durable
/// when this returns: what is sealed with a key must not outlive it.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let random = data_encoding::HEXLOWER.encode(&random_bytes::<8>());
    let temporary = path.with_extension(format!("new-{random}"));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    let linked = file
        .write_all(text.as_bytes())
        .and_then(|()| file.write_all(b"\n"))
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::hard_link(&temporary, path));
    std::fs::remove_file(&temporary)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

fn decode(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let bytes = Zeroizing::new(data_encoding::HEXLOWER.decode(text.as_bytes()).ok()?);
    Some(Zeroizing::new(bytes.as_slice().try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn set_mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn keys_are_made_once_for_their_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let made = InstallSecrets::load_or_create(folder.path()).unwrap();
        let read = InstallSecrets::load_or_create(folder.path()).unwrap();
        assert_eq!((made.sealing_key(), made.operator_token().expose()), (read.sealing_key(), read.operator_token().expose()));
        assert_ne!(made.sealing_key(), &[0; 32]);
        let mut files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap()).collect();
        files.sort_by_key(std::fs::DirEntry::file_name);
        assert_eq!(files.iter().map(|file| file.file_name()).collect::<Vec<_>>(), ["operator.token", "sealing.key"]);
        for file in files {
            assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_key_that_others_may_read_is_refused_until_its_owner_has_seen_to_it() {
        let folder = tempfile::tempdir().unwrap();
        InstallSecrets::load_or_create(folder.path()).unwrap();
        for (file, mode) in [("sealing.key", 0o640), ("operator.token", 0o604)] {
            let path = folder.path().join(file);
            set_mode(&path, mode);
            let refused = InstallSecrets::load_or_create(folder.path()).unwrap_err().to_string();
            assert!(refused.contains(file) && refused.contains(&format!("{mode:03o}")) && refused.contains("chmod 600"), "{refused}");
            set_mode(&path, 0o600);
        }
        InstallSecrets::load_or_create(folder.path()).unwrap();
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sealing.key");
        for text in ["", "zz", &"0".repeat(63), &"0".repeat(65)] {
            std::fs::write(&path, text).unwrap();
            set_mode(&path, 0o600);
            assert!(InstallSecrets::load_or_create(folder.path()).is_err(), "{text}");
        }
    }

    #[test]
    fn keys_do_not_print() {
        let folder = tempfile::tempdir().unwrap();
        let keys = InstallSecrets::load_or_create(folder.path()).unwrap();
        assert_eq!(format!("{keys:?}"), "InstallSecrets(…)");
    }
}
