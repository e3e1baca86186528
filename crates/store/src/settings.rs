//! What the operations of a store depend on beside the database.

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
