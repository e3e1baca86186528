//! A systemd user unit, and the link by which the user's session wants it: what `systemctl --user enable` makes. It begins
//! at the next login; a desktop that runs is left alone.

use std::fs;
use std::io;
use std::path::Path;

use super::State;

pub(super) const UNIT: &str = "link-peeler-desktop.service";
const WANTS: &str = "default.target.wants";

/// The unit. `Restart` is for a crash: whoever stops the desktop wants it stopped.
pub(super) fn unit(words: &[&str]) -> String {
    let command = words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
    format!(
        "# Written by Link Peeler: `link-peeler desktop autostart off` takes it away.\n\
         [Unit]\nDescription=Link Peeler desktop\nAfter=network-online.target\n\n\
         [Service]\nExecStart={command}\nRestart=on-failure\nRestartSec=10\n\n\
         [Install]\nWantedBy=default.target\n"
    )
}

/// One word of `ExecStart` (systemd.service(5), command lines): in quotes, `%` and `$` doubled.
fn quoted(word: &str) -> String {
    let escaped = word.replace('\\', r"\\").replace('"', "\\\"").replace('%', "%%").replace('$', "$$");
    format!("\"{escaped}\"")
}

pub(super) fn state(folder: &Path, wanted: &str) -> io::Result<State> {
    let is_wanted = folder.join(WANTS).join(UNIT).symlink_metadata().is_ok();
    let state = super::file_state(&folder.join(UNIT), wanted)?;
    Ok(if is_wanted { state } else { State::Off })
}

pub(super) fn write(folder: &Path, unit: &str) -> io::Result<()> {
    fs::create_dir_all(folder.join(WANTS))?;
    fs::write(folder.join(UNIT), unit)?;
    let link = folder.join(WANTS).join(UNIT);
    super::remove_file(&link)?;
    want(&link)
}

pub(super) fn remove(folder: &Path) -> io::Result<()> {
    super::remove_file(&folder.join(WANTS).join(UNIT))?;
    super::remove_file(&folder.join(UNIT))
}

#[cfg(unix)]
fn want(link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(Path::new("..").join(UNIT), link)
}

#[cfg(not(unix))]
fn want(_link: &Path) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "there is no systemd here"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_words_whatever_is_in_them() {
        let unit = unit(&["/opt/link peeler/link-peeler", "desktop", "--name", r#"50% of $HOME "x" \ "#]);
        assert!(unit.contains(r#"ExecStart="/opt/link peeler/link-peeler" "desktop" "--name" "50%% of $$HOME \"x\" \\ ""#), "{unit}");
    }
}
