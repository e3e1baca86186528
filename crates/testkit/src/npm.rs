//! Node packages for tests, from a committed lock file.

use std::fs::{self, File};
use std::io::{Error, Result};
use std::path::Path;
use std::process::Command;

const LOCK_FILE: &str = "package-lock.json";
/// A copy of the lock file that was installed, inside what it installed.
const INSTALLED: &str = "node_modules/.installed-lock.json";

/// Makes sure that the packages of `folder` are those that its `package.json` and `package-lock.json` name; runs `npm ci`
/// when they are not. Several test processes may ask at once: one installs, the others wait.
///
/// # Errors
/// When npm is missing or fails, and what the file system says.
pub fn ensure_packages(folder: &Path) -> Result<()> {
    let guard = File::open(folder.join("package.json"))?;
    guard.lock()?;
    let wanted = fs::read(folder.join(LOCK_FILE))?;
    if fs::read(folder.join(INSTALLED)).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    let quiet = ["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];
    let output = Command::new("npm").args(quiet).current_dir(folder).output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Error::other(format!("`npm ci` in {} failed:\n{said}", folder.display())));
    }
    fs::write(folder.join(INSTALLED), wanted)
}
