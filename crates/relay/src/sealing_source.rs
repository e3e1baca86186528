//! Where the keys come from that secrets in the database are sealed with: a file beside the data, an environment variable,
//! or a command of a key management service. All give the same: one key a line, the newest last.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use protocol::Secret;
use rustix::process::{Pid, Signal, kill_process};
use store::{SealingKey, SealingRing};
use zeroize::Zeroizing;

/// Time that a command has: key services are slow, starts of relays are not awaited for ever.
const COMMAND_TIME: Duration = Duration::from_secs(10);
/// Bytes that a command may say: more generations than anybody keeps.
const COMMAND_BYTES: u64 = 8 * 1_024;
/// Variables of ours may hold secrets, which are none of the command's business.
const OURS: &str = "LINK_PEELER_";

/// Where sealing keys come from.
#[derive(Clone, Debug)]
pub enum SealingSource {
    /// A file that only its owner can read; made with a new key when it does not exist.
    File(PathBuf),
    /// A text that was handed over, as from an environment variable.
    Text(Secret),
    /// A program and its arguments, run without a shell.
    Command(Vec<String>),
}

impl SealingSource {
    /// A command line, split as a shell does at spaces outside of quotes; nothing else of a shell's is done.
    ///
    /// # Errors
    /// When a quote is not closed, or nothing is named.
    pub fn command(line: &str) -> Result<Self, String> {
        let words = words(line).ok_or("a quote is not closed")?;
        if words.is_empty() { Err("names no program".to_owned()) } else { Ok(Self::Command(words)) }
    }
}

/// Keys of a text: each of 32 bytes, in hexadecimal or base64. Lines that begin with `#` are for people.
pub(crate) fn read(text: &str) -> Result<SealingRing, String> {
    let lines = text.split(['\n', ',']).map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let keys = lines.map(|line| decode(line).map(|key| SealingKey::new(&key))).collect::<Option<Vec<_>>>();
    let keys = keys.ok_or("expected keys of 32 bytes, in 64 hexadecimal digits or in base64, one a line")?;
    SealingRing::new(keys).ok_or_else(|| "holds no key".to_owned())
}

fn decode(line: &str) -> Option<Zeroizing<[u8; 32]>> {
    let bytes = match data_encoding::HEXLOWER_PERMISSIVE.decode(line.as_bytes()) {
        Ok(bytes) => bytes,
        Err(_) => data_encoding::BASE64.decode(line.as_bytes()).ok()?,
    };
    let bytes = Zeroizing::new(bytes);
    Some(Zeroizing::new(bytes.as_slice().try_into().ok()?))
}

/// Runs a command and takes what it says. What it says on standard error goes to ours, where an operator sees it.
pub(crate) fn run(words: &[String]) -> Result<Zeroizing<String>, String> {
    let (program, arguments) = words.split_first().ok_or("names no program")?;
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with(OURS)) {
        command.env_remove(name);
    }
    let child = command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn();
    let mut child = child.map_err(|error| format!("`{program}` cannot be run: {error}"))?;
    let id = Pid::from_child(&child);
    let (told, heard) = mpsc::channel();
    // Apart, since neither a read nor a wait can be given up.
    std::thread::spawn(move || {
        let mut text = Zeroizing::new(String::new());
        let read = child.stdout.take().map_or(Ok(0), |out| out.take(COMMAND_BYTES + 1).read_to_string(&mut text));
        let _ = told.send(read.and_then(|_| child.wait()).map(|status| (text, status)));
    });
    let Ok(ended) = heard.recv_timeout(COMMAND_TIME) else {
        // Nobody has waited for it yet, so the number is still its own.
        let _ = kill_process(id, Signal::KILL);
        return Err(format!("`{program}` took longer than {} s", COMMAND_TIME.as_secs()));
    };
    let (text, status) = ended.map_err(|error| format!("`{program}`: {error}"))?;
    if text.len() as u64 > COMMAND_BYTES {
        return Err(format!("`{program}` said more than {COMMAND_BYTES} bytes"));
    }
    if !status.success() {
        return Err(format!("`{program}` failed ({status})"));
    }
    Ok(text)
}

/// Words at spaces outside of quotes. `None`: a quote is not closed.
fn words(line: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for letter in line.chars() {
        match quote {
            Some(open) if letter == open => quote = None,
            None if matches!(letter, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            None if letter.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Result<String, String> {
        match SealingSource::command(line)? {
            SealingSource::Command(words) => run(&words).map(|said| said.to_string()),
            _ => unreachable!("a command line is a command"),
        }
    }

    #[test]
    fn keys_are_read_in_either_writing_and_the_newest_is_last() {
        let (one, two) = ([1; 32], [2; 32]);
        let text = format!("# first\n{}\n\n {} \n", data_encoding::HEXUPPER.encode(&one), data_encoding::BASE64.encode(&two));
        let ring = read(&text).unwrap();
        assert_eq!(ring.generations(), [SealingKey::new(&one).generation(), SealingKey::new(&two).generation()]);
        assert_eq!(ring.newest(), SealingKey::new(&two).generation());
        for text in ["", "# none", "zz", &"0".repeat(63), &format!("{}\nzz", "0".repeat(64))] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_command_is_run_without_a_shell() {
        assert_eq!(words(r#"kms decrypt --in 'a b' "" c"d e"f"#).unwrap(), ["kms", "decrypt", "--in", "a b", "", "cd ef"]);
        assert_eq!(words("kms 'a"), None);
        assert_eq!(of("echo $HOME `id` ; true").unwrap(), "$HOME `id` ; true\n");
        assert!(SealingSource::command("  ").is_err());
    }

    #[test]
    fn a_command_is_bounded_in_what_it_says_and_must_succeed() {
        assert!(of("head -c 100000 /dev/zero").is_err());
        assert!(of("false").unwrap_err().contains("failed"));
        assert!(of("/nowhere/kms").unwrap_err().contains("cannot be run"));
    }
}
