//! The secrets of one data folder: the desktop's own key and those of the API keys that were made here. They lie in the
//! operating system's keychain, or in files that only their owner can read; a record in the folder says which. What a
//! secret is for, and when it goes, is others' business.
//!
//! Moving from one place to the other copies everything, then changes the record in one step, then clears the place that
//! was left: whenever the process dies, each secret is in the place that the record names. Several processes share a
//! folder, so everything here happens under one lock.

mod file;
mod keychain;
mod record;

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex};

use protocol::Secret;
use serde::{Deserialize, Serialize};

use crate::lock;
use crate::private_file;
use file::SecretFiles;
use keychain::Keychain;
use record::Record;

/// The name of the desktop's own key.
pub(crate) const DEVICE: &str = "device";
/// The name of what is kept to see whether a keychain keeps it.
const TRIAL: &str = "trial";
const LOCK: &str = "keyring.lock";

/// Where the secrets of a data folder lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretsPlace {
    /// In the operating system's keychain.
    Keychain,
    /// In files of the data folder that only their owner can read.
    #[default]
    File,
}

/// Where their owner wants them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SecretsChoice {
    /// In the keychain where there is one, else in files.
    Auto,
    /// In the keychain; without one the desktop does not start.
    Keychain,
    /// In files.
    #[default]
    File,
}

/// A word that names no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected `auto`, `keychain` or `file`")]
pub struct UnknownPlace;

impl FromStr for SecretsChoice {
    type Err = UnknownPlace;

    fn from_str(text: &str) -> Result<Self, UnknownPlace> {
        match text {
            "auto" => Ok(Self::Auto),
            "keychain" => Ok(Self::Keychain),
            "file" => Ok(Self::File),
            _ => Err(UnknownPlace),
        }
    }
}

impl std::fmt::Display for SecretsChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Keychain => "keychain",
            Self::File => "file",
        })
    }
}

/// Where the secrets lie, and why not in the keychain when that was wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretsStanding {
    /// The place.
    pub place: SecretsPlace,
    /// What speaks against the keychain, for a person; none: nothing, or nobody asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_keychain: Option<String>,
}

impl std::fmt::Display for SecretsStanding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.place, &self.no_keychain) {
            (SecretsPlace::Keychain, _) => write!(f, "in the {}", keychain::NAME),
            (SecretsPlace::File, None) => f.write_str("in files that only their owner can read"),
            (SecretsPlace::File, Some(why)) => write!(f, "in files that only their owner can read, since there is no keychain here: {why}"),
        }
    }
}

/// The secrets of one data folder.
#[derive(Clone)]
pub(crate) struct Secrets {
    data_dir: PathBuf,
    files: SecretFiles,
    /// Opened when it is first needed.
    keychain: Arc<Mutex<Option<Keychain>>>,
}

impl Secrets {
    pub(crate) fn new(data_dir: &Path) -> Self {
        Self { data_dir: data_dir.to_owned(), files: SecretFiles::new(data_dir), keychain: Arc::default() }
    }

    #[cfg(test)]
    fn with_keychain(data_dir: &Path, keychain: Keychain) -> Self {
        Self { keychain: Arc::new(Mutex::new(Some(keychain))), ..Self::new(data_dir) }
    }

