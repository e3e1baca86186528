//! How many requests an address may send that nobody has proven to be theirs: against floods and guessing, before a
//! body is read or a key looked up. Every request takes one from its address; whoever then proves who they are (by an API
//! key, a device's key, a session) gets it back. So an agency of a hundred callers behind one address is never limited
//! here, and what each of them may send is their plan's business.
//!
//! The table has one size for ever. It is an array of small groups; an address belongs to one group by a hash whose key
//! is random for each process, and when a group is full, whoever owes least makes room: an address that sends much cannot
//! be pushed out by many that send little.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::rate::Rate;

/// Groups of the table, and addresses of each: 131,072 addresses that owe something at the same time, in 2.5 MiB.
const GROUPS: usize = 16_384;
const WAYS: usize = 8;
/// Bits of an IPv6 address that count: a /64 is what one customer gets, and holds more addresses than anybody can count.
const IPV6_PREFIX_BITS: u32 = 64;

/// What addresses owe. Each owes time (the generic cell rate algorithm): a request costs a share of a second, time pays
/// it off, and who would owe more than the burst is refused.
pub(crate) struct AddressLimits {
    groups: Box<[Mutex<[Debt; WAYS]>]>,
    hasher: RandomState,
    began: Instant,
    cost: Duration,
    most: Duration,
}

/// Whose it is and when it will be paid off. One that is paid off is as good as none: its place is free.
#[derive(Clone, Copy, Default)]
struct Debt {
    /// The address's hash beyond the bits that chose the group.
    whose: u64,
    /// Since the table began.
    paid_off: Duration,
}

impl AddressLimits {
    pub(crate) fn new(limit: Rate) -> Self {
        let cost = Duration::from_secs(1) / limit.per_second.get();
        Self {
            groups: (0..GROUPS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            began: Instant::now(),
            cost,
            most: cost * limit.burst.get(),
        }
    }

    /// Takes one request from an address.
    ///
    /// # Errors
    /// When it has none left: how long until it has.
    pub(crate) fn take(&self, address: IpAddr) -> Result<(), Duration> {
        self.take_at(address, self.began.elapsed())
    }

    /// Gives an address back what a request took that has been proven to be somebody's.
    pub(crate) fn give_back(&self, address: IpAddr) {
        let (group, whose) = self.place(address);
        let mut debts = self.groups[group].lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(debt) = debts.iter_mut().find(|debt| debt.whose == whose) {
            debt.paid_off = debt.paid_off.saturating_sub(self.cost);
        }
    }

    fn take_at(&self, address: IpAddr, now: Duration) -> Result<(), Duration> {
        let (group, whose) = self.place(address);
        let mut debts = self.groups[group].lock().unwrap_or_else(PoisonError::into_inner);
        let own = debts.iter().position(|debt| debt.whose == whose);
        let debt = match own {
            Some(index) => &mut debts[index],
            // Whoever owes least goes; mostly they owe nothing any more.
            None => debts.iter_mut().min_by_key(|debt| debt.paid_off).ok_or(self.cost)?,
        };
        if own.is_none() {
            *debt = Debt { whose, paid_off: now };
        }
        let paid_off = debt.paid_off.max(now) + self.cost;
        match paid_off.saturating_sub(now).checked_sub(self.most) {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => {
                debt.paid_off = paid_off;
                Ok(())
            }
        }
    }

    fn place(&self, address: IpAddr) -> (usize, u64) {
        let counted = match address.to_canonical() {
            IpAddr::V4(address) => u128::from(address.to_bits()),
            IpAddr::V6(address) => address.to_bits() >> (128 - IPV6_PREFIX_BITS) << 32 | 1 << 127,
        };
        let hash = self.hasher.hash_one(counted);
        // Never 0, which no address has: an empty place is nobody's.
        ((hash % GROUPS as u64) as usize, hash | 1 << 63)
    }
}

impl std::fmt::Debug for AddressLimits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AddressLimits").field("cost", &self.cost).field("most", &self.most).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn limits(text: &str) -> AddressLimits {
        AddressLimits::new(text.parse().unwrap())
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_burst_is_taken_at_once_and_comes_back_with_time() {
        let limits = limits("10:5");
        let one = address("192.0.2.7");
        for _ in 0..5 {
            assert_eq!(limits.take_at(one, SECOND), Ok(()));
        }
        assert_eq!(limits.take_at(one, SECOND), Err(SECOND / 10));
        assert_eq!(limits.take_at(address("192.0.2.8"), SECOND), Ok(()), "others are not concerned");
        assert_eq!(limits.take_at(one, SECOND + SECOND / 10), Ok(()));
        assert!(limits.take_at(one, SECOND + SECOND / 10).is_err());
        for _ in 0..5 {
            assert_eq!(limits.take_at(one, 3 * SECOND), Ok(()));
        }
        assert!(limits.take_at(one, 3 * SECOND).is_err(), "a pause saves up no more than a burst");
    }

    #[test]
    fn what_is_proven_costs_nothing() {
        let limits = limits("1:2");
        for _ in 0..1_000 {
            assert_eq!(limits.take_at(address("192.0.2.7"), SECOND), Ok(()));
            limits.give_back(address("192.0.2.7"));
        }
        limits.give_back(address("192.0.2.7"));
        assert_eq!(limits.take_at(address("192.0.2.7"), SECOND), Ok(()));
        assert_eq!(limits.take_at(address("192.0.2.7"), SECOND), Ok(()));
    }

    #[test]
    fn an_ipv6_network_of_64_bits_is_one_address() {
        let limits = limits("1:1");
        assert_eq!(limits.take_at(address("2001:db8::1"), SECOND), Ok(()));
        assert!(limits.take_at(address("2001:db8::ffff:1"), SECOND).is_err());
        assert_eq!(limits.take_at(address("2001:db8:0:1::1"), SECOND), Ok(()));
        assert_eq!(limits.take_at(address("::ffff:192.0.2.7"), SECOND), Ok(()));
        assert!(limits.take_at(address("192.0.2.7"), SECOND).is_err(), "the same address by another name");
    }

    #[test]
    fn millions_of_addresses_neither_grow_the_table_nor_push_out_whoever_sends_much() {
        let limits = limits("1:100");
        let heavy = address("203.0.113.1");
        while limits.take_at(heavy, SECOND).is_ok() {}
        for number in 0..2_000_000_u32 {
            let _ = limits.take_at(IpAddr::from(number.to_be_bytes()), SECOND);
        }
        assert!(limits.take_at(heavy, SECOND).is_err());
        assert_eq!(limits.groups.len() * WAYS, 131_072);
        assert!(size_of::<Mutex<[Debt; WAYS]>>() * GROUPS <= 4 << 20);
    }
}
