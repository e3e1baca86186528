//! Where a request to the console has arrived: under which name of the relay, securely or not, from which address. A name
//! that is not the relay's is nobody's: a stranger's page whose name was pointed at this machine must not read ours (DNS
//! rebinding).

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{Extensions, HeaderMap, Uri};

use crate::connection::Ends;
use crate::device_api::target;
use crate::edge::CameFrom;
use crate::state::RelayState;

/// Where a request has arrived. Made by [`super::defence`] alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Here {
    /// Scheme, host and port, as browsers write an origin.
    pub(crate) origin: String,
    /// Whether nobody on the way could read it.
    pub(crate) is_secure: bool,
    /// The port of the relay that was dialled.
    pub(super) port: u16,
    /// Where the browser is.
    pub(crate) address: IpAddr,
}

impl Here {
    /// `None`: the request was sent to a name that is not this relay's.
    pub(super) fn find(state: &RelayState, uri: &Uri, headers: &HeaderMap, extensions: &Extensions) -> Option<Self> {
        let (ends, came_from) = (extensions.get::<Ends>()?, extensions.get::<CameFrom>()?);
        // What a trusted proxy was asked for, or we.
        let forwarded = came_from.forwarded_host().map(|host| host.parse::<Authority>().ok());
        let host = forwarded.unwrap_or_else(|| target::host(headers, uri.authority()))?;
        let public: Uri = state.public_url.parse().ok()?;
        let (scheme, is_secure) = match public.authority() {
            Some(authority) if state.public_url_is_given && is_same(authority, &host) => {
                (public.scheme_str().unwrap_or("http"), public.scheme_str() == Some("https"))
            }
            _ if target::names(&host, ends, &state.host_names) && came_from.is_secure() => ("https", true),
            _ if target::names(&host, ends, &state.host_names) => ("http", false),
            _ => return None,
        };
        let origin = format!("{scheme}://{}", host.as_str().to_ascii_lowercase());
        Some(Self { origin, is_secure, port: ends.local.port(), address: came_from.address() })
    }
}

/// Whether two hosts are one, whatever the case; a port counts as it is written.
fn is_same(one: &Authority, other: &Authority) -> bool {
    one.as_str().eq_ignore_ascii_case(other.as_str())
}

impl<S: Sync> FromRequestParts<S> for Here {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        // Every page stands behind the defence, which has put it there; without it, nothing could be trusted.
        let nowhere = || Self { origin: String::new(), is_secure: true, port: 0, address: IpAddr::V4(Ipv4Addr::UNSPECIFIED) };
        Ok(parts.extensions.get().cloned().unwrap_or_else(nowhere))
    }
}
