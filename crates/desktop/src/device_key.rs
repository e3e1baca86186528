//! The desktop's own Ed25519 key: made here, kept here. The relay only ever sees its public half.

use std::io;
use std::path::Path;

use protocol::device_signature::DeviceKey;

use crate::private_file;

/// Where the key lies in the data folder: 64 hexadecimal digits, mode 0600.
const FILE: &str = "device.key";

/// Loads the key, or makes one at the first start.
///
/// # Errors
/// What the file system says, or that the file holds no key: it is then left alone, since a new key would unlink the
/// desktop without a word.
pub(crate) fn load_or_create(data_dir: &Path) -> io::Result<DeviceKey> {
    if let Some(key) = load(data_dir)? {
        return Ok(key);
    }
    let key = DeviceKey::generate();
    let digits = zeroize::Zeroizing::new(data_encoding::HEXLOWER.encode(&*key.to_bytes()));
    private_file::write(&data_dir.join(FILE), digits.as_bytes())?;
    tracing::info!(path = %data_dir.join(FILE).display(), "made this desktop's key; it lies in a file that only its owner can read");
    Ok(key)
}

/// The key, if there is one.
///
/// # Errors
/// What the file system says, or that the file holds no key.
pub(crate) fn load(data_dir: &Path) -> io::Result<Option<DeviceKey>> {
    let path = data_dir.join(FILE);
    let Some(text) = private_file::read(&path)?.map(zeroize::Zeroizing::new) else { return Ok(None) };
    let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(text.trim_ascii()).ok().map(zeroize::Zeroizing::new);
    match bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok()).map(zeroize::Zeroizing::new) {
        Some(bytes) => Ok(Some(DeviceKey::from_bytes(&bytes))),
        None => Err(io::Error::new(io::ErrorKind::InvalidData, format!("{} holds no device key", path.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_the_first_start_is_the_key_of_every_start() {
        let folder = tempfile::tempdir().unwrap();
        assert!(load(folder.path()).unwrap().is_none());
        let made = load_or_create(folder.path()).unwrap().public();
        assert_eq!(load_or_create(folder.path()).unwrap().public(), made);
    }

    #[test]
    fn a_damaged_key_is_reported_and_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), "half a k").unwrap();
        assert!(load_or_create(folder.path()).is_err());
        assert_eq!(std::fs::read(folder.path().join(FILE)).unwrap(), b"half a k");
    }
}
