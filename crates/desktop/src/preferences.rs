//! What a person has chosen on the desktop's own pages: a private file, replaced whole at each change. What the command
//! line says is beside it and wins (`resolving`).

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use protocol::{Context, DeviceKind};
use resolver::ProxyProfile;
use resolver::guard::Exceptions;
use serde::{Deserialize, Serialize};

use crate::{lock, private_file};

const FILE: &str = "preferences.json";
/// Proxies, and exceptions of the guard, that may be kept, of each: a page of them.
pub(crate) const MAX_ENTRIES: usize = 100;
/// Bytes of one text: a proxy's URL, an exception, a header value (as `docs/protocol.md` has it).
pub(crate) const MAX_TEXT_BYTES: usize = 1_024;

/// The choices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Choices {
    /// Take no new jobs, also after a restart.
    pub(crate) paused: bool,
    /// Never start a browser.
    pub(crate) no_browser: bool,
    /// Proxies by name.
    pub(crate) proxies: BTreeMap<String, ProxyUrl>,
    /// Exceptions of the guard, one a text.
    pub(crate) exceptions: Vec<String>,
    /// The User-Agent of jobs that ask for none, by kind of device.
    pub(crate) desktop_user_agent: Option<String>,
    pub(crate) mobile_user_agent: Option<String>,
    /// The Accept-Language of jobs that ask for none.
    pub(crate) accept_language: Option<String>,
}

/// A proxy's URL, which may hold a password: it is written to the private file and shown nowhere.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct ProxyUrl(String);

impl ProxyUrl {
    /// A text that is a proxy's URL.
    pub(crate) fn parse(text: &str) -> Result<Self, resolver::proxy::InvalidProxy> {
        text.parse::<ProxyProfile>()?;
        Ok(Self(text.to_owned()))
    }

    pub(crate) fn profile(&self) -> Result<ProxyProfile, resolver::proxy::InvalidProxy> {
        self.0.parse()
    }
}

impl std::fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ProxyUrl(…)")
    }
}

impl Drop for ProxyUrl {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.0);
    }
}

impl Choices {
    /// The context of a job, with what this desktop's owner wants where the job asks for nothing.
    pub(crate) fn fill_in(&self, context: Context) -> Context {
        let agent = match context.device {
            Some(DeviceKind::Mobile) => &self.mobile_user_agent,
            Some(DeviceKind::Desktop) | None => &self.desktop_user_agent,
        };
        Context {
            user_agent: context.user_agent.or_else(|| agent.clone()),
            accept_language: context.accept_language.or_else(|| self.accept_language.clone()),
            ..context
        }
    }
}

/// The choices, as they lie in the data folder.
#[derive(Debug)]
pub(crate) struct Preferences {
    path: PathBuf,
    choices: Mutex<Choices>,
}

impl Preferences {
    /// Reads them; a folder without them has none.
    ///
    /// # Errors
    /// What the file system says, or that the file cannot be read: it may hold exceptions of the guard, so it is not guessed.
    pub(crate) fn open(data_dir: &Path) -> io::Result<Self> {
        let path = data_dir.join(FILE);
        let invalid = |what: String| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {what}", path.display()));
        let choices: Choices = match private_file::read(&path)?.map(zeroize::Zeroizing::new) {
            Some(bytes) => serde_json::from_slice(&bytes).map_err(|error| invalid(error.to_string()))?,
            None => Choices::default(),
        };
        Exceptions::parse(&choices.exceptions).map_err(|error| invalid(error.to_string()))?;
        for (name, proxy) in &choices.proxies {
            proxy.profile().map_err(|error| invalid(format!("proxy `{name}`: {error}")))?;
        }
        Ok(Self { path, choices: Mutex::new(choices) })
    }

    pub(crate) fn read(&self) -> Choices {
        lock(&self.choices).clone()
    }

    /// Changes them, on the disk first. Returns what they are now.
    ///
    /// # Errors
    /// What the file system says; nothing has changed then.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Choices)) -> io::Result<Choices> {
        // Held over the write, so that two changes at once cannot undo one another. Both are rare and short.
        let mut choices = lock(&self.choices);
        let mut changed = choices.clone();
        change(&mut changed);
        if changed != *choices {
            let text = zeroize::Zeroizing::new(serde_json::to_vec_pretty(&changed).map_err(io::Error::other)?);
            private_file::write(&self.path, &text)?;
            *choices = changed;
        }
        Ok(choices.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let preferences = Preferences::open(folder.path()).unwrap();
        let changed = preferences
            .change(|choices| {
                choices.paused = true;
                choices.proxies.insert("de".to_owned(), ProxyUrl::parse("socks5://me:canary@127.0.0.1:1080").unwrap());
                choices.exceptions.push("127.0.0.1:8080".to_owned());
            })
            .unwrap();
        assert_eq!(Preferences::open(folder.path()).unwrap().read(), changed);
        assert!(!format!("{changed:?}").contains("canary"), "a proxy's password does not print");
    }

    #[test]
    fn a_damaged_file_is_named_and_not_guessed() {
        for text in ["{", r#"{"exceptions":["everything"]}"#, r#"{"proxies":{"de":"ftp://x"}}"#, r#"{"exception":[]}"#] {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join(FILE), text).unwrap();
            let error = Preferences::open(folder.path()).unwrap_err();
            assert!(error.to_string().contains(FILE), "{text}: {error}");
        }
    }

    #[test]
    fn a_job_s_own_wishes_come_first() {
        let choices =
            Choices { desktop_user_agent: Some("Ours/1".to_owned()), accept_language: Some("de-DE".to_owned()), ..Choices::default() };
        let plain = choices.fill_in(Context::default());
        assert_eq!((plain.user_agent.as_deref(), plain.accept_language.as_deref()), (Some("Ours/1"), Some("de-DE")));
        let own = choices.fill_in(Context { user_agent: Some("Theirs/2".to_owned()), ..Context::default() });
        assert_eq!(own.user_agent.as_deref(), Some("Theirs/2"));
        let mobile = choices.fill_in(Context { device: Some(DeviceKind::Mobile), ..Context::default() });
        assert_eq!(mobile.user_agent, None);
    }
}
