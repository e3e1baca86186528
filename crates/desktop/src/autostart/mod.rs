//! Starting the desktop when its user signs in, by the system's own means: a systemd user unit, a launch agent, a value of
//! the registry. What is written is shown to the user, and taken away whole.

mod launchd;
mod registry;
mod systemd;

use std::io;
use std::path::{Path, PathBuf};

/// How this desktop is started at login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Autostart {
    /// The program.
    pub executable: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    means: Means,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Means {
    /// The folder of the user's units, `~/.config/systemd/user`.
    Systemd(PathBuf),
    /// The folder of the user's agents, `~/Library/LaunchAgents`.
    Launchd(PathBuf),
    /// The user's part of the registry.
    Registry,
}

/// How it stands with starting at login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It starts at login, as this desktop would have it.
    On,
    /// Something starts at login under our name, but with another program or other arguments.
    Other,
    /// It does not.
    Off,
}

impl Autostart {
    /// By the means of this system, in the home of the user. `config_home` as `XDG_CONFIG_HOME` has it.
    #[must_use]
    pub fn here(home: &Path, config_home: Option<&Path>, executable: PathBuf, arguments: Vec<String>) -> Self {
        let means = if cfg!(windows) {
            Means::Registry
        } else if cfg!(target_os = "macos") {
            Means::Launchd(home.join("Library/LaunchAgents"))
        } else {
            Means::Systemd(config_home.map_or_else(|| home.join(".config"), Path::to_owned).join("systemd/user"))
        };
        Self { executable, arguments, means }
    }

    /// Whether it starts at login now.
    ///
    /// # Errors
    /// What the system says.
    pub fn state(&self) -> io::Result<State> {
        match &self.means {
            Means::Systemd(folder) => systemd::state(folder, &self.systemd_unit()?),
            Means::Launchd(folder) => launchd::state(folder, &self.launchd_agent()?),
            Means::Registry => registry::state(&self.registry_value()?),
        }
    }

    /// Turns it on or off.
    ///
    /// # Errors
    /// What the system says.
    pub fn set(&self, on: bool) -> io::Result<()> {
        match (&self.means, on) {
            (Means::Systemd(folder), true) => systemd::write(folder, &self.systemd_unit()?),
            (Means::Systemd(folder), false) => systemd::remove(folder),
            (Means::Launchd(folder), true) => launchd::write(folder, &self.launchd_agent()?),
            (Means::Launchd(folder), false) => launchd::remove(folder),
            (Means::Registry, true) => registry::write(&self.registry_value()?),
            (Means::Registry, false) => registry::remove(),
        }
    }

    /// Where it is written, for a person.
    #[must_use]
    pub fn place(&self) -> String {
        match &self.means {
            Means::Systemd(folder) => folder.join(systemd::UNIT).display().to_string(),
            Means::Launchd(folder) => folder.join(launchd::FILE).display().to_string(),
            Means::Registry => format!(r"{}\{}", registry::KEY, registry::NAME),
        }
    }

    /// The command line, for a person.
    #[must_use]
    pub fn command(&self) -> String {
        let words = std::iter::once(self.executable.display().to_string()).chain(self.arguments.iter().cloned());
        words.map(|word| if word.contains(char::is_whitespace) { format!("'{word}'") } else { word }).collect::<Vec<_>>().join(" ")
    }

    fn systemd_unit(&self) -> io::Result<String> {
        Ok(systemd::unit(&self.words()?))
    }

    fn launchd_agent(&self) -> io::Result<String> {
        Ok(launchd::agent(&self.words()?))
    }

    fn registry_value(&self) -> io::Result<String> {
        Ok(registry::value(&self.words()?))
    }

    /// Program and arguments. A line break in one would be another line of what is written.
    fn words(&self) -> io::Result<Vec<&str>> {
        let program = self.executable.to_str().ok_or_else(|| io::Error::other("the program's path is no text"))?;
        let words: Vec<&str> = std::iter::once(program).chain(self.arguments.iter().map(String::as_str)).collect();
        match words.iter().find(|word| word.chars().any(char::is_control)) {
            Some(word) => Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{word:?} has control characters"))),
            None => Ok(words),
        }
    }
}

/// How a file stands that should have this text.
fn file_state(path: &Path, wanted: &str) -> io::Result<State> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(if text == wanted { State::On } else { State::Other }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(State::Off),
        Err(error) => Err(error),
    }
}

fn remove_file(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(means: Means, arguments: &[&str]) -> Autostart {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Autostart { executable: "/opt/link peeler/link-peeler".into(), arguments, means }
    }

    #[test]
    fn it_is_written_where_the_system_looks_and_taken_away_whole() {
        for means in [|home: &Path| Means::Systemd(home.join("units")), |home: &Path| Means::Launchd(home.join("agents"))] {
            let home = tempfile::tempdir().unwrap();
            let autostart = with(means(home.path()), &["desktop"]);
            assert_eq!(autostart.state().unwrap(), State::Off);
            autostart.set(true).unwrap();
            autostart.set(true).unwrap();
            assert_eq!(autostart.state().unwrap(), State::On);
            let moved = with(means(home.path()), &["desktop", "--data-dir", "/elsewhere"]);
            assert_eq!(moved.state().unwrap(), State::Other);
            autostart.set(false).unwrap();
            autostart.set(false).unwrap();
            assert_eq!(autostart.state().unwrap(), State::Off);
            let left: Vec<_> = walk(home.path());
            assert!(left.is_empty(), "{left:?}");
        }
    }

    fn walk(folder: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries.flat_map(|path| if path.is_dir() && !path.is_symlink() { walk(&path) } else { vec![path] }).collect()
    }

    #[test]
    fn a_line_break_in_an_argument_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let autostart = with(Means::Systemd(home.path().to_owned()), &["desktop\nExecStartPre=/bin/false"]);
        assert!(autostart.set(true).is_err());
        assert!(walk(home.path()).is_empty());
    }
}
