//! A value of Windows' registry, in the user's own part: what is started when that user signs in. By `reg.exe`, which every
//! Windows has.

use std::io;
use std::process::{Command, Output};

use super::State;

pub(super) const KEY: &str = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Run";
pub(super) const NAME: &str = "LinkPeelerDesktop";

/// The command line, each word as the C runtime reads it: in quotes, backslashes before a quote doubled.
pub(super) fn value(words: &[&str]) -> String {
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let (mut out, mut backslashes) = (String::from("\""), 0);
    for character in word.chars() {
        match character {
            '\\' => backslashes += 1,
            '"' => {
                out.push_str(&"\\".repeat(backslashes + 1));
                backslashes = 0;
            }
            _ => backslashes = 0,
        }
        out.push(character);
    }
    out.push_str(&"\\".repeat(backslashes));
    out.push('"');
    out
}

pub(super) fn state(wanted: &str) -> io::Result<State> {
    let output = reg(&["query", KEY, "/v", NAME])?;
    // It fails when there is no such value; other failures show when it is written.
    if !output.status.success() {
        return Ok(State::Off);
    }
    Ok(if String::from_utf8_lossy(&output.stdout).contains(wanted) { State::On } else { State::Other })
}

pub(super) fn write(value: &str) -> io::Result<()> {
    succeed(&reg(&["add", KEY, "/v", NAME, "/t", "REG_SZ", "/d", value, "/f"])?)
}

pub(super) fn remove() -> io::Result<()> {
    let there = reg(&["query", KEY, "/v", NAME])?.status.success();
    if there { succeed(&reg(&["delete", KEY, "/v", NAME, "/f"])?) } else { Ok(()) }
}

fn reg(arguments: &[&str]) -> io::Result<Output> {
    Command::new("reg").args(arguments).output()
}

fn succeed(output: &Output) -> io::Result<()> {
    if output.status.success() { Ok(()) } else { Err(io::Error::other(String::from_utf8_lossy(&output.stderr).trim().to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_as_windows_reads_them() {
        assert_eq!(value(&[r"C:\Program Files\link-peeler.exe", "desktop"]), r#""C:\Program Files\link-peeler.exe" "desktop""#);
        assert_eq!(value(&[r#"a"b"#, r"c:\d\"]), r#""a\"b" "c:\d\\""#);
    }
}
