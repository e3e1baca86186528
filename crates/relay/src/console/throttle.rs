//! How often one may try to sign in: from one network, for one operator from one network, and for one operator from
//! wherever. A stranger who tries from one network refuses nobody elsewhere, and one who tries from everywhere does not
//! refuse a browser in which the operator has signed in before: that one has tries of its own. In memory: a restart
//! forgives, and nothing that anybody may send causes a write. An operator who does not exist is counted like one who does.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use domain::EmailAddress;
use governor::clock::{Clock as _, QuantaClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use protocol::OperatorId;

use super::fault::Fault;
use super::known_browser::KnownBrowser;

/// Tries from one address at once, and the pause after which it gets another: a household that mistypes, no list of words.
const PER_ADDRESS: (u32, Duration) = (20, Duration::from_secs(5));
/// Tries for one operator from one network at once, and the pause after which there is another: 4,300 guesses a day.
const PER_OPERATOR_AND_NETWORK: (u32, Duration) = (10, Duration::from_secs(20));
/// Tries for one operator at once, and the pause after which there is another: at most 17,300 guesses a day over all the
/// world, of passphrases that have twelve characters at least. One network, or three, never use it up.
const PER_OPERATOR: (u32, Duration) = (100, Duration::from_secs(5));
/// Tries of a browser in which the operator has signed in, at once, and the pause after which there is another.
const PER_KNOWN_BROWSER: (u32, Duration) = (10, Duration::from_secs(20));
/// Linking codes that one operator may look up at once, and the pause after which there is another: desktops by the dozen, and
/// 10,000 guesses a day of 25 thousand million.
const PER_LOOKER: (u32, Duration) = (30, Duration::from_secs(8));
/// Addresses and operators that are remembered before those are forgotten that are as good as new.
const REMEMBERED: usize = 50_000;

/// Counts tries.
#[derive(Debug)]
pub(crate) struct SignInThrottle {
    addresses: DefaultKeyedRateLimiter<IpAddr>,
    operators_and_networks: DefaultKeyedRateLimiter<(String, IpAddr)>,
    operators: DefaultKeyedRateLimiter<String>,
    known_browsers: DefaultKeyedRateLimiter<KnownBrowser>,
    lookers: DefaultKeyedRateLimiter<OperatorId>,
}

impl Default for SignInThrottle {
    fn default() -> Self {
        Self {
            addresses: RateLimiter::keyed(quota(PER_ADDRESS)),
            operators_and_networks: RateLimiter::keyed(quota(PER_OPERATOR_AND_NETWORK)),
            operators: RateLimiter::keyed(quota(PER_OPERATOR)),
            known_browsers: RateLimiter::keyed(quota(PER_KNOWN_BROWSER)),
            lookers: RateLimiter::keyed(quota(PER_LOOKER)),
        }
    }
}

fn quota((at_once, pause): (u32, Duration)) -> Quota {
    let quota = Quota::with_period(pause).unwrap_or(Quota::per_minute(NonZeroU32::MIN));
    quota.allow_burst(NonZeroU32::new(at_once).unwrap_or(NonZeroU32::MIN))
}

impl SignInThrottle {
    /// Counts a try from an address.
    pub(super) fn try_from_address(&self, address: IpAddr) -> Result<(), Fault> {
        counted(&self.addresses, &network_of(address))
    }

    /// Counts a try to sign in as the operator with this email address.
    pub(super) fn try_for_operator(&self, email: &EmailAddress, address: IpAddr) -> Result<(), Fault> {
        let email = email.to_string();
        // What is refused here uses up nothing of what others may elsewhere.
        counted(&self.operators_and_networks, &(email.clone(), network_of(address)))?;
        counted(&self.operators, &email)
    }

    /// Counts a try of a browser in which the operator has signed in before.
    pub(super) fn try_of_known(&self, browser: &KnownBrowser) -> Result<(), Fault> {
        counted(&self.known_browsers, browser)
    }

    /// Counts a linking code that an operator looks up.
    pub(super) fn try_code(&self, operator: OperatorId) -> Result<(), Fault> {
        counted(&self.lookers, &operator)
    }
}

fn counted<K: Clone + Eq + Hash>(limiter: &DefaultKeyedRateLimiter<K>, key: &K) -> Result<(), Fault> {
    if limiter.len() > REMEMBERED {
        limiter.retain_recent();
    }
    let now = QuantaClock::default().now();
    limiter.check_key(key).map_err(|not_until| too_many(not_until.wait_time_from(now)))
}

fn too_many(wait: Duration) -> Fault {
    Fault::TooMany { retry_after: wait.as_secs() + 1 }
}

/// Whoever has one IPv6 address has 2^64 of them.
pub(crate) fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_run_out_for_an_address() {
        let throttle = SignInThrottle::default();
        let address = |last: u8| IpAddr::from([192, 0, 2, last]);
        for _ in 0..PER_ADDRESS.0 {
            throttle.try_from_address(address(1)).unwrap();
        }
        assert!(matches!(throttle.try_from_address(address(1)), Err(Fault::TooMany { retry_after: 1..=6 })));
        throttle.try_from_address(address(2)).unwrap();
    }

    fn operators() -> [EmailAddress; 2] {
        ["ada@company.example", "bea@company.example"].map(|text| text.parse().unwrap())
    }

    #[test]
    fn tries_from_one_network_refuse_nobody_elsewhere() {
        let (throttle, [ada, bea]) = (SignInThrottle::default(), operators());
        let address = |last: u8| IpAddr::from([192, 0, 2, last]);
        for _ in 0..PER_OPERATOR_AND_NETWORK.0 {
            throttle.try_for_operator(&ada, address(1)).unwrap();
        }
        for _ in 0..1_000 {
            assert!(throttle.try_for_operator(&ada, address(1)).is_err());
        }
        throttle.try_for_operator(&bea, address(1)).unwrap();
        throttle.try_for_operator(&ada, address(2)).unwrap();
    }

    #[test]
    fn tries_from_everywhere_are_bounded() {
        let (throttle, [ada, bea]) = (SignInThrottle::default(), operators());
        let address = |number: u16| IpAddr::from([198, 18, number.to_be_bytes()[0], number.to_be_bytes()[1]]);
        let let_through = (0..1_000).filter(|number| throttle.try_for_operator(&ada, address(*number)).is_ok()).count();
        assert!((100..=101).contains(&let_through), "{let_through}");
        throttle.try_for_operator(&bea, address(0)).unwrap();
    }

    #[test]
    fn neighbours_in_an_ipv6_network_count_as_one() {
        let of = |text: &str| network_of(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.7"), of("192.0.2.7"));
    }
}
