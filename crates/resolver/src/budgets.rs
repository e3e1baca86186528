//! What one resolver may spend: time, bytes, hops, connections. Every bound has a default with its reason, and each is
//! the user's to set.

use std::time::Duration;

/// Bounds of one resolver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budgets {
    /// From the question for an address to the last byte of a hop's body. Trackers that need longer lose the visitor.
    pub hop: Duration,
    /// The whole chain of one attempt.
    pub chain: Duration,
    /// Bytes of an answer's head; Chromium stops at the same size.
    pub head_bytes: usize,
    /// Bytes of a body, counted after decompression. What lies beyond is not read: refreshes and titles come early.
    pub body_bytes: usize,
    /// Redirects of one navigation: the 20th fails, as in Chromium.
    pub redirects: u32,
    /// Requests of a chain, over all its navigations.
    pub hops: u32,
    /// The longest refresh delay that counts as a redirect: people wait this long, and no longer.
    pub refresh_delay: Duration,
    /// Chains at once; more wait.
    pub chains_at_once: usize,
    /// Connections to one host at once, as in browsers.
    pub connections_per_host: usize,
    /// Requests a second to one host; 0 for no limit. Hosts that only an exception lets pass (the lab) are not paced.
    pub pace_per_host: u32,
    /// How long after the first attempt a failure is tried again, before it counts as definitive.
    pub confirm_after: Duration,
}

impl Default for Budgets {
    fn default() -> Self {
        Self {
            hop: Duration::from_secs(15),
            chain: Duration::from_secs(60),
            head_bytes: 256 * 1_024,
            body_bytes: 2 * 1_024 * 1_024,
            redirects: 19,
            hops: 40,
            refresh_delay: Duration::from_secs(5),
            chains_at_once: 256,
            connections_per_host: 6,
            pace_per_host: 20,
            confirm_after: Duration::from_secs(2),
        }
    }
}
