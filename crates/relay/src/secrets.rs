//! The keys of one installation, in files beside its data that only its owner can read: the sealing key for secrets in
//! the database, and the token with which an operator on this machine speaks to the relay.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use protocol::Secret;
use protocol::secret::random_bytes;
use store::{Generation, SealingRing};
use zeroize::Zeroizing;

use crate::sealing_source::{self, SealingSource};

/// Bits of a file's mode that let anybody but its owner at it.
const OTHERS: u32 = 0o077;

/// The keys of one installation.
#[derive(Clone)]
pub struct InstallSecrets {
    sealing: SealingRing,
    sealing_source: SealingSource,
    operator_token: Secret,
}

/// A key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// One that lies in a file.
    #[error("the key file {} cannot be used: {reason}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// Sealing keys from elsewhere.
    #[error("the sealing key cannot be used: {0}")]
    Sealing(String),
}

impl InstallSecrets {
    /// Name of the file with the operator's token.
    pub const OPERATOR_TOKEN_FILE: &'static str = "operator.token";
    /// Name of the file with the sealing keys, unless they come from elsewhere.
    pub const SEALING_KEY_FILE: &'static str = "sealing.key";

    /// Reads the keys from `data_dir`, or makes them when they are not there yet.
    ///
    /// # Errors
    /// When a file cannot be read or written, may be read by others than its owner, or holds something else.
    pub fn load_or_create(data_dir: &Path) -> Result<Self, SecretsError> {
        Self::load(data_dir, SealingSource::File(data_dir.join(Self::SEALING_KEY_FILE)))
    }

    /// As [`Self::load_or_create`], with sealing keys from this source.
    ///
    /// # Errors
    /// As there; also when the source gives no keys.
    pub fn load(data_dir: &Path, sealing_source: SealingSource) -> Result<Self, SecretsError> {
        std::fs::create_dir_all(data_dir).map_err(|error| SecretsError::File { path: data_dir.to_owned(), reason: error.to_string() })?;
        let sealing = load_sealing(&sealing_source)?;
        let operator_token = load_or_create(&data_dir.join(Self::OPERATOR_TOKEN_FILE), expect_one_key)?;
        Ok(Self { sealing, sealing_source, operator_token })
    }

    /// The keys that secrets in the database are sealed with.
    #[must_use]
    pub fn sealing(&self) -> &SealingRing {
        &self.sealing
    }

    /// Where they came from.
    #[must_use]
    pub const fn sealing_source(&self) -> &SealingSource {
        &self.sealing_source
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

/// Asks the source for its sealing keys, for a relay that starts: a file is made with a new key when it does not exist. Blocks.
///
/// # Errors
/// When there are none to be had.
fn load_sealing(source: &SealingSource) -> Result<SealingRing, SecretsError> {
    if let SealingSource::File(path) = source {
        load_or_create(path, expect_sealing_keys)?;
    }
    read_sealing(source)
}

/// As [`load_sealing`], but makes nothing: a new key beside a database that has had its own would only mislead.
///
/// # Errors
/// When there are none to be had; a file that does not exist is named.
pub fn read_sealing(source: &SealingSource) -> Result<SealingRing, SecretsError> {
    match source {
        SealingSource::File(path) => {
            let text = read_key_file(path, expect_sealing_keys)?;
            sealing_source::read(text.expose()).map_err(SecretsError::Sealing)
        }
        SealingSource::Text(text) => sealing_source::read(text.expose()).map_err(SecretsError::Sealing),
        SealingSource::Command(words) => {
            sealing_source::run(words).and_then(|text| sealing_source::read(&text)).map_err(SecretsError::Sealing)
        }
    }
}

fn expect_sealing_keys(text: &str) -> Result<(), String> {
    sealing_source::read(text).map(|_| ())
}

/// Adds a new key to the end of a file of sealing keys, and says which. The file is replaced whole: a crash leaves the old
/// one or the new one.
///
/// # Errors
/// When the file cannot be read or written.
pub fn add_sealing_key(path: &Path) -> Result<Generation, SecretsError> {
    let fail = |error: std::io::Error| SecretsError::File { path: path.to_owned(), reason: error.to_string() };
    let text = load_or_create(path, expect_sealing_keys)?;
    let key = new_key();
    let text = Zeroizing::new(format!("{}\n{}", text.expose(), key.expose()));
    replace_private(path, &text).map_err(fail)?;
    Ok(read_sealing(&SealingSource::File(path.to_owned()))?.newest())
}

/// Takes every key but these out of a file of sealing keys.
///
/// # Errors
/// When the file cannot be read or written, or would be left without a key.
pub fn keep_sealing_keys(path: &Path, keep: &[Generation]) -> Result<(), SecretsError> {
    let fail = |reason: String| SecretsError::File { path: path.to_owned(), reason };
    let text = read_key_file(path, expect_sealing_keys)?;
    let is_kept = |line: &&str| sealing_source::read(line).is_ok_and(|ring| keep.contains(&ring.newest()));
    let kept = Zeroizing::new(text.expose().lines().filter(is_kept).collect::<Vec<_>>().join("\n"));
    sealing_source::read(&kept).map_err(fail)?;
    replace_private(path, &kept).map_err(|error| fail(error.to_string()))
}

fn new_key() -> Secret {
    Secret::new(data_encoding::HEXLOWER.encode(&*Zeroizing::new(random_bytes::<32>())))
}

/// The text of a key file, with a new key made when there is none. `check` says what is wrong with it.
fn load_or_create(path: &Path, check: impl Fn(&str) -> Result<(), String>) -> Result<Secret, SecretsError> {
    if !path.exists() {
        // Then read back: another process may have been quicker, and its key is the one.
        let fail = |error: std::io::Error| SecretsError::File { path: path.to_owned(), reason: error.to_string() };
        write_private(path, new_key().expose()).map_err(fail)?;
    }
    read_key_file(path, check)
}

/// The text of a key file that is there.
fn read_key_file(path: &Path, check: impl Fn(&str) -> Result<(), String>) -> Result<Secret, SecretsError> {
    let fail = |reason: String| SecretsError::File { path: path.to_owned(), reason };
    let file = File::open(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => {
            fail("it does not exist; --data-dir names the folder of a relay, which makes it at its first start".to_owned())
        }
        _ => fail(error.to_string()),
    })?;
    let text = read_private(file).map_err(fail)?;
    check(text.expose()).map(|()| text).map_err(fail)
}

/// The text of a file that only its owner can read, without blanks around it.
///
/// # Errors
/// When it cannot be read, or may be read by others.
pub fn read_private_file(path: &Path) -> Result<Secret, String> {
    let open = File::open(path).map_err(|error| error.to_string());
    open.and_then(read_private).map_err(|why| format!("{} cannot be used: {why}", path.display()))
}

fn read_private(mut file: File) -> Result<Secret, String> {
    let mode = file.metadata().map_err(|error| error.to_string())?.mode();
    if mode & OTHERS != 0 {
        // Whoever has read it has it for good: closing it silently would hide that.
        return Err(format!("others may read it (mode {:03o}); make new keys, or `chmod 600` it if nobody has", mode & 0o777));
    }
    let mut text = Zeroizing::new(String::new());
    file.read_to_string(&mut text).map_err(|error| error.to_string())?;
    Ok(Secret::new(text.trim().to_owned()))
}

fn expect_one_key(text: &str) -> Result<(), String> {
    let is_key = text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if is_key { Ok(()) } else { Err("expected 64 hexadecimal digits".to_owned()) }
}

/// Writes a file that only its owner can read, whole or not at all, and never over one that exists. Its name is durable
/// when this returns: what is sealed with a key must not outlive it.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let temporary = temporary(path, text)?;
    let linked = std::fs::hard_link(&temporary, path);
    std::fs::remove_file(&temporary)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    sync_folder_of(path)
}

