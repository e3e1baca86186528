//! The prefixes by which a network without IPv4 reaches IPv4 (NAT64), where it has its own: an address under one of them
//! leads to the IPv4 address within, which may be the owner's. They are asked for as RFC 7050 has it, by the name
//! `ipv4only.arpa`, whose only addresses are two known ones of IPv4. What is found refuses more and lets nothing pass:
//! the answer proves nothing about who gave it. The well-known prefixes need no question ([`super::class`]).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::names::Names;
use super::networks::OwnNetworks;

/// The name (RFC 7050, section 2.2).
const NAME: &str = "ipv4only.arpa";
/// Its addresses (RFC 7050, section 8.2).
const KNOWN: [Ipv4Addr; 2] = [Ipv4Addr::new(192, 0, 0, 170), Ipv4Addr::new(192, 0, 0, 171)];
/// The lengths that a prefix may have (RFC 6052, section 2.2).
const LENGTHS: [u8; 6] = [32, 40, 48, 56, 64, 96];
/// Prefixes that are kept; networks have one, two while they change it.
const MAX_PREFIXES: usize = 16;
/// How long the first IPv6 address of a network waits for the answer. A resolver that makes such addresses answers this
/// name by itself, within milliseconds; whoever takes longer is asked again beside.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// How long a question may take that nobody waits for.
const BESIDE: Duration = Duration::from_secs(10);
/// How long an answer is believed within one network.
const FRESH_FOR: Duration = Duration::from_secs(5 * 60);
/// How long no answer is left at that.
const RETRY_AFTER: Duration = Duration::from_secs(30);

/// A prefix of NAT64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Prefix64 {
    bits: u128,
    length: u8,
}

impl Prefix64 {
    fn of(address: Ipv6Addr, length: u8) -> Self {
        Self { bits: address.to_bits() & mask(length), length }
    }

    /// The IPv4 address that an address under this prefix leads to.
    pub(super) fn embedded(self, address: Ipv6Addr) -> Option<Ipv4Addr> {
        (address.to_bits() & mask(self.length) == self.bits).then(|| embedded(address, self.length))
    }

    /// The prefixes that an address of [`NAME`] shows: a known address stands where the length puts it. More than one
    /// length may fit, and each is believed.
    fn shown_by(address: Ipv6Addr) -> impl Iterator<Item = Self> {
        LENGTHS.into_iter().filter(move |length| KNOWN.contains(&embedded(address, *length))).map(move |length| Self::of(address, length))
    }
}

const fn mask(length: u8) -> u128 {
    u128::MAX << (128 - length as u32)
}

/// The four bytes behind the prefix, past byte 8, which is kept at zero (RFC 6052, section 2.2).
fn embedded(address: Ipv6Addr, length: u8) -> Ipv4Addr {
    let octets = address.octets();
    let mut bytes = octets.into_iter().enumerate().skip(usize::from(length / 8)).filter(|(at, _)| *at != 8 || length == 96);
    let mut next = || bytes.next().map_or(0, |(_, byte)| byte);
    Ipv4Addr::new(next(), next(), next(), next())
}

/// What is known of the prefixes.
pub(super) struct Nat64 {
    names: Arc<dyn Names>,
    round: Mutex<Option<Arc<Round>>>,
}

/// One question, asked in these networks.
struct Round {
    networks: Arc<OwnNetworks>,
    /// What is believed until there is an answer; `is_first` where that says nothing of these networks.
    before: Arc<[Prefix64]>,
    is_first: bool,
    found: OnceCell<Found>,
}

struct Found {
    prefixes: Arc<[Prefix64]>,
    ask_again_at: Instant,
}

impl Round {
    async fn ask(&self, names: &dyn Names, limit: Duration) -> &Found {
        self.found
            .get_or_init(|| async {
                let answer = tokio::time::timeout(limit, names.addresses(NAME)).await;
                let (prefixes, fresh_for) = match answer {
                    Ok(Ok(addresses)) => (prefixes(&addresses), FRESH_FOR),
                    // Without this name, or without an answer: nothing new is known.
                    Ok(Err(_)) | Err(_) => (Arc::clone(&self.before), RETRY_AFTER),
                };
                Found { prefixes, ask_again_at: Instant::now() + fresh_for }
            })
            .await
    }
}

