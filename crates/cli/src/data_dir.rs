//! Where a person's data lies unless told otherwise: one folder, with a room for each program in it.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// The folder that was named, or this user's own.
pub(crate) fn root(named: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    match named {
        Some(folder) => Ok(folder),
        None => {
            let folders = directories::ProjectDirs::from("", "", "link-peeler").context("no home folder; name one with --data-dir")?;
            Ok(folders.data_local_dir().to_owned())
        }
    }
}

/// The desktop's room: its key, link, keyring and outbox.
pub(crate) fn desktop(named: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    Ok(root(named)?.join("desktop"))
}

/// The relay's room: its keys, and its SQLite file unless a database is named.
pub(crate) fn relay(named: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    Ok(root(named)?.join("relay"))
}

/// Creates a folder for its owner alone.
pub(crate) fn create(folder: &Path) -> anyhow::Result<()> {
    let cannot = || format!("the data folder {} cannot be used", folder.display());
    std::fs::create_dir_all(folder).with_context(cannot)?;
    #[cfg(unix)]
    std::fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o700)).with_context(cannot)?;
    Ok(())
}
