//! Where the secret of an API key comes from. Never the command line: other users of the machine can read that.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use desktop::{Keys, KeysError};
use protocol::{KeyId, Secret, SystemClock};

use crate::commands::keys;
use crate::data_dir;
use crate::exit::Failure;

/// The environment variable.
pub(crate) const VARIABLE: &str = "LINK_PEELER_SECRET";

/// The secret: from the file that was named, else from the environment, else from the keyring of the desktop here.
pub(crate) fn find(key: Option<&KeyId>, file: Option<&Path>, data_dir: Option<PathBuf>) -> Result<Secret, Failure> {
    if let Some(file) = file {
        return from_file(file);
    }
    if let Ok(secret) = std::env::var(VARIABLE) {
        return Ok(Secret::new(secret));
    }
    // A keychain that cannot be used is said, and not taken for one without this secret.
    let kept = match (key, linked(data_dir)?) {
        (Some(key), Some(keys)) => keys.secret(key).map_err(keys::failure)?,
        _ => None,
    };
    kept.ok_or_else(|| {
        Failure::usage(format!("no secret: set {VARIABLE}, or name a file with --secret-file (the desktop here has not made this key)"))
    })
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
