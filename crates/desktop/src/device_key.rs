//! The desktop's own Ed25519 key: made here, kept with the other secrets. The relay only ever sees its public half.

use std::io;

use protocol::Secret;
use protocol::device_signature::DeviceKey;

use crate::secrets::{DEVICE, Secrets};

/// Loads the key, or makes one at the first start.
///
/// # Errors
/// What the file system or the keychain says, or that there is something that is no key: it is then left alone, since a new
/// key would unlink the desktop without a word.
pub(crate) fn load_or_create(secrets: &Secrets) -> io::Result<DeviceKey> {
    if let Some(key) = load(secrets)? {
        return Ok(key);
    }
    let key = DeviceKey::generate();
    // 64 hexadecimal digits.
    secrets.put(DEVICE, &Secret::new(data_encoding::HEXLOWER.encode(&*key.to_bytes())))?;
    tracing::info!("made this desktop's key");
    Ok(key)
}

/// The key, if there is one.
///
/// # Errors
/// As [`load_or_create`].
pub(crate) fn load(secrets: &Secrets) -> io::Result<Option<DeviceKey>> {
    let Some(text) = secrets.get(DEVICE)? else { return Ok(None) };
    let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(text.expose().as_bytes()).ok().map(zeroize::Zeroizing::new);
    match bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok()).map(zeroize::Zeroizing::new) {
        Some(bytes) => Ok(Some(DeviceKey::from_bytes(&bytes))),
        None => Err(io::Error::new(io::ErrorKind::InvalidData, "what is kept as this desktop's key is none; nothing was changed")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_the_first_start_is_the_key_of_every_start() {
        let folder = tempfile::tempdir().unwrap();
        let secrets = Secrets::new(folder.path());
        assert!(load(&secrets).unwrap().is_none());
        let made = load_or_create(&secrets).unwrap().public();
        assert_eq!(load_or_create(&Secrets::new(folder.path())).unwrap().public(), made);
    }

    #[test]
    fn a_damaged_key_is_reported_and_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("device.key");
        std::fs::write(&path, "half a k").unwrap();
        assert!(load_or_create(&Secrets::new(folder.path())).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"half a k");
    }
}
