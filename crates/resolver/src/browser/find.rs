//! Finds the browser: the one that a setting names, or the installed Chrome, Chromium or Edge.

use std::ffi::OsString;
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
        BrowserChoice::Installed => candidates(System::own(), |name| std::env::var_os(name))
            .into_iter()
            .find(|path| is_executable(path))
            .ok_or(NotFound::NoneInstalled),
    }
}

/// The systems whose habits are known; others of Unix are as Linux.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum System {
    Linux,
    MacOs,
    Windows,
}

impl System {
    const fn own() -> Self {
        if cfg!(windows) {
            Self::Windows
        } else if cfg!(target_os = "macos") {
            Self::MacOs
        } else {
            Self::Linux
        }
    }

    /// Names on the search path, Chrome first: it is what most visitors use.
    const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Linux | Self::MacOs => &[
                "google-chrome-stable",
                "google-chrome",
                "chromium",
                "chromium-browser",
                "microsoft-edge-stable",
                "microsoft-edge",
                "brave-browser",
            ],
            Self::Windows => &["chrome.exe", "chromium.exe", "msedge.exe", "brave.exe"],
        }
    }

    /// Where installers put them when the search path does not say: below each of the roots.
    const fn places(self) -> &'static [&'static str] {
        match self {
            Self::Linux => &[
                "opt/google/chrome/chrome",
                "usr/lib/chromium/chromium",
                "usr/lib64/chromium-browser/chromium-browser",
                "snap/bin/chromium",
                "var/lib/flatpak/exports/bin/com.google.Chrome",
                "var/lib/flatpak/exports/bin/org.chromium.Chromium",
                "opt/microsoft/msedge/msedge",
            ],
            Self::MacOs => &[
                "Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
                "Applications/Chromium.app/Contents/MacOS/Chromium",
                "Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
            ],
            Self::Windows => {
                &["Google/Chrome/Application/chrome.exe", "Chromium/Application/chrome.exe", "Microsoft/Edge/Application/msedge.exe"]
            }
        }
    }

    /// Variables that name folders below which a user or an administrator installs programs.
    const fn roots(self) -> &'static [&'static str] {
        match self {
            Self::Linux => &[],
            // Without an administrator, applications go into the home folder.
            Self::MacOs => &["HOME"],
            Self::Windows => &["ProgramFiles", "ProgramFiles(x86)", "LocalAppData"],
        }
    }
}

/// Every file that may be the browser, the most likely first: by name on the search path, then where installers put them.
/// `variable` tells the environment.
fn candidates(system: System, variable: impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    // An empty or relative entry would mean the folder that this program happens to be started in.
    let folders: Vec<PathBuf> =
        std::env::split_paths(&variable("PATH").unwrap_or_default()).filter(|folder| folder.is_absolute()).collect();
    let named = system.names().iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    let shared = (system != System::Windows).then(|| PathBuf::from("/"));
    let roots = shared.into_iter().chain(system.roots().iter().filter_map(|name| variable(name).map(PathBuf::from)));
    let installed = roots.flat_map(|root| system.places().iter().map(move |place| root.join(place)));
    named.chain(installed).collect()
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

    /// Where a browser is looked for on a system with this environment.
    fn looked_for(system: System, environment: &[(&str, &str)]) -> Vec<String> {
        let variable = |name: &str| environment.iter().find(|(own, _)| *own == name).map(|(_, value)| OsString::from(value));
        candidates(system, variable).into_iter().map(|path| path.display().to_string().replace('\\', "/")).collect()
    }

    #[test]
    fn the_search_path_comes_first_and_chrome_before_others() {
        let path = if cfg!(windows) { "C:/one;C:/two" } else { "/one:/two" };
        let (first, second) = if cfg!(windows) { ("C:/one", "C:/two") } else { ("/one", "/two") };
        let linux = looked_for(System::Linux, &[("PATH", path), ("HOME", "/homes/kim")]);
        assert_eq!(linux[..2], [format!("{first}/google-chrome-stable"), format!("{second}/google-chrome-stable")]);
        let at = |end: &str| linux.iter().position(|place| place.ends_with(end)).unwrap();
        assert!(at("/chromium") < at("/microsoft-edge") && at("/microsoft-edge") < at("/opt/google/chrome/chrome"));
        assert!(!linux.iter().any(|place| place.contains("kim")), "{linux:?}");
        assert_eq!(looked_for(System::Linux, &[("PATH", ":.:bin")])[0], "/opt/google/chrome/chrome", "only absolute folders count");
    }

    #[test]
    fn a_mac_has_applications_for_all_and_for_one() {
        let places = looked_for(System::MacOs, &[("HOME", "/homes/kim")]);
        let chrome = "Applications/Google Chrome.app/Contents/MacOS/Google Chrome";
        assert_eq!(places[0], format!("/{chrome}"));
        assert!(places.contains(&format!("/homes/kim/{chrome}")));
        assert!(places.contains(&"/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge".to_owned()));
    }

    #[test]
    fn windows_has_three_folders_of_programs_and_edge_always() {
        let environment =
            [("ProgramFiles", "C:/Program Files"), ("ProgramFiles(x86)", "C:/Program Files (x86)"), ("LocalAppData", "C:/kim/Local")];
        let places = looked_for(System::Windows, &environment);
        assert_eq!(places.len(), 9);
        assert_eq!(places[0], "C:/Program Files/Google/Chrome/Application/chrome.exe");
        assert!(places.contains(&"C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe".to_owned()));
        assert!(places.contains(&"C:/kim/Local/Google/Chrome/Application/chrome.exe".to_owned()));
        assert_eq!(looked_for(System::Windows, &[]), Vec::<String>::new(), "no folder is guessed");
    }

    #[test]
    fn a_setting_names_the_browser_or_turns_it_off() {
        assert_eq!(find(&BrowserChoice::Off), Err(NotFound::Off));
        let missing = PathBuf::from("/no/such/browser");
        assert_eq!(find(&BrowserChoice::Executable(missing.clone())), Err(NotFound::NoSuchFile(missing)));
        let own = std::env::current_exe().unwrap();
        assert_eq!(find(&BrowserChoice::Executable(own.clone())), Ok(own));
    }
}