    /// Where they lie.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn place(&self) -> io::Result<SecretsPlace> {
        let _turn = self.turn()?;
        Ok(Record::read(&self.data_dir)?.place)
    }

    /// Keeps a secret under this name, in place of what it had before.
    ///
    /// # Errors
    /// What the file system or the keychain says.
    pub(crate) fn put(&self, name: &str, secret: &Secret) -> io::Result<()> {
        let _turn = self.turn()?;
        let mut record = Record::read(&self.data_dir)?;
        match record.place {
            SecretsPlace::File => self.files.put(name, secret),
            SecretsPlace::Keychain => {
                // Named first: what the keychain holds must be found again.
                record.name(name);
                record.write(&self.data_dir)?;
                self.keychain()?.put(&record.item(name), secret)
            }
        }
    }

    /// The secret of this name.
    ///
    /// # Errors
    /// What the file system or the keychain says.
    pub(crate) fn get(&self, name: &str) -> io::Result<Option<Secret>> {
        let _turn = self.turn()?;
        let record = Record::read(&self.data_dir)?;
        match record.place {
            SecretsPlace::File => self.files.get(name),
            SecretsPlace::Keychain if record.names.iter().any(|known| known == name) => self.keychain()?.get(&record.item(name)),
            SecretsPlace::Keychain => Ok(None),
        }
    }

    /// Forgets the secret of this name.
    ///
    /// # Errors
    /// What the file system or the keychain says.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        let _turn = self.turn()?;
        let mut record = Record::read(&self.data_dir)?;
        match record.place {
            SecretsPlace::File => self.files.remove(name),
            SecretsPlace::Keychain if record.names.iter().any(|known| known == name) => {
                self.keychain()?.remove(&record.item(name))?;
                record.names.retain(|known| known != name);
                record.write(&self.data_dir)
            }
            SecretsPlace::Keychain => Ok(()),
        }
    }

    /// Brings the secrets to where their owner wants them, and ends what a crash has broken off.
    ///
    /// # Errors
    /// When the keychain is wanted, or holds them, and cannot be used; what the file system says. They are then where they
    /// were.
    pub(crate) fn settle(&self, choice: SecretsChoice) -> io::Result<SecretsStanding> {
        let _turn = self.turn()?;
        let mut record = Record::read(&self.data_dir)?;
        let no_keychain = match (choice, record.place) {
            (SecretsChoice::File, SecretsPlace::File) => None,
            (SecretsChoice::File, SecretsPlace::Keychain) => {
                self.move_to_files(&mut record)?;
                None
            }
            (SecretsChoice::Auto | SecretsChoice::Keychain, SecretsPlace::Keychain) => {
                self.keychain()?;
                None
            }
            (SecretsChoice::Keychain, SecretsPlace::File) => {
                self.move_to_keychain(&mut record)?;
                None
            }
            (SecretsChoice::Auto, SecretsPlace::File) => self.move_to_keychain(&mut record).err().map(|error| error.to_string()),
        };
        self.clear_up(&mut record)?;
        Ok(SecretsStanding { place: record.place, no_keychain })
    }

    fn move_to_keychain(&self, record: &mut Record) -> io::Result<()> {
        let keychain = self.keychain()?;
        let all = self.files.all()?;
        record.name(TRIAL);
        record.write(&self.data_dir)?;
        keychain.try_out(&record.item(TRIAL))?;
        // What is there already is left over from a move that was broken off.
        for name in record.names.iter().filter(|name| !all.iter().any(|(known, _)| known == *name)) {
            keychain.remove(&record.item(name))?;
        }
        // Before anything is there: a copy that is left behind is found and cleared.
        record.names = all.iter().map(|(name, _)| name.clone()).collect();
        record.write(&self.data_dir)?;
        for (name, secret) in &all {
            let item = record.item(name);
            keychain.put(&item, secret)?;
            if keychain.get(&item)?.is_none_or(|kept| kept.expose() != secret.expose()) {
                return Err(io::Error::other(format!("the {} gives back another secret than it was given", keychain::NAME)));
            }
        }
        record.place = SecretsPlace::Keychain;
        record.write(&self.data_dir)?;
        tracing::info!(secrets = all.len(), "moved this desktop's secrets to the {}", keychain::NAME);
        Ok(())
    }

    fn move_to_files(&self, record: &mut Record) -> io::Result<()> {
        let keychain = self.keychain()?;
        let mut all = Vec::new();
        for name in &record.names {
            // One that is named and not there was never put there: the process died in between.
            all.extend(keychain.get(&record.item(name))?.map(|secret| (name.clone(), secret)));
        }
        self.files.replace(&all)?;
        record.place = SecretsPlace::File;
        record.write(&self.data_dir)?;
        tracing::info!(secrets = all.len(), "moved this desktop's secrets to files in its data folder");
        Ok(())
    }

    /// Clears the place where the secrets do not lie (any more).
    fn clear_up(&self, record: &mut Record) -> io::Result<()> {
        match record.place {
            SecretsPlace::Keychain => self.files.clear(),
            SecretsPlace::File if record.names.is_empty() => Ok(()),
            SecretsPlace::File => {
                let Ok(keychain) = self.keychain() else {
                    tracing::warn!("the {} holds copies of secrets and cannot be reached now; the next start clears them", keychain::NAME);
                    return Ok(());
                };
                for name in std::mem::take(&mut record.names) {
                    if let Err(error) = keychain.remove(&record.item(&name)) {
                        tracing::warn!(%error, "a copy of a secret stays in the {}; the next start clears it", keychain::NAME);
                        record.names.push(name);
                    }
                }
                record.write(&self.data_dir)
            }
        }
    }

    fn keychain(&self) -> io::Result<Keychain> {
        let mut opened = lock(&self.keychain);
        if let Some(keychain) = &*opened {
            return Ok(keychain.clone());
        }
        Ok(opened.insert(Keychain::open()?).clone())
    }

    /// Waits until no other process changes or reads them.
    fn turn(&self) -> io::Result<File> {
        let path = self.data_dir.join(LOCK);
        let file = private_file::owner_only(OpenOptions::new().create(true).truncate(false).write(true)).open(path)?;
        file.lock()?;
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    fn expect(secrets: &Secrets, kept: &[(&str, &str)]) {
        for (name, text) in kept {
            assert_eq!(secrets.get(name).unwrap().as_ref().map(Secret::expose), Some(*text), "{name}");
        }
    }

    const ALL: [(&str, &str); 3] = [(DEVICE, "aa"), ("lp_live_0123456789abcdef", "lps_one"), ("lp_live_0123456789abcdef next", "lps_two")];

    fn filled(folder: &Path, keychain: &Keychain) -> Secrets {
        let secrets = Secrets::with_keychain(folder, keychain.clone());
        for (name, text) in ALL {
            secrets.put(name, &secret(text)).unwrap();
        }
        secrets
    }

    #[test]
    fn secrets_go_to_the_keychain_and_back_and_none_is_lost() {
        let (folder, keychain) = (tempfile::tempdir().unwrap(), Keychain::of_tests());
        let secrets = filled(folder.path(), &keychain);
        for (choice, place) in [
            (SecretsChoice::File, SecretsPlace::File),
            (SecretsChoice::Auto, SecretsPlace::Keychain),
            (SecretsChoice::Keychain, SecretsPlace::Keychain),
            (SecretsChoice::File, SecretsPlace::File),
            (SecretsChoice::Keychain, SecretsPlace::Keychain),
        ] {
            let standing = secrets.settle(choice).unwrap();
            assert_eq!((standing.place, &standing.no_keychain, secrets.place().unwrap()), (place, &None, place), "{choice}");
            expect(&secrets, &ALL);
            let in_files = place == SecretsPlace::File;
            assert_eq!(folder.path().join("device.key").exists(), in_files, "{choice}");
            assert_eq!(folder.path().join("keyring.json").exists(), in_files);
            assert_eq!(keychain.count(), if in_files { 0 } else { 3 });
        }
        secrets.remove("lp_live_0123456789abcdef").unwrap();
        assert!(secrets.get("lp_live_0123456789abcdef").unwrap().is_none());
        assert_eq!(keychain.count(), 2);
        assert!(secrets.get("never kept").unwrap().is_none());
    }

    #[test]
    fn a_move_that_breaks_off_anywhere_leaves_every_secret_readable_and_is_ended_later() {
        for (from, to) in [(SecretsChoice::File, SecretsChoice::Keychain), (SecretsChoice::Keychain, SecretsChoice::File)] {
            let mut broke_off = 0;
            for fails_after in 0..40 {
                let (folder, keychain) = (tempfile::tempdir().unwrap(), Keychain::of_tests());
                filled(folder.path(), &keychain).settle(from).unwrap();
                keychain.fail_after(fails_after);
                // A warning when only clearing up failed.
                broke_off += usize::from(Secrets::with_keychain(folder.path(), keychain.clone()).settle(to).is_err());
                keychain.fail_after(usize::MAX);
                // Another process goes on.
                let secrets = Secrets::with_keychain(folder.path(), keychain.clone());
                expect(&secrets, &ALL);
                secrets.remove(ALL[2].0).unwrap();
                let standing = secrets.settle(to).unwrap();
                expect(&secrets, &ALL[..2]);
                assert!(secrets.get(ALL[2].0).unwrap().is_none(), "what was forgotten meanwhile stays forgotten");
                let in_files = standing.place == SecretsPlace::File;
                assert_eq!(keychain.count(), if in_files { 0 } else { 2 }, "{from} to {to}, broken off after {fails_after}");
                assert_eq!(folder.path().join("keyring.json").exists(), in_files);
            }
            assert!(broke_off >= 3, "{from} to {to}: {broke_off}");
        }
    }

    #[test]
    fn without_a_keychain_auto_means_files_and_says_why() {
        let (folder, keychain) = (tempfile::tempdir().unwrap(), Keychain::of_tests());
        let secrets = filled(folder.path(), &keychain);
        keychain.fail_after(0);
        let standing = secrets.settle(SecretsChoice::Auto).unwrap();
        assert_eq!(standing.place, SecretsPlace::File);
        assert!(standing.to_string().contains("no keychain here: "), "{standing}");
        expect(&secrets, &ALL);
        assert!(secrets.settle(SecretsChoice::Keychain).is_err());
        expect(&secrets, &ALL);
    }

    #[test]
    fn folders_share_a_keychain_and_no_secret() {
        let keychain = Keychain::of_tests();
        let [one, other] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let [one, other] = [&one, &other].map(|folder| Secrets::with_keychain(folder.path(), keychain.clone()));
        for (secrets, text) in [(&one, "first"), (&other, "second")] {
            secrets.settle(SecretsChoice::Keychain).unwrap();
            secrets.put(DEVICE, &secret(text)).unwrap();
        }
        expect(&one, &[(DEVICE, "first")]);
        one.remove(DEVICE).unwrap();
        expect(&other, &[(DEVICE, "second")]);
    }

    #[test]
    fn places_are_read_as_they_are_written() {
        for choice in [SecretsChoice::Auto, SecretsChoice::Keychain, SecretsChoice::File] {
            assert_eq!(choice.to_string().parse(), Ok(choice));
        }
        assert_eq!("vault".parse::<SecretsChoice>(), Err(UnknownPlace));
    }
}
