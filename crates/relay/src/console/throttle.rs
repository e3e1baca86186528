//! How often one may try to sign in: from one address, and for one operator from wherever. In memory: a restart forgives,
//! and nothing that anybody may send causes a write. An operator who does not exist is counted like one who does.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use domain::EmailAddress;
use governor::clock::{Clock as _, QuantaClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use protocol::OperatorId;

use super::fault::Fault;

/// Tries from one address at once, and the pause after which it gets another: a household that mistypes, no list of words.
const PER_ADDRESS: (u32, Duration) = (20, Duration::from_secs(5));
/// Tries for one operator at once, and the pause after which there is another: at most 4,300 guesses a day over all the world.
const PER_OPERATOR: (u32, Duration) = (10, Duration::from_secs(20));
/// Linking codes that one operator may look up at once, and the pause after which there is another: desktops by the dozen, and
/// 10,000 guesses a day of 25 thousand million.
const PER_LOOKER: (u32, Duration) = (30, Duration::from_secs(8));
/// Addresses and operators that are remembered before those are forgotten that are as good as new.
const REMEMBERED: usize = 50_000;

/// Counts tries.
#[derive(Debug)]
pub(crate) struct SignInThrottle {
    addresses: DefaultKeyedRateLimiter<IpAddr>,
    operators: DefaultKeyedRateLimiter<String>,
    lookers: DefaultKeyedRateLimiter<OperatorId>,
}

impl Default for SignInThrottle {
    fn default() -> Self {
        Self {
            addresses: RateLimiter::keyed(quota(PER_ADDRESS)),
            operators: RateLimiter::keyed(quota(PER_OPERATOR)),
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
        if self.addresses.len() > REMEMBERED {
            self.addresses.retain_recent();
        }
        let now = QuantaClock::default().now();
        self.addresses.check_key(&network_of(address)).map_err(|not_until| too_many(not_until.wait_time_from(now)))
    }

    /// Counts a try to sign in as the operator with this address, from wherever.
    pub(super) fn try_for_operator(&self, email: &EmailAddress) -> Result<(), Fault> {
        if self.operators.len() > REMEMBERED {
            self.operators.retain_recent();
        }
        let now = QuantaClock::default().now();
        self.operators.check_key(&email.to_string()).map_err(|not_until| too_many(not_until.wait_time_from(now)))
    }
}

impl SignInThrottle {
    /// Counts a linking code that an operator looks up.
    pub(super) fn try_code(&self, operator: OperatorId) -> Result<(), Fault> {
        if self.lookers.len() > REMEMBERED {
            self.lookers.retain_recent();
        }
        let now = QuantaClock::default().now();
        self.lookers.check_key(&operator).map_err(|not_until| too_many(not_until.wait_time_from(now)))
    }
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
    fn tries_run_out_for_an_address_and_for_an_operator_apart() {
        let throttle = SignInThrottle::default();
        let address = |last: u8| IpAddr::from([192, 0, 2, last]);
        for _ in 0..PER_ADDRESS.0 {
            throttle.try_from_address(address(1)).unwrap();
        }
        assert!(matches!(throttle.try_from_address(address(1)), Err(Fault::TooMany { retry_after: 1..=6 })));
        throttle.try_from_address(address(2)).unwrap();
        let [ada, bea]: [EmailAddress; 2] = ["ada@company.example", "bea@company.example"].map(|text| text.parse().unwrap());
        for _ in 0..PER_OPERATOR.0 {
            throttle.try_for_operator(&ada).unwrap();
        }
        assert!(throttle.try_for_operator(&ada).is_err());
        throttle.try_for_operator(&bea).unwrap();
    }

    #[test]
    fn neighbours_in_an_ipv6_network_count_as_one() {
        let of = |text: &str| network_of(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.7"), of("192.0.2.7"));
    }
}
