//! What to resolve.

use protocol::{Context, RowExpectation};

/// One tracking URL, where it should land, and what the requests should look like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResolveRequest {
    /// Where the chain begins.
    pub tracking_url: String,
    /// Registrable domain or host where it should land; `None` for anywhere.
    pub expected_domain: Option<String>,
    /// What else is asked of the final URL.
    pub expectation: RowExpectation,
    /// What the requests should look like to the link.
    pub context: Context,
}
