//! Connections: dialled to what the guard has checked, kept for the next hop, through TLS and proxies.

mod dial;
mod pool;
mod tls;
mod tunnel;

pub(crate) use dial::{DialError, dial};
pub(crate) use pool::{Found, Origin, Peer, Pool, Shared};
pub(crate) use tls::{Tls, TlsStream};
pub(crate) use tunnel::{TunnelError, TunnelTarget, authorization, tunnel};
