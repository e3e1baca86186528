//! What the operations of a store depend on beside the database.

use domain::readiness::DEFAULT_FRESHNESS_MILLIS;
use domain::{LeasePolicy, Plans, Retention};
use protocol::signature::FreshnessWindow;

use crate::seal::Sealing;

/// Settings of a store; the same for every relay that shares its database.
#[derive(Debug)]
pub struct Settings {
    /// The plans that accounts may have.
    pub plans: Plans,
    /// How leases and retries go.
    pub leases: LeasePolicy,
    /// How long nonces matter.
    pub window: FreshnessWindow,
    /// Milliseconds that a row's check stays fresh.
    pub freshness_millis: i64,
    /// How long ended work is kept.
    pub retention: Retention,
    /// What secrets are sealed with.
    pub sealing: Sealing,
}

impl Settings {
    /// Those of a relay that was told nothing: no plans but the built-in ones, and every default.
    #[must_use]
    pub fn with(sealing: Sealing) -> Self {
        Self {
            plans: Plans::default(),
            leases: LeasePolicy::default(),
            window: FreshnessWindow::default(),
            freshness_millis: DEFAULT_FRESHNESS_MILLIS,
            retention: Retention::default(),
            sealing,
        }
    }
}
