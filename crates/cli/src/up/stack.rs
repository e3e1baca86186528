//! Relay, desktop and lab in one process, linked to each other. The desktop talks to the relay over HTTP like any other:
//! nothing here takes a short cut that a real installation could not.

use std::fs::{File, OpenOptions, TryLockError};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use desktop::{CreatedKey, Desktop, LinkEvent, PagesListen};
use lab::Lab;
use protocol::{Environment, Secret};
use relay::{Config, Relay};
use resolver::Settings;
use serde::Serialize;
use tokio::sync::mpsc;

use crate::commands::{desktop as desktop_command, keys as keys_command, relay as relay_command};
use crate::data_dir;
use crate::exit::Failure;

/// Held while the folder is in use by an `up`.
const LOCK: &str = "up.lock";
/// By this label a later run finds its key again.
const KEY_LABEL: &str = "made by link-peeler up";
/// Seconds between polls of the desktop for its link: the approval is already on its way.
const LINK_INTERVAL_SECONDS: u32 = 0;

/// What to stand up.
pub(crate) struct Plan {
    pub(crate) data_dir: PathBuf,
    pub(crate) relay_listen: SocketAddr,
    pub(crate) lab_listen: SocketAddr,
    pub(crate) metrics_listen: SocketAddr,
    pub(crate) pages: PagesListen,
    pub(crate) concurrency: usize,
    pub(crate) settings: Settings,
}

/// All of it, running.
pub(crate) struct Stack {
    pub(crate) relay: Relay,
    pub(crate) desktop: Desktop,
    pub(crate) lab: Lab,
    pub(crate) key: CreatedKey,
    /// A one-time link, while nobody is owner of the relay's account.
    pub(crate) setup: Option<Secret>,
    pub(crate) data_dir: PathBuf,
    pub(crate) has_browser: bool,
    _lock: File,
}

/// Where everything is: what `up --json` prints.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Addresses {
    pub(crate) endpoint: String,
    pub(crate) key_id: String,
    pub(crate) secret: String,
    pub(crate) console_url: String,
    /// The desktop's pages; it lets one browser in, once.
    pub(crate) desktop_url: Option<String>,
    pub(crate) lab_url: String,
    pub(crate) metrics_url: Option<String>,
    pub(crate) data_dir: PathBuf,
}

impl Stack {
    pub(crate) async fn start(plan: Plan) -> Result<Self, Failure> {
        data_dir::create(&plan.data_dir)?;
        let lock = lock(&plan.data_dir)?;
        let lab = Lab::start(plan.lab_listen).await.with_context(|| format!("the lab cannot listen on {}", plan.lab_listen))?;
        let config = Config {
            metrics_listen: Some(plan.metrics_listen),
            link_interval_seconds: LINK_INTERVAL_SECONDS,
            ..relay_command::config(plan.relay_listen, None, &plan.data_dir.join("relay"), None)?
        };
        let relay = Relay::start(config).await.map_err(relay_command::failure)?;
        let mut settings = plan.settings;
        // The lab is on loopback, which the guard refuses otherwise: this one address, and shown in the evidence.
        settings.exceptions.allow(lab.address());
        let config = desktop::Config {
            name: "link-peeler up".to_owned(),
            concurrency: plan.concurrency,
            pages: Some(plan.pages),
            ..desktop::Config::new(relay.public_url(), plan.data_dir.join("desktop"), settings)
        };
        let desktop = start_linked(&relay, config).await?;
        let has_browser = desktop.browser().is_ok();
        let key = key(&desktop).await?;
        let setup = relay.first_setup_link().await.context("the relay's database")?;
        Ok(Self { relay, desktop, lab, key, setup, data_dir: plan.data_dir, has_browser, _lock: lock })
    }

    pub(crate) fn addresses(&self) -> Addresses {
        let base = self.relay.public_url();
        Addresses {
            endpoint: format!("{base}{}", protocol::signature::FETCH_PATH),
            key_id: self.key.key_id.to_string(),
            secret: self.key.secret.expose().to_owned(),
            console_url: self.setup.as_ref().map_or_else(|| format!("{base}/"), |setup| setup.expose().to_owned()),
            desktop_url: self.desktop.pages_url(),
            lab_url: self.lab.url(),
            metrics_url: self.relay.metrics_address().map(|address| format!("http://{address}/metrics")),
            data_dir: self.data_dir.clone(),
        }
    }

    /// The desktop first: its farewell needs a relay that listens.
    pub(crate) async fn shutdown(self) {
        self.desktop.shutdown().await;
        self.relay.shutdown().await;
        self.lab.shutdown().await;
    }
}

fn lock(folder: &Path) -> Result<File, Failure> {
    let path = folder.join(LOCK);
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).with_context(|| path.display().to_string())?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Failure::usage(format!(
            "another `link-peeler up` uses {}; stop it, or name another folder with --data-dir",
            folder.display()
        ))),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Starts the desktop; a code that it shows is approved as an operator would, in this process.
async fn start_linked(relay: &Relay, config: desktop::Config) -> Result<Desktop, Failure> {
    let (codes, mut shown) = mpsc::unbounded_channel();
    let on_link = Arc::new(move |event| {
        if let LinkEvent::Code(started) = event {
            // Nobody listens any more once the desktop has started.
            let _ = codes.send(started.user_code);
        }
    });
    let approving = async {
        while let Some(code) = shown.recv().await {
            if !relay.approve_link(&code).await {
                tracing::error!(%code, "the desktop's link could not be approved");
            }
        }
        std::future::pending().await
    };
    tokio::select! {
        started = Desktop::start(desktop::Config { on_link, ..config }) => started.map_err(desktop_command::failure),
        never = approving => never,
    }
}

/// The key of an earlier run, or a new one.
async fn key(desktop: &Desktop) -> Result<CreatedKey, Failure> {
    let keys = desktop.keys().map_err(keys_command::failure)?;
    for known in keys.list().await.map_err(keys_command::failure)? {
        let known = known.info;
        let usable = known.revoked_at.is_none() && known.label == KEY_LABEL && known.environment == Environment::Test;
        if let Some(secret) = keys.secret(&known.key_id).map_err(keys_command::failure)?.filter(|_| usable) {
            return Ok(CreatedKey { key_id: known.key_id.clone(), secret, info: known });
        }
    }
    keys.create(Environment::Test, KEY_LABEL).await.map_err(keys_command::failure)
}