fn prefixes(addresses: &[IpAddr]) -> Arc<[Prefix64]> {
    let v6 = addresses.iter().filter_map(|address| match address {
        IpAddr::V6(v6) => Some(*v6),
        IpAddr::V4(_) => None,
    });
    let mut found = Vec::new();
    for prefix in v6.flat_map(Prefix64::shown_by) {
        if found.len() < MAX_PREFIXES && !found.contains(&prefix) {
            found.push(prefix);
        }
    }
    found.into()
}

impl Nat64 {
    pub(super) fn new(names: Arc<dyn Names>) -> Self {
        Self { names, round: Mutex::default() }
    }

    /// The prefixes of these networks. Waits for the answer to the first question in them, [`FIRST_WAIT`] at most; later
    /// ones are asked beside, and what was known is believed meanwhile.
    pub(super) async fn prefixes(&self, networks: &Arc<OwnNetworks>) -> Arc<[Prefix64]> {
        let round = self.round(networks);
        match round.found.get() {
            Some(found) => Arc::clone(&found.prefixes),
            None if round.is_first => Arc::clone(&round.ask(&*self.names, FIRST_WAIT).await.prefixes),
            None => Arc::clone(&round.before),
        }
    }

    /// The round under way, or the next one where it is time for it.
    fn round(&self, networks: &Arc<OwnNetworks>) -> Arc<Round> {
        let mut current = self.round.lock().unwrap_or_else(PoisonError::into_inner);
        let before = current.as_ref().map(|round| round.found.get().map_or(&round.before, |found| &found.prefixes));
        let before = before.map(Arc::clone).unwrap_or_default();
        let next = |is_first| Arc::new(Round { networks: Arc::clone(networks), before, is_first, found: OnceCell::new() });
        match &*current {
            Some(round) if round.networks.are_those_of(networks) => {
                if round.found.get().is_none_or(|found| Instant::now() < found.ask_again_at) {
                    return Arc::clone(round);
                }
                let round = next(false);
                let (asked, names) = (Arc::clone(&round), Arc::clone(&self.names));
                tokio::spawn(async move {
                    asked.ask(&*names, BESIDE).await;
                });
                *current = Some(Arc::clone(&round));
                round
            }
            Some(_) | None => {
                let round = next(true);
                *current = Some(Arc::clone(&round));
                round
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::super::interfaces::Interfaces;
    use super::super::names::{Answer, UnresolvedName};
    use super::super::networks::Networks;
    use super::super::networks::tests::SetInterfaces;
    use super::*;

    /// The examples of RFC 6052, section 2.4, whose IPv4 address is 192.0.2.33.
    #[test]
    fn an_embedded_address_is_read_at_every_length() {
        let expected = Ipv4Addr::new(192, 0, 2, 33);
        for (prefix, length, address) in [
            ("2001:db8::", 32, "2001:db8:c000:221::"),
            ("2001:db8:100::", 40, "2001:db8:1c0:2:21::"),
            ("2001:db8:122::", 48, "2001:db8:122:c000:2:2100::"),
            ("2001:db8:122:300::", 56, "2001:db8:122:3c0:0:221::"),
            ("2001:db8:122:344::", 64, "2001:db8:122:344:c0:2:2100::"),
            ("2001:db8:122:344::", 96, "2001:db8:122:344::192.0.2.33"),
        ] {
            let prefix = Prefix64::of(prefix.parse().unwrap(), length);
            assert_eq!(prefix.embedded(address.parse().unwrap()), Some(expected), "{address}");
            assert_eq!(prefix.embedded("2001:db9::1".parse().unwrap()), None, "another network");
        }
    }

    #[test]
    fn a_prefix_is_found_at_every_length() {
        for (shown, length) in [
            ("2a00:db:c000:aa::", 32),
            ("2a00:db:1c0:0:aa::", 40),
            ("2a00:db:1:c000:0:aa00::", 48),
            ("2a00:db:1:2c0:0:aa::", 56),
            ("2a00:db:1:2:c0:0:aa00:0", 64),
            ("2a00:db:1:2::192.0.0.170", 96),
            ("2a00:db:1:2::192.0.0.171", 96),
        ] {
            let address = shown.parse().unwrap();
            let found = prefixes(&[IpAddr::V6(address), IpAddr::V4(KNOWN[0])]);
            assert_eq!(&*found, &[Prefix64::of(address, length)], "{shown}");
        }
        assert!(prefixes(&["2a00:db::1".parse().unwrap(), IpAddr::V4(KNOWN[1])]).is_empty(), "a network without NAT64");
    }

    /// Announces what it is told to, or never answers.
    #[derive(Default)]
    struct Announcing {
        shown: Mutex<Option<IpAddr>>,
        asked: AtomicUsize,
    }

    impl Names for Announcing {
        fn addresses<'a>(&'a self, name: &'a str) -> Answer<'a> {
            assert_eq!(name, NAME);
            self.asked.fetch_add(1, Ordering::SeqCst);
            match *self.shown.lock().unwrap() {
                Some(IpAddr::V4(_)) => Box::pin(std::future::ready(Err(UnresolvedName { name: NAME.to_owned(), cause: "no".to_owned() }))),
                Some(address) => Box::pin(std::future::ready(Ok(vec![address]))),
                None => Box::pin(std::future::pending()),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_waited_for_once_and_asked_again_beside() {
        let names = Arc::new(Announcing::default());
        let nat64 = Nat64::new(Arc::clone(&names) as Arc<dyn Names>);
        let own = Networks::new(SetInterfaces::of(&["2a02:db::10/64"])).now().unwrap();
        let began = Instant::now();
        assert!(nat64.prefixes(&own).await.is_empty());
        assert_eq!(began.elapsed(), FIRST_WAIT);
        tokio::time::advance(RETRY_AFTER).await;
        *names.shown.lock().unwrap() = Some("2a00:db:1:2::192.0.0.170".parse().unwrap());
        let again = Instant::now();
        assert!(nat64.prefixes(&own).await.is_empty(), "nobody waits any more");
        assert_eq!(again.elapsed(), Duration::ZERO);
        while nat64.prefixes(&own).await.is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(again.elapsed(), Duration::ZERO);
        // What has been found stays through a failure.
        *names.shown.lock().unwrap() = Some(IpAddr::V4(KNOWN[0]));
        tokio::time::advance(FRESH_FOR).await;
        let asked = names.asked.load(Ordering::SeqCst);
        while names.asked.load(Ordering::SeqCst) == asked {
            assert_eq!(nat64.prefixes(&own).await.len(), 1);
            tokio::task::yield_now().await;
        }
        assert_eq!(nat64.prefixes(&own).await.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn another_network_is_asked_at_once() {
        let names = Arc::new(Announcing::default());
        let nat64 = Nat64::new(Arc::clone(&names) as Arc<dyn Names>);
        let interfaces = SetInterfaces::of(&["2a02:db::10/64"]);
        let at = |interfaces: &Arc<SetInterfaces>| Networks::new(Arc::clone(interfaces) as Arc<dyn Interfaces>).now().unwrap();
        for (own, shown, length) in [("2a02:db::10/64", "2a00:db:1:2::192.0.0.170", 96), ("2a02:abc::10/64", "2a00:db:c000:aa::", 32)] {
            interfaces.set(&[own]);
            *names.shown.lock().unwrap() = Some(shown.parse().unwrap());
            assert_eq!(&*nat64.prefixes(&at(&interfaces)).await, &[Prefix64::of(shown.parse().unwrap(), length)]);
        }
        assert_eq!(names.asked.load(Ordering::SeqCst), 2);
    }
}
