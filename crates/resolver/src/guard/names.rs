//! From names to addresses. A seam: tests answer successively different things, production asks the system.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::pin::Pin;

/// The addresses of a name, or why there are none.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<Vec<IpAddr>, UnresolvedName>> + Send + 'a>>;

/// A name without addresses. The text says what the system said.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the name `{name}` does not resolve: {cause}")]
pub struct UnresolvedName {
    /// The name.
    pub name: String,
    /// What the system said.
    pub cause: String,
}

/// Where the addresses of names come from.
pub trait Names: Send + Sync + 'static {
    /// Every address of `name`, asked for anew at each call.
    fn addresses<'a>(&'a self, name: &'a str) -> Answer<'a>;
}

/// The system's resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemNames;

impl Names for SystemNames {
    fn addresses<'a>(&'a self, name: &'a str) -> Answer<'a> {
        Box::pin(async move {
            // Fully qualified: without the last dot the system would try its search list, and `x.example.com` could
            // become `x.example.com.corp.local`.
            let qualified = if name.ends_with('.') { name.to_owned() } else { format!("{name}.") };
            match tokio::net::lookup_host((qualified.as_str(), 0)).await {
                Ok(addresses) => Ok(addresses.map(|address| address.ip()).collect()),
                Err(cause) => Err(UnresolvedName { name: name.to_owned(), cause: cause.to_string() }),
            }
        })
    }
}

/// Whether a name means this machine by definition (RFC 6761, section 6.3) whatever a resolver says.
#[must_use]
pub fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let below = name.len().checked_sub(".localhost".len()).and_then(|start| name.get(start..));
    name.eq_ignore_ascii_case("localhost") || below.is_some_and(|end| end.eq_ignore_ascii_case(".localhost"))
}

/// What `localhost` resolves to, without asking anyone.
pub(super) const LOCALHOST: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

/// Endings of names that belong to local networks: `.local` (RFC 6762) and those that its appendix G found in use, of which
/// ICANN reserves `.internal` (2024) and delegates `.corp`, `.home` and `.mail` to nobody (2018); `.home.arpa` (RFC 8375);
/// what routers and systems came with.
const LOCAL_ENDINGS: &[&str] = &[
    ".local",
    ".internal",
    ".intranet",
    ".private",
    ".corp",
    ".home",
    ".lan",
    ".mail",
    ".home.arpa",
    ".localdomain",
    ".localnet",
    ".intra",
    ".workgroup",
    ".domain",
    ".router",
];

/// Whether a name belongs to a local network, so that a proxy must not be asked for it either: single labels, and endings
/// that the world's DNS does not have.
#[must_use]
pub fn is_local_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    is_localhost(&name) || !name.contains('.') || LOCAL_ENDINGS.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_is_recognised_in_every_spelling() {
        for name in ["localhost", "LOCALHOST", "localhost.", "a.localhost", "a.b.LocalHost."] {
            assert!(is_localhost(name), "{name}");
        }
        for name in ["localhost.example", "notlocalhost", "localhos", "é.example.localhosé", "aéocalhosté"] {
            assert!(!is_localhost(name), "{name}");
        }
    }

    #[test]
    fn names_of_local_networks_are_recognised_by_their_ending() {
        for name in ["router", "router.", "nas.lan", "NAS.Corp.", "a.b.intranet", "x.home", "x.private", "fritz.home.arpa", "x.internal"] {
            assert!(is_local_name(name), "{name}");
        }
        for name in ["shop.example", "lan.example", "corp.example.com", "x.land", "mycorp.com", "home.com"] {
            assert!(!is_local_name(name), "{name}");
        }
    }

    #[tokio::test]
    async fn numbers_need_no_resolver_and_nonsense_has_no_address() {
        assert!(SystemNames.addresses("no-such-name.invalid").await.is_err());
    }
}
