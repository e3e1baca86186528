//! What a relay sees of a desktop: linking, pulls, leases, results, the farewell, keys. The relay here is scripted, so
//! that it can lose answers and refuse; everything else is real, the signatures it checks included.
#![allow(clippy::unwrap_used)]

mod keys;
mod leases;
mod linking;
mod pages;
mod pausing;
mod pulls;
mod relay;
mod results;
mod shutdown;
mod site;

use desktop::{Config, Desktop};
use resolver::{BrowserChoice, Settings};

use crate::relay::ScriptedRelay;
use crate::site::Site;

/// A data folder, a scripted relay and a site to resolve: what every test stands on.
struct Stage {
    folder: tempfile::TempDir,
    relay: ScriptedRelay,
    site: Site,
}

impl Stage {
    async fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), relay: ScriptedRelay::start().await, site: Site::start().await }
    }

    fn config(&self) -> Config {
        let mut settings = Settings { browser: BrowserChoice::Off, ..Settings::default() };
        settings.exceptions.allow(self.site.address());
        Config::new(self.relay.url(), self.folder.path(), settings)
    }

    async fn desktop(&self) -> Desktop {
        self.desktop_with(1).await
    }

    async fn desktop_with(&self, concurrency: usize) -> Desktop {
        Desktop::start(Config { concurrency, ..self.config() }).await.unwrap()
    }
}
