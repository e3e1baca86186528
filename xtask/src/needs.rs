//! What the tests need from the machine beside a Rust toolchain, and how to get it on Debian: a PostgreSQL server to
//! run against, a browser to resolve with and to look at our pages with, Node for the caller as it exists in the field and
//! for what drives that browser.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::repository;

/// One thing that must be there.
struct Need {
    /// What it is, for a person.
    what: &'static str,
    /// The oldest major version that will do.
    oldest: u32,
    /// Debian's package.
    package: &'static str,
    /// The major version that is there.
    installed: fn() -> Option<u32>,
}

const NEEDS: &[Need] = &[
    // The oldest that the store's tests have been run against.
    Need { what: "PostgreSQL server", oldest: 15, package: "postgresql", installed: postgresql },
    Need { what: "Chromium, Chrome or Edge", oldest: 100, package: "chromium", installed: browser },
    // Callers are told Node 20; 18 is what Debian 12 packages, and has the same `fetch` and `crypto`.
    Need { what: "Node", oldest: 18, package: "nodejs", installed: node },
    // The oldest that reads lock files of version 3 without a word.
    Need { what: "npm", oldest: 7, package: "npm", installed: npm },
    // A keychain, and a bus of its own for it.
    Need { what: "gnome-keyring-daemon", oldest: 3, package: "gnome-keyring", installed: keyring },
    Need { what: "dbus-daemon", oldest: 1, package: "dbus-daemon", installed: bus },
];

/// Folders whose tests use packages from npm, by a lock file that is committed.
const NPM_FOLDERS: &[&str] = &["crates/cli/tests/pages/harness", "crates/relay/tests/http/console/oidc/provider"];

/// Makes sure that everything is there; installs what is missing where that is possible.
pub(crate) fn ensure() -> anyhow::Result<()> {
    ensure_programs()?;
    for folder in NPM_FOLDERS {
        testkit::npm::ensure_packages(&repository::root().join(folder)).with_context(|| format!("the packages of {folder}"))?;
    }
    Ok(())
}

fn ensure_programs() -> anyhow::Result<()> {
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<_> = missing.iter().map(|need| need.package).collect();
    let named = name(&missing);
    if !Path::new("/usr/bin/apt-get").exists() {
        bail!("the tests need {named}. This is no Debian, so install them by your system's own means, then try again");
    }
    println!("the tests need {named}: installing {} from Debian's packages", packages.join(" "));
    // Package lists of a fresh machine are empty or old: a first failure is no news.
    if !apt_get(&["install", "--yes", "--no-install-recommends"], &packages)? {
        apt_get(&["update"], &[])?;
        apt_get(&["install", "--yes", "--no-install-recommends"], &packages)?;
    }
    let missing = self::missing();
    if !missing.is_empty() {
        bail!("the tests still need {} after `apt-get install {}`; install it by hand, then try again", name(&missing), packages.join(" "));
    }
    Ok(())
}

fn missing() -> Vec<&'static Need> {
    NEEDS.iter().filter(|need| (need.installed)().is_none_or(|version| version < need.oldest)).collect()
}

fn name(needs: &[&Need]) -> String {
    let each = |need: &&Need| match (need.installed)() {
        Some(version) => format!("{} {} or newer (found {version})", need.what, need.oldest),
        None => format!("{} {} or newer", need.what, need.oldest),
    };
    needs.iter().map(each).collect::<Vec<_>>().join(", ")
}

fn apt_get(verb: &[&str], packages: &[&str]) -> anyhow::Result<bool> {
    let is_root = output("id", &["-u"]).is_some_and(|id| id.trim() == "0");
    let mut command = Command::new(if is_root { "env" } else { "sudo" });
    if !is_root {
        command.arg("env");
    }
    command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]).args(verb).args(packages);
    let by_hand = || format!("could not become root; run `apt-get {} {}` as root, then try again", verb.join(" "), packages.join(" "));
    Ok(command.status().with_context(by_hand)?.success())
}

fn postgresql() -> Option<u32> {
    let mut folders: Vec<PathBuf> = output("pg_config", &["--bindir"]).map(|path| path.trim().into()).into_iter().collect();
    if let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") {
        folders.extend(versions.flatten().map(|version| version.path().join("bin")));
    }
    // initdb comes with the server; a client alone has pg_config, too.
    let version = |folder: PathBuf| major(&output(&folder.join("initdb").to_string_lossy(), &["--version"])?);
    folders.into_iter().filter_map(version).max()
}

fn browser() -> Option<u32> {
    let programs = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge"];
    programs.iter().find_map(|program| major(&output(program, &["--version"])?))
}

fn node() -> Option<u32> {
    major(output("node", &["--version"])?.trim().trim_start_matches('v'))
}

fn npm() -> Option<u32> {
    major(&output("npm", &["--version"])?)
}

/// Only Linux keeps its secrets this way: elsewhere the keychain is the system's.
fn keyring() -> Option<u32> {
    if cfg!(target_os = "linux") { major(&output("gnome-keyring-daemon", &["--version"])?) } else { Some(u32::MAX) }
}

fn bus() -> Option<u32> {
    if cfg!(target_os = "linux") { major(&output("dbus-daemon", &["--version"])?) } else { Some(u32::MAX) }
}

/// What a program prints, if it is there and succeeds.
fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The first whole number that begins a word: `15` of `initdb (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)`.
fn major(text: &str) -> Option<u32> {
    text.split_whitespace().find_map(|word| word.split('.').next()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn major_versions_are_read_from_what_programs_print() {
        assert_eq!(major("initdb (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)"), Some(15));
        assert_eq!(major("Chromium 156.0.8078.79 built on Debian GNU/Linux 12 (bookworm)"), Some(156));
        assert_eq!(major("gnome-keyring: 42.1"), Some(42));
        assert_eq!(major("20.20.2\n"), Some(20));
        assert_eq!(major("none"), None);
    }

    #[test]
    fn what_is_missing_is_named_with_the_version_that_is_needed() {
        let need = Need { what: "Abacus", oldest: 3, package: "abacus", installed: || Some(2) };
        assert_eq!(name(&[&need]), "Abacus 3 or newer (found 2)");
    }
}
