//! What a desktop is on this machine, linked or not, and outlives each run: its folder, what its owner has chosen, what it
//! did. The pages stand on it; a run works with it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, Weak};

use protocol::linking::LinkStarted;
use protocol::{Clock, UnixMillis};
use tokio::sync::watch;

use crate::activity::{Activity, Weight};
use crate::config::LinkEvent;
use crate::history::History;
use crate::keys::{Keys, KeysError};
use crate::lock;
use crate::pausing::Pausing;
use crate::preferences::{Choices, Preferences};
use crate::relay_client::Url;
use crate::resolving::Resolving;
use crate::run::Run;
use crate::secrets::{Secrets, SecretsStanding};

pub(crate) struct Station {
    pub(crate) data_dir: PathBuf,
    pub(crate) relay_url: Url,
    /// What people call this machine.
    pub(crate) name: String,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) started_at: UnixMillis,
    pub(crate) secrets: Secrets,
    /// Where the secrets lay when it started; only a start moves them.
    pub(crate) secrets_standing: SecretsStanding,
    pub(crate) preferences: Preferences,
    pub(crate) resolving: Resolving,
    pub(crate) pausing: Pausing,
    pub(crate) history: History,
    pub(crate) activity: Activity,
    stage: Mutex<Stage>,
    /// Counts up when there is something new to see.
    news: watch::Sender<u64>,
}

/// How far a desktop has come.
#[derive(Clone)]
pub(crate) enum Stage {
    /// It asks the relay for a code, and could not reach it for this reason.
    Asking(Option<String>),
    /// It shows a code, until then.
    Code(LinkStarted, UnixMillis),
    /// It is linked and works. The run may have ended all the same: it is being shut down.
    AtWork(Weak<Run>),
}

/// Why a choice could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChoiceError {
    /// It cannot be kept.
    #[error("could not write it to the data folder: {0}")]
    DataDir(#[from] std::io::Error),
    /// No resolver can be made with it.
    #[error(transparent)]
    Resolver(#[from] resolver::SetupError),
}

/// What a station is made of.
pub(crate) struct Parts {
    pub(crate) data_dir: PathBuf,
    pub(crate) relay_url: Url,
    pub(crate) name: String,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) secrets: Secrets,
    pub(crate) secrets_standing: SecretsStanding,
    pub(crate) preferences: Preferences,
    pub(crate) resolving: Resolving,
    pub(crate) history: History,
}

impl Station {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { data_dir, relay_url, name, clock, secrets, secrets_standing, preferences, resolving, history } = parts;
        let pausing = Pausing::new(preferences.read().paused);
        let started_at = clock.now();
        Self {
            data_dir,
            relay_url,
            name,
            clock,
            started_at,
            secrets,
            secrets_standing,
            preferences,
            resolving,
            pausing,
            history,
            activity: Activity::default(),
            stage: Mutex::new(Stage::Asking(None)),
            news: watch::Sender::new(0),
        }
    }

    pub(crate) fn stage(&self) -> Stage {
        lock(&self.stage).clone()
    }

    /// The run that is at work.
    pub(crate) fn run(&self) -> Option<Arc<Run>> {
        match &*lock(&self.stage) {
            Stage::AtWork(run) => run.upgrade(),
            Stage::Asking(_) | Stage::Code(..) => None,
        }
    }

    /// Linking has come further.
    pub(crate) fn linking(&self, event: &LinkEvent) {
        let now = self.clock.now();
        let (stage, weight, text) = match event {
            LinkEvent::Code(started) => {
                let until = now.plus_seconds(started.expires_in.into());
                (Stage::Code(started.clone(), until), Weight::Usual, "shows a code, to be approved in the console".to_owned())
            }
            LinkEvent::Expired => (Stage::Asking(None), Weight::Usual, "the code ran out; asking for another".to_owned()),
            LinkEvent::Waiting { reason, .. } => {
                let text = format!("could not ask the relay about the link: {reason}");
                // A code that was shown holds on while the relay is away.
                let stage = match self.stage() {
                    shown @ Stage::Code(..) => shown,
                    Stage::Asking(_) | Stage::AtWork(_) => Stage::Asking(Some(reason.clone())),
                };
                (stage, Weight::Warning, text)
            }
        };
        *lock(&self.stage) = stage;
        self.note(weight, text);
    }

    /// The desktop is linked, and this run works.
    pub(crate) fn goes_to_work(&self, run: &Arc<Run>) {
        *lock(&self.stage) = Stage::AtWork(Arc::downgrade(run));
        let account = run.link.account;
        let paused = if self.pausing.is_paused() { "; it is paused, as it was before" } else { "" };
        self.note(Weight::Usual, format!("works for {account}{paused}"));
    }

    /// Takes no new jobs from now on, or takes them again. Returns whether that was a change.
    ///
    /// # Errors
    /// When it could not be kept for the next start; nothing has changed then.
    pub(crate) fn pause(&self, paused: bool) -> std::io::Result<bool> {
        self.preferences.change(|choices| choices.paused = paused)?;
        let changed = self.pausing.set(paused);
        if changed {
            let text = if paused { "paused: no new jobs; what runs is finished" } else { "takes jobs again" };
            tracing::info!(paused, "{text}");
            self.note(Weight::Usual, text);
        }
        Ok(changed)
    }

    /// Changes what its owner has chosen; the next job is resolved by it.
    ///
    /// # Errors
    /// When it cannot be kept, or no resolver can be made with it; jobs are then resolved as before.
    pub(crate) fn choose(&self, what: &str, change: impl FnOnce(&mut Choices)) -> Result<(), ChoiceError> {
        let choices = self.preferences.change(change)?;
        self.resolving.choose(&choices)?;
        self.note(Weight::Usual, what);
        Ok(())
    }

    /// The account's API keys, through this desktop's link.
    ///
    /// # Errors
    /// When it is not linked, or its files cannot be read.
    pub(crate) fn keys(&self) -> Result<Keys, KeysError> {
        Keys::open_with(&self.data_dir, self.secrets.clone(), Some(self.relay_url.as_str()), Arc::clone(&self.clock))
    }

    /// Notes what happened, and that there is something new to see.
    pub(crate) fn note(&self, weight: Weight, text: impl Into<String>) {
        self.activity.note(self.clock.now(), weight, text);
        self.has_news();
    }

    pub(crate) fn has_news(&self) {
        self.news.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Changes whenever there is something new to see.
    pub(crate) fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }
}
