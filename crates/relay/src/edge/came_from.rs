//! Where one request came from. Worked out once, as it arrives, and read by whoever wants to know: limits, pages that
//! show it, keys that are bound to addresses, the audit.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::{Extensions, HeaderMap};

use super::forwarded::{self, Forwarded};
use super::proxies::TrustedProxies;
use crate::connection::Ends;
use crate::state::RelayState;

/// Where a request came from, and how.
#[derive(Clone, Debug)]
pub(crate) struct CameFrom(Arc<Facts>);

#[derive(Debug)]
struct Facts {
    address: IpAddr,
    is_secure: bool,
    forwarded_host: Option<String>,
    /// Whether its address still pays for it ([`super::limit`]).
    is_owed: AtomicBool,
}

impl CameFrom {
    /// Works out who is at the other end, behind whichever trusted proxies there are.
    pub(super) fn of(ends: Ends, headers: &HeaderMap, proxies: &TrustedProxies) -> Self {
        let peer = ends.peer.ip().to_canonical();
        let said = if proxies.contains(peer) { forwarded::read(headers, proxies) } else { Forwarded::default() };
        Self(Arc::new(Facts {
            address: said.address.unwrap_or(peer),
            is_secure: said.is_secure.unwrap_or(ends.is_secure),
            forwarded_host: said.host,
            is_owed: AtomicBool::new(false),
        }))
    }

    /// The client's address.
    pub(crate) fn address(&self) -> IpAddr {
        self.0.address
    }

    /// Whether the client speaks TLS, to us or to a trusted proxy.
    pub(crate) fn is_secure(&self) -> bool {
        self.0.is_secure
    }

    /// The host that the client asked a trusted proxy for.
    pub(crate) fn forwarded_host(&self) -> Option<&str> {
        self.0.forwarded_host.as_deref()
    }

    pub(super) fn owes(&self) {
        self.0.is_owed.store(true, Ordering::Relaxed);
    }
}

/// The address of the client that sent a request: the peer's, or the one that trusted proxies name. This is the only
/// place to ask.
pub(crate) fn client_address(extensions: &Extensions) -> IpAddr {
    // Every request passes the edge; without it nobody could be told apart.
    extensions.get::<CameFrom>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), CameFrom::address)
}

/// Says that a request has proven whose it is (an API key, a device's key, a session, a token): it is not counted against
/// its address any more. Saying it twice is harmless.
pub(crate) fn proven(state: &RelayState, extensions: &Extensions) {
    if let Some(came_from) = extensions.get::<CameFrom>()
        && came_from.0.is_owed.swap(false, Ordering::Relaxed)
        && let Some(limits) = &state.address_limits
    {
        limits.give_back(came_from.address());
    }
}
