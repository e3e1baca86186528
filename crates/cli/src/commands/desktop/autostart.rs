//! `link-peeler desktop autostart`: whether the desktop starts when its user signs in.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Parser as _, ValueEnum};
use desktop::{Autostart, AutostartState};
use serde_json::json;

use crate::exit::{Ended, Exit, Failure};
use crate::output;

#[derive(Args, Debug)]
#[command(after_help = "\
A systemd user unit on Linux, a launch agent on macOS, a value of the registry on Windows. It begins at the next login; a \
desktop that runs is left alone. What stands after `--` are the desktop's own arguments.

Examples:
  link-peeler desktop autostart on
  link-peeler desktop autostart on -- --relay https://relay.example --concurrency 64
  link-peeler desktop autostart status --json")]
pub(super) struct Arguments {
    /// Turn it on or off, or see how it stands
    #[arg(value_name = "on|off|status")]
    what: What,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Arguments of the desktop that is started
    #[arg(last = true, value_name = "ARGUMENTS")]
    arguments: Vec<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    On,
    Off,
    Status,
}

pub(super) fn run(arguments: &Arguments) -> Ended {
    let given = arguments.arguments.iter().map(String::as_str);
    let words = std::iter::once("desktop".to_owned()).chain(arguments.arguments.iter().cloned()).collect();
    let autostart = autostart(words)?.context("no home folder to write to")?;
    match arguments.what {
        What::On => {
            // One that cannot start would be started again and again, where nobody looks.
            crate::arguments::Arguments::try_parse_from(["link-peeler", "desktop"].into_iter().chain(given))
                .map_err(|error| Failure::usage(format!("the desktop's arguments: {}", error.to_string().trim_start_matches("error: "))))?;
            autostart.set(true)?;
        }
        What::Off => autostart.set(false)?,
        What::Status => {}
    }
    let state = autostart.state()?;
    let word = match state {
        AutostartState::On => "on",
        AutostartState::Other => "other",
        AutostartState::Off => "off",
    };
    if arguments.json {
        output::json(&json!({"autostart": word, "place": autostart.place(), "command": autostart.command()}))?;
        return Ok(Exit::Ok);
    }
    output::line(match state {
        AutostartState::On => "on: the desktop starts at login",
        AutostartState::Other => "on, with another program or other arguments than these",
        AutostartState::Off => "off: the desktop does not start at login",
    })?;
    if state != AutostartState::Off {
        output::note(&format!("{}\nin {}", autostart.command(), autostart.place()));
    }
    Ok(Exit::Ok)
}

/// As this very process was started: what the pages turn on.
pub(super) fn as_started() -> anyhow::Result<Option<Autostart>> {
    // Arguments that are no text cannot be written into a unit either.
    let arguments: Vec<String> = std::env::args_os().skip(1).filter_map(|argument| argument.into_string().ok()).collect();
    autostart(repeatable(arguments)?)
}

/// What should be said again at each start: once is enough for linking anew, folders are named from the root, and nobody
/// reads lines of JSON.
fn repeatable(arguments: Vec<String>) -> anyhow::Result<Vec<String>> {
    let mut out: Vec<String> = Vec::new();
    for argument in arguments.into_iter().filter(|argument| !matches!(argument.as_str(), "--relink" | "--json")) {
        let argument = match argument.strip_prefix("--data-dir=") {
            Some(folder) => format!("--data-dir={}", absolute(folder)?),
            None if out.last().is_some_and(|before| before == "--data-dir") => absolute(&argument)?,
            None => argument,
        };
        out.push(argument);
    }
    Ok(out)
}

fn absolute(folder: &str) -> anyhow::Result<String> {
    Ok(std::path::absolute(folder)?.display().to_string())
}

fn autostart(arguments: Vec<String>) -> anyhow::Result<Option<Autostart>> {
    let executable = std::env::current_exe().context("where this program lies")?;
    let config_home = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
    let folders = directories::BaseDirs::new();
    let here = |home: &Path| Autostart::here(home, config_home.as_deref(), executable, arguments);
    Ok(folders.map(|folders| here(folders.home_dir())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_again_is_whole() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let again = repeatable(words("desktop --relink --json --name office --data-dir data")).unwrap();
        assert_eq!(again[..3], words("desktop --name office")[..]);
        assert!(Path::new(&again[4]).is_absolute() && again[4].ends_with("data"), "{again:?}");
        assert!(Path::new(repeatable(words("desktop --data-dir=d")).unwrap()[1].strip_prefix("--data-dir=").unwrap()).is_absolute());
    }
}
