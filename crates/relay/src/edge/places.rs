//! How many connections one address may have open: a relay takes so many in all, and nobody may have all of them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::proxies::TrustedProxies;

/// Connections of one address: an eighth of what there are, and a desktop, a browser or a caller needs a handful.
const MAX_OF_ONE: u32 = 1_024;

/// The open connections, by address.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    open: Arc<Mutex<HashMap<IpAddr, u32>>>,
    trusted: Arc<TrustedProxies>,
}

/// The place of one connection; it is free again when this goes.
#[derive(Debug)]
pub(crate) struct Taken(Option<(Places, IpAddr)>);

impl Places {
    pub(crate) fn new(trusted: TrustedProxies) -> Self {
        Self { open: Arc::default(), trusted: Arc::new(trusted) }
    }

    /// A place for one more connection of this address. `None`: it has as many as it may. Loopback and trusted proxies
    /// speak for others and have no bound of their own.
    pub(crate) fn take(&self, address: IpAddr) -> Option<Taken> {
        let address = address.to_canonical();
        if address.is_loopback() || self.trusted.contains(address) {
            return Some(Taken(None));
        }
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(address).or_default();
        if *count >= MAX_OF_ONE {
            return None;
        }
        *count += 1;
        Some(Taken(Some((self.clone(), address))))
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let Some((places, address)) = self.0.take() else { return };
        let mut open = places.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&address) {
            *count -= 1;
            // What nobody has open is forgotten: there are never more entries than connections.
            if *count == 0 {
                open.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_so_many_places_and_gets_them_back() {
        let places = Places::new(TrustedProxies { networks: vec!["10.0.0.0/8".parse().unwrap()], ..TrustedProxies::default() });
        let one = IpAddr::from([192, 0, 2, 7]);
        let mut taken: Vec<_> = (0..MAX_OF_ONE).map(|_| places.take(one).unwrap()).collect();
        assert!(places.take(one).is_none());
        assert!(places.take(IpAddr::from([192, 0, 2, 8])).is_some(), "others are not concerned");
        taken.pop();
        taken.push(places.take(one).unwrap());
        assert!(places.take(one).is_none());
        drop(taken);
        assert!(places.open.lock().unwrap().is_empty());
        for spokesman in [IpAddr::from([127, 0, 0, 1]), IpAddr::from([10, 0, 0, 1])] {
            let many: Vec<_> = (0..2 * MAX_OF_ONE).map(|_| places.take(spokesman).unwrap()).collect();
            assert_eq!(many.len(), 2_048);
        }
    }
}
