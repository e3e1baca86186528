//! The resolver of this desktop: what the command line asks for, with what a person has chosen on the pages added to it.
//! A change makes a new resolver; chains that are under way end with the one that they began with.

use std::path::PathBuf;
use std::sync::RwLock;

use resolver::{BrowserChoice, Resolver, Settings, SetupError};

use crate::preferences::Choices;

pub(crate) struct Resolving {
    /// What the command line asks for.
    base: Settings,
    current: RwLock<Resolver>,
}

impl Resolving {
    /// # Errors
    /// [`SetupError`].
    pub(crate) fn new(base: Settings, choices: &Choices) -> Result<Self, SetupError> {
        let resolver = Resolver::new(combined(&base, choices))?;
        // Better now than with each https link of the hours to come.
        resolver.check_trust()?;
        Ok(Self { base, current: RwLock::new(resolver) })
    }

    /// The resolver for the next job.
    pub(crate) fn resolver(&self) -> Resolver {
        self.current.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// What the command line asks for; the pages show it as fixed.
    pub(crate) fn base(&self) -> &Settings {
        &self.base
    }

    /// Jobs from now on are resolved by these choices.
    ///
    /// # Errors
    /// [`SetupError`]; everything is then as it was.
    pub(crate) fn choose(&self, choices: &Choices) -> Result<(), SetupError> {
        let next = Resolver::new(combined(&self.base, choices))?;
        let before = std::mem::replace(&mut *self.current.write().unwrap_or_else(std::sync::PoisonError::into_inner), next);
        // Its browser may have nobody else, and takes its time to end: nobody waits for that.
        std::thread::spawn(move || drop(before));
        Ok(())
    }

    /// The browser that jobs are resolved with.
    ///
    /// # Errors
    /// Why there is none, for a person.
    pub(crate) fn browser(&self) -> Result<PathBuf, String> {
        self.resolver().browser().map(ToOwned::to_owned).map_err(ToOwned::to_owned)
    }
}

/// The command line's word counts where both say something: whoever started the desktop knew why.
fn combined(base: &Settings, choices: &Choices) -> Settings {
    let mut settings = base.clone();
    for text in &choices.exceptions {
        // Read when it was chosen; what cannot be read allows nothing.
        if let Err(error) = settings.exceptions.add(text) {
            tracing::error!(%error, "an exception of the guard was passed over");
        }
    }
    for (name, proxy) in &choices.proxies {
        if let (false, Ok(profile)) = (base.proxies.contains_key(name), proxy.profile()) {
            settings.proxies.insert(name.clone(), profile);
        }
    }
    if choices.no_browser && settings.browser == BrowserChoice::Installed {
        settings.browser = BrowserChoice::Off;
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preferences::ProxyUrl;

    #[test]
    fn the_command_line_wins_over_what_was_chosen() {
        let mut base = Settings::default();
        base.proxies.insert("de".to_owned(), "http://127.0.0.1:1".parse().unwrap());
        let mut choices = Choices { no_browser: true, exceptions: vec!["127.0.0.1:8080".to_owned()], ..Choices::default() };
        for (name, url) in [("de", "http://127.0.0.1:2"), ("fr", "http://127.0.0.1:3")] {
            choices.proxies.insert(name.to_owned(), ProxyUrl::parse(url).unwrap());
        }
        let settings = combined(&base, &choices);
        assert_eq!((settings.proxies["de"].port, settings.proxies["fr"].port), (1, 3));
        assert!(settings.exceptions.allows("127.0.0.1:8080".parse().unwrap()));
        assert_eq!(settings.browser, BrowserChoice::Off);
    }
}
