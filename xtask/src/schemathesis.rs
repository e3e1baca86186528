//! schemathesis, which holds the relay's answers against its OpenAPI document: installed into the target folder where
//! Python is. Without it one end-to-end test says that it is left out; nothing else needs it.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::repository;

/// Beside what cargo builds; the test looks for it there.
const FOLDER: &str = "target/schemathesis";
/// What is installed, each with its version.
const REQUIREMENTS: &str = "crates/cli/tests/schemathesis/requirements.txt";
/// A copy of what has been installed: when it equals the list, nothing is to be done.
const INSTALLED: &str = "installed.txt";

/// Installs it if need be, and says what it could not do.
pub(crate) fn ensure() -> anyhow::Result<()> {
    let (folder, requirements) = (repository::root().join(FOLDER), repository::root().join(REQUIREMENTS));
    let wanted = std::fs::read(&requirements)?;
    if std::fs::read(folder.join(INSTALLED)).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    if install(&folder, &requirements) {
        std::fs::write(folder.join(INSTALLED), wanted)?;
    } else {
        println!("schemathesis is left out: it needs Python 3.10 or newer with `venv` and `pip`, and a way to PyPI");
    }
    Ok(())
}

fn install(folder: &Path, requirements: &Path) -> bool {
    // A folder that was begun with another version of Python cannot be mended.
    let _ = std::fs::remove_dir_all(folder);
    let mut begin = Command::new("python3");
    let mut fill = Command::new(folder.join("bin/python"));
    succeeds(begin.args(["-m", "venv"]).arg(folder))
        && succeeds(fill.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]).arg(requirements))
}

fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).status().is_ok_and(|status| status.success())
}
