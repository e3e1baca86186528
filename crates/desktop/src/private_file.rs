//! Files that only their owner may read: the link, what is known of keys, and secrets where they lie in no keychain. Written
//! whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

/// Creates `folder` and what is above it; the folder itself is for its owner alone.
///
/// # Errors
/// What the file system says.
pub(crate) fn create_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    restrict(folder, 0o700)
}

/// Replaces the file by `bytes`: a temporary neighbour, synced, renamed, the folder synced. A crash leaves the old file
/// or the new one.
///
/// # Errors
/// What the file system says; the file is then as it was.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, bytes)?;
    sync_folder_of(path)
}

/// As [`write`], but the folder is left for the caller to sync: until then a crash may bring the old file back. Returns
/// the new file, which appends.
///
/// # Errors
/// What the file system says; the file is then as it was.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<File> {
    let folder = folder_of(path)?;
    let random = data_encoding::HEXLOWER.encode(&protocol::secret::random_bytes::<8>());
    let temporary = folder.join(format!(".{}.{random}", path.file_name().unwrap_or_default().to_string_lossy()));
    let written = (|| {
        let mut file = owner_only(OpenOptions::new().append(true).create_new(true)).open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        Ok(file)
    })();
    if written.is_err() {
        // Best effort: what failed above is what the caller needs to hear.
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// The file's bytes, or `None` when there is no such file. A file that others may read is closed to them, with a warning.
///
/// # Errors
/// What the file system says.
pub(crate) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => {
            if is_open_to_others(path)? {
                tracing::warn!(path = %path.display(), "the file was readable by others; closing it to them");
                restrict(path, 0o600)?;
            }
            Ok(Some(bytes))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Makes durable that the file lies under this name.
///
/// # Errors
/// What the file system says.
pub(crate) fn sync_folder_of(path: &Path) -> io::Result<()> {
    // Windows can neither open a folder as a file nor needs to.
    if cfg!(unix) { File::open(folder_of(path)?)?.sync_all() } else { Ok(()) }
}

fn folder_of(path: &Path) -> io::Result<&Path> {
    path.parent().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a file without a folder"))
}

/// Options that create files for their owner alone.
pub(crate) fn owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

#[cfg(unix)]
fn restrict(path: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode))
}

#[cfg(not(unix))]
fn restrict(_path: &Path, _mode: u32) -> io::Result<()> {
    // The user's profile folder is closed to other users by default.
    Ok(())
}

#[cfg(unix)]
fn is_open_to_others(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(fs::metadata(path)?.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_open_to_others(_path: &Path) -> io::Result<bool> {
    Ok(false)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_written_file_is_its_owners_alone_and_leaves_no_neighbour() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("device.key");
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(read(&path).unwrap().unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_others_could_read_is_closed_to_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("device.key");
        fs::write(&path, b"key").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        read(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(read(&folder.path().join("absent")).unwrap().is_none());
    }
}
