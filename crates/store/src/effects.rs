//! What a transaction has changed that others wait for. Collected while it runs, told only after it has committed.

use protocol::{AccountId, JobId};

/// More than can wait for one account. Such counts can be added up.
pub(crate) const EVERYONE: usize = u32::MAX as usize;

/// Wake-ups that a commit is followed by.
#[derive(Clone, Debug, Default)]
pub(crate) struct Effects {
    /// Accounts with newly leasable jobs, and how many; [`EVERYONE`] when all who wait shall look.
    pub(crate) ready: Vec<(AccountId, usize)>,
    /// Jobs that have ended.
    pub(crate) ended: Vec<JobId>,
    /// Accounts whose audit has grown, and with it their events.
    pub(crate) recorded: Vec<AccountId>,
    /// Whether an API key was made, revoked or changed.
    pub(crate) keys_changed: bool,
    /// Whether a device was made or revoked.
    pub(crate) devices_changed: bool,
}

impl Effects {
    pub(crate) const fn new() -> Self {
        Self { ready: Vec::new(), ended: Vec::new(), recorded: Vec::new(), keys_changed: false, devices_changed: false }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.ended.is_empty() && self.recorded.is_empty() && !self.keys_changed && !self.devices_changed
    }
}
