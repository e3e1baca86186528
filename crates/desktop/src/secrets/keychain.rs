//! The operating system's keychain: Secret Service on Linux, Keychain on macOS, Credential Manager on Windows. Its libraries
//! wait for as long as a person takes to unlock it, so they get a thread of their own and a bound.

use std::io;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use keyring_core::{CredentialStore, Entry, Error};
use protocol::Secret;

/// What it is called on this system.
pub(super) const NAME: &str = if cfg!(target_os = "linux") {
    "keychain (Secret Service)"
} else if cfg!(target_os = "macos") {
    "keychain (macOS Keychain)"
} else {
    "keychain (Windows Credential Manager)"
};
/// Under which items of this program lie there.
const SERVICE: &str = "link-peeler";
/// Time that one question may take: a person may be asked for a passphrase.
const PATIENCE: Duration = Duration::from_secs(60);

type Question = Box<dyn FnOnce(&Arc<CredentialStore>) + Send>;

/// An open keychain.
#[derive(Clone)]
pub(super) struct Keychain {
    questions: mpsc::Sender<Question>,
    /// Whether its items have names for people, who see them in a window of its own.
    has_labels: bool,
    #[cfg(test)]
    left: Arc<std::sync::atomic::AtomicUsize>,
}

impl Keychain {
    /// Opens the one of this system.
    ///
    /// # Errors
    /// When there is none that can be reached.
    pub(super) fn open() -> io::Result<Self> {
        Self::on(of_this_system, cfg!(target_os = "linux"))
    }

    fn on(store: impl FnOnce() -> keyring_core::Result<Arc<CredentialStore>> + Send + 'static, has_labels: bool) -> io::Result<Self> {
        let (questions, asked) = mpsc::channel::<Question>();
        let (told, opened) = mpsc::channel();
        std::thread::Builder::new().name("keychain".to_owned()).spawn(move || match store() {
            Ok(store) => {
                let _ = told.send(Ok(()));
                // Ends with the last who may ask.
                asked.iter().for_each(|question| question(&store));
            }
            Err(error) => drop(told.send(Err(failure(&error)))),
        })?;
        opened.recv_timeout(PATIENCE).map_err(|_| silent())??;
        Ok(Self {
            questions,
            has_labels,
            #[cfg(test)]
            left: Arc::new(std::sync::atomic::AtomicUsize::new(usize::MAX)),
        })
    }

    /// Keeps a secret as this item, in place of what it had before.
    ///
    /// # Errors
    /// What the keychain says.
    pub(super) fn put(&self, item: &str, secret: &Secret) -> io::Result<()> {
        let secret = secret.clone();
        self.ask(item, move |entry| entry.set_secret(secret.expose().as_bytes()))
    }

    /// The secret of this item.
    ///
    /// # Errors
    /// What the keychain says.
    pub(super) fn get(&self, item: &str) -> io::Result<Option<Secret>> {
        self.ask(item, |entry| match entry.get_secret() {
            Ok(bytes) => {
                String::from_utf8(bytes).map(|text| Some(Secret::new(text))).map_err(|error| Error::BadEncoding(error.into_bytes()))
            }
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(error),
        })
    }

    /// Forgets this item.
    ///
    /// # Errors
    /// What the keychain says.
    pub(super) fn remove(&self, item: &str) -> io::Result<()> {
        self.ask(item, |entry| match entry.delete_credential() {
            Err(Error::NoEntry) => Ok(()),
            ended => ended,
        })
    }

    /// Whether it keeps what it is given: one that is locked, with nobody there to unlock it, reads as empty on some systems.
    ///
    /// # Errors
    /// When it does not.
    pub(super) fn try_out(&self, item: &str) -> io::Result<()> {
        let trial = Secret::generate();
        self.put(item, &trial)?;
        let kept = self.get(item)?.is_some_and(|kept| kept.expose() == trial.expose());
        self.remove(item)?;
        if kept { Ok(()) } else { Err(io::Error::other(format!("the {NAME} does not keep what it is given"))) }
    }

    fn ask<T: Send + 'static>(
        &self,
        item: &str,
        question: impl FnOnce(&Entry) -> keyring_core::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        #[cfg(test)]
        self.count_down()?;
        let (item, has_labels) = (item.to_owned(), self.has_labels);
        let (tell, told) = mpsc::channel();
        let question: Question = Box::new(move |store| {
            let label = format!("Link Peeler {item}");
            let labelled = [("label", label.as_str())].into_iter().collect();
            let modifiers = has_labels.then_some(&labelled);
            let _ = tell.send(store.build(SERVICE, &item, modifiers).and_then(|entry| question(&entry)));
        });
        self.questions.send(question).map_err(|_| silent())?;
        told.recv_timeout(PATIENCE).map_err(|_| silent())?.map_err(|error| failure(&error))
    }
}

#[cfg(target_os = "linux")]
fn of_this_system() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(zbus_secret_service_keyring_store::Store::new()?)
}

#[cfg(target_os = "macos")]
fn of_this_system() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(apple_native_keyring_store::keychain::Store::new()?)
}

#[cfg(windows)]
fn of_this_system() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(windows_native_keyring_store::Store::new()?)
}

#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
fn of_this_system() -> keyring_core::Result<Arc<CredentialStore>> {
    Err(Error::NotSupportedByStore("no keychain of this system is known".to_owned()))
}

/// What it says, with the causes that it names. Secrets never stand in them: the variants that carry bytes are not printed.
fn failure(error: &Error) -> io::Error {
    let text = match error {
        Error::PlatformFailure(cause) | Error::NoStorageAccess(cause) => cause.to_string(),
        Error::BadEncoding(_) | Error::BadDataFormat(..) => "an item there was changed by somebody else".to_owned(),
        Error::Ambiguous(_) => "it holds several items of one name".to_owned(),
        other => other.to_string(),
    };
    io::Error::other(format!("the {NAME} cannot be used: {text}"))
}

fn silent() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("the {NAME} does not answer; unlock it, or choose `--secrets file`"))
}

#[cfg(test)]
impl Keychain {
    /// One in memory, which keyring-core has for tests.
    pub(super) fn of_tests() -> Self {
        Self::on(|| Ok(keyring_core::mock::Store::new()?), false).unwrap()
    }

    /// Fails every question after so many.
    pub(super) fn fail_after(&self, questions: usize) {
        self.left.store(questions, std::sync::atomic::Ordering::SeqCst);
    }

    fn count_down(&self) -> io::Result<()> {
        use std::sync::atomic::Ordering::SeqCst;
        let left = |left: usize| if left == usize::MAX { Some(left) } else { left.checked_sub(1) };
        self.left.try_update(SeqCst, SeqCst, left).map(drop).map_err(|_| io::Error::other("the keychain of tests fails now"))
    }

    /// Items that it holds.
    pub(super) fn count(&self) -> usize {
        let (tell, told) = mpsc::channel();
        let question: Question = Box::new(move |store| {
            let store = store.as_any().downcast_ref::<keyring_core::mock::Store>().unwrap();
            let held = store.inner.lock().unwrap();
            let held = held.borrow().iter().filter(|held| held.inner.lock().unwrap().borrow().secret.is_some()).count();
            tell.send(held).unwrap();
        });
        assert!(self.questions.send(question).is_ok());
        told.recv().unwrap()
    }
}
