//! The outer edge: where a request came from, whether its address may send another one before anybody has looked at it,
//! and TLS. What a request *is* belongs to `ingress`, `device_api` and the console.

mod came_from;
mod forwarded;
mod handshake;
mod layer;
mod limit;
mod places;
mod proxies;
mod tls;

pub(crate) use came_from::{CameFrom, client_address, proven};
pub(crate) use handshake::{Wrapped, shake_hands};
pub(crate) use layer::admit;
pub(crate) use limit::AddressLimits;
pub(crate) use places::Places;
pub use proxies::{ProxyHeaders, TrustedProxies};
pub(crate) use tls::Tls;
pub use tls::{TlsError, TlsFiles};
