//! Which API key signs, and where its secret comes from. Never the command line: other users of the machine can read that.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use desktop::{Keys, KeysError};
use protocol::{KeyId, Secret, SystemClock};

use crate::commands::keys;
use crate::data_dir;
use crate::exit::Failure;

/// The environment variable that holds the secret.
pub(crate) const VARIABLE: &str = "LINK_PEELER_SECRET";

/// The environment variable that names the key.
pub(crate) const KEY_VARIABLE: &str = "LINK_PEELER_KEY";

/// A key and its secret. The secret comes from the file that was named, else from the environment, else from the keyring of
/// the desktop here; the key is the one that was named, else the only one of that keyring.
pub(crate) fn find(key: Option<&KeyId>, file: Option<&Path>, data_dir: Option<PathBuf>) -> Result<(KeyId, Secret), Failure> {
    let given = match (file, std::env::var(VARIABLE)) {
        (Some(file), _) => Some(from_file(file)?),
        (None, secret) => secret.ok().map(Secret::new),
    };
    match (key, given) {
        (Some(key), Some(secret)) => Ok((key.clone(), secret)),
        (None, Some(_)) => Err(Failure::usage(format!("whose secret is it? Name the key in {KEY_VARIABLE}, or with --key"))),
        (Some(key), None) => {
            // A keychain that cannot be used is said, and not taken for one without this secret.
            let kept = linked(data_dir)?.map_or(Ok(None), |keys| keys.secret(key)).map_err(keys::failure)?;
            let absent =
                || format!("no secret: set {VARIABLE}, or name a file with --secret-file (the desktop here has not made this key)");
            Ok((key.clone(), kept.ok_or_else(|| Failure::usage(absent()))?))
        }
        (None, None) => only_one(linked(data_dir)?),
    }
}

/// The one key of a keyring whose secret is here.
fn only_one(keys: Option<Keys>) -> Result<(KeyId, Secret), Failure> {
    let mut found = Vec::new();
    if let Some(keys) = keys {
        for known in keys.known().map_err(keys::failure)?.into_iter().filter(|known| known.info.revoked_at.is_none()) {
            let secret = keys.secret(&known.info.key_id).map_err(keys::failure)?;
            found.extend(secret.map(|secret| (known.info.key_id, secret)));
        }
    }
    let which = match (found.pop(), found.is_empty()) {
        (Some(only), true) => return Ok(only),
        (None, _) => format!("no key: set {KEY_VARIABLE} and {VARIABLE}, or make one where a desktop is linked (link-peeler keys create)"),
        (Some((last, _)), false) => {
            let ids: Vec<_> = found.iter().map(|(key, _)| key.to_string()).chain([last.to_string()]).collect();
            format!("which key? Name one in {KEY_VARIABLE} or with --key: {}", ids.join(", "))
        }
    };
    Err(Failure::usage(which))
}

/// The keys of the desktop here, if one is linked.
fn linked(data_dir: Option<PathBuf>) -> Result<Option<Keys>, Failure> {
    let Ok(folder) = data_dir::desktop(data_dir) else { return Ok(None) };
    match Keys::open(&folder, None, Arc::new(SystemClock)) {
        Ok(keys) => Ok(Some(keys)),
        Err(KeysError::NotLinked(_)) => Ok(None),
        Err(error) => Err(keys::failure(error)),
    }
}

/// Editors and `echo` end files with a line feed that is no part of the secret.
fn from_file(file: &Path) -> Result<Secret, Failure> {
    let text = std::fs::read_to_string(file).with_context(|| format!("--secret-file {}", file.display()))?;
    Ok(Secret::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_feed_at_a_files_end_is_no_part_of_the_secret() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        std::fs::write(&file, "lps_abc \r\n").unwrap();
        assert_eq!(from_file(&file).unwrap().expose(), "lps_abc ");
    }
}