/// As [`write_private`], in place of one that exists.
fn replace_private(path: &Path, text: &str) -> std::io::Result<()> {
    let temporary = temporary(path, text)?;
    let renamed = std::fs::rename(&temporary, path);
    if renamed.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    renamed.and_then(|()| sync_folder_of(path))
}

/// A new neighbour of `path` with this text, durable.
fn temporary(path: &Path, text: &str) -> std::io::Result<PathBuf> {
    let random = data_encoding::HEXLOWER.encode(&random_bytes::<8>());
    let temporary = path.with_extension(format!("new-{random}"));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.write_all(b"\n")).and_then(|()| file.sync_all());
    if written.is_err() {
        // A full disk: what is left of it would lie there for good.
        let _ = std::fs::remove_file(&temporary);
    }
    written.map(|()| temporary)
}

fn sync_folder_of(path: &Path) -> std::io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
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
        assert_eq!((made.sealing().generations(), made.operator_token()), (read.sealing().generations(), read.operator_token()));
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
    fn sealing_keys_come_and_go_and_the_newest_is_last() {
        let folder = tempfile::tempdir().unwrap();
        let first = InstallSecrets::load_or_create(folder.path()).unwrap().sealing().newest();
        let path = folder.path().join("sealing.key");
        let second = add_sealing_key(&path).unwrap();
        let both = InstallSecrets::load_or_create(folder.path()).unwrap();
        assert_eq!(both.sealing().generations(), [first, second]);
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert!(keep_sealing_keys(&path, &[]).is_err());
        keep_sealing_keys(&path, &[second]).unwrap();
        assert_eq!(InstallSecrets::load_or_create(folder.path()).unwrap().sealing().generations(), [second]);
    }

    #[test]
    fn sealing_keys_may_come_from_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let key = new_key();
        let by_text = InstallSecrets::load(folder.path(), SealingSource::Text(key.clone())).unwrap();
        let command = SealingSource::command(&format!("echo {}", key.expose())).unwrap();
        let by_command = InstallSecrets::load(folder.path(), command).unwrap();
        assert_eq!(by_text.sealing().generations(), by_command.sealing().generations());
        assert!(!folder.path().join("sealing.key").exists());
        let failed = InstallSecrets::load(folder.path(), SealingSource::command("echo nothing").unwrap()).unwrap_err();
        assert!(failed.to_string().contains("64 hexadecimal digits"), "{failed}");
    }

    #[test]
    fn looking_makes_no_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sealing.key");
        for refused in [read_sealing(&SealingSource::File(path.clone())).unwrap_err(), keep_sealing_keys(&path, &[]).unwrap_err()] {
            assert!(refused.to_string().contains("sealing.key") && refused.to_string().contains("does not exist"), "{refused}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn keys_do_not_print() {
        let folder = tempfile::tempdir().unwrap();
        let keys = InstallSecrets::load_or_create(folder.path()).unwrap();
        assert_eq!(format!("{keys:?}"), "InstallSecrets(…)");
    }
}
