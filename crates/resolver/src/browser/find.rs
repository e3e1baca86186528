//! Finds the browser: the one that a setting names, or the installed Chrome, Chromium or Edge.

use std::path::{Path, PathBuf};

use crate::settings::BrowserChoice;

/// Why there is no browser. The text goes into `context_unavailable`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotFound {
    #[error("this desktop has no browser: neither Chrome, Chromium nor Edge is installed")]
    NoneInstalled,
    #[error("this desktop has no browser: there is no `{0}`")]
    NoSuchFile(PathBuf),
    #[error("this desktop uses no browser: its settings turn it off")]
    Off,
}

/// The executable to start.
///
/// # Errors
/// [`NotFound`].
pub(crate) fn find(choice: &BrowserChoice) -> Result<PathBuf, NotFound> {
    match choice {
        BrowserChoice::Off => Err(NotFound::Off),
        BrowserChoice::Executable(path) if is_executable(path) => Ok(path.clone()),
        BrowserChoice::Executable(path) => Err(NotFound::NoSuchFile(path.clone())),
        BrowserChoice::Installed => candidates().into_iter().find(|path| is_executable(path)).ok_or(NotFound::NoneInstalled),
    }
}

/// Names on the search path, Chrome first: it is what most visitors use.
const NAMES: &[&str] =
    &["google-chrome-stable", "google-chrome", "chromium", "chromium-browser", "microsoft-edge-stable", "microsoft-edge", "brave-browser"];

/// Where installers put them when the search path does not say.
#[cfg(all(unix, not(target_os = "macos")))]
const PLACES: &[&str] = &[
    "/opt/google/chrome/chrome",
    "/usr/lib/chromium/chromium",
    "/usr/lib64/chromium-browser/chromium-browser",
    "/snap/bin/chromium",
    "/opt/microsoft/msedge/msedge",
];
#[cfg(target_os = "macos")]
const PLACES: &[&str] = &[
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
];
#[cfg(windows)]
const PLACES: &[&str] =
    &[r"Google\Chrome\Application\chrome.exe", r"Chromium\Application\chrome.exe", r"Microsoft\Edge\Application\msedge.exe"];

fn candidates() -> Vec<PathBuf> {
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let named = NAMES.iter().flat_map(|name| std::env::split_paths(&on_path).map(move |folder| folder.join(name)).collect::<Vec<_>>());
    named.chain(installed()).collect()
}

#[cfg(not(windows))]
fn installed() -> Vec<PathBuf> {
    // A user may have installed an application without an administrator: macOS keeps those in the home folder.
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let own = home.into_iter().flat_map(|home| PLACES.iter().map(move |place| home.join(place.trim_start_matches('/'))));
    PLACES.iter().map(PathBuf::from).chain(own).collect()
}

#[cfg(windows)]
fn installed() -> Vec<PathBuf> {
    ["ProgramFiles", "ProgramFiles(x86)", "LocalAppData"]
        .iter()
        .filter_map(|variable| std::env::var_os(variable).map(PathBuf::from))
        .flat_map(|folder| PLACES.iter().map(move |place| folder.join(place)).collect::<Vec<_>>())
        .collect()
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(path: &Path) -> bool {
    path.is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_names_the_browser_or_turns_it_off() {
        assert_eq!(find(&BrowserChoice::Off), Err(NotFound::Off));
        let missing = PathBuf::from("/no/such/browser");
        assert_eq!(find(&BrowserChoice::Executable(missing.clone())), Err(NotFound::NoSuchFile(missing)));
        let own = std::env::current_exe().unwrap();
        assert_eq!(find(&BrowserChoice::Executable(own.clone())), Ok(own));
    }
}
