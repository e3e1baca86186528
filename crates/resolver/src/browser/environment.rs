//! What a browser gets to know of our environment: what it takes to find programs, fonts and the user's language, and
//! nothing else. It runs the code of strangers, and what a process was started with can be read for as long as it lives
//! (`/proc/PID/environ`): secrets that our own variables may hold are none of its business.

use std::ffi::OsString;

/// Variables that are passed on. A list of what may, not of what may not: nobody knows the names of all secrets.
const PASSED_ON: &[&str] = &[
    // Programs that the browser's own start script calls.
    "PATH",
    // Authorities that this user has added (`~/.pki/nssdb`), fonts and their cache.
    "HOME",
    "USER",
    "LOGNAME",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "FONTCONFIG_FILE",
    "FONTCONFIG_PATH",
    "TMPDIR",
    // Language and time zone: pages see them, as they see those of any visitor.
    "LANG",
    "LANGUAGE",
    "TZ",
    // Where a distribution keeps its libraries and the sandbox's helper.
    "LD_LIBRARY_PATH",
    "CHROME_DEVEL_SANDBOX",
];
/// Beginnings of further ones: the parts of a language setting (`LC_TIME`).
const PASSED_ON_PREFIXES: &[&str] = &["LC_"];

/// The browser's part of these variables.
pub(super) fn of_browser(ours: impl Iterator<Item = (OsString, OsString)>) -> impl Iterator<Item = (OsString, OsString)> {
    ours.filter(|(name, _)| name.to_str().is_some_and(is_passed_on))
}

fn is_passed_on(name: &str) -> bool {
    PASSED_ON.contains(&name) || PASSED_ON_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_browser_needs_is_passed_on() {
        let names = ["PATH", "LC_ALL", "LINK_PEELER_SECRET", "AWS_SECRET_ACCESS_KEY", "HTTPS_PROXY", "DBUS_SESSION_BUS_ADDRESS", "path"];
        let ours = names.map(|name| (OsString::from(name), OsString::from("value")));
        let passed: Vec<_> = of_browser(ours.into_iter()).map(|(name, _)| name).collect();
        assert_eq!(passed, ["PATH", "LC_ALL"]);
    }
}
