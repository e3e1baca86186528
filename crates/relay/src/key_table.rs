//! API keys by their id, found in a time that says nothing about which ids there are: known or not, every lookup reads one
//! bucket whole, compares without branching, and comes back with a key. For an id that nobody has it is a key that signs
//! nothing, so that whoever asks goes on as for any other.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use protocol::KeyId;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

/// Places of a bucket. With two keys a bucket on average, more than eight in one of a thousand is a matter of a reseeding.
const WIDTH: usize = 8;

/// Values by key id. Never changed: a new one is built when keys change.
#[derive(Debug)]
pub(crate) struct KeyTable<V> {
    /// Seeded at random: nobody outside can aim at a bucket, or make two ids look alike.
    hashing: RandomState,
    buckets: Vec<Bucket>,
    /// The first is what unknown ids get.
    values: Vec<Arc<V>>,
}

/// Fingerprints and, beside each, the place of its value. Free places hold the first value.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    fingerprints: [u64; WIDTH],
    values: [u32; WIDTH],
}

/// What was found under an id.
#[derive(Debug)]
pub(crate) struct Found<V> {
    /// The id's value, or what unknown ids get.
    pub(crate) value: Arc<V>,
    /// Whether there is such an id. To be looked at after the signature, not before.
    pub(crate) is_known: bool,
}

impl<V> KeyTable<V> {
    /// A table of these, and of what unknown ids get.
    pub(crate) fn new(unknown: Arc<V>, known: impl IntoIterator<Item = (KeyId, Arc<V>)>) -> Self {
        let mut values = vec![unknown];
        let mut ids = Vec::new();
        for (id, value) in known {
            ids.push(id);
            values.push(value);
        }
        let mut size = (ids.len() / 2).next_power_of_two();
        loop {
            // Another seed each time; every few, more room.
            for _ in 0..8 {
                let hashing = RandomState::new();
                if let Some(buckets) = fill(&hashing, size, &ids) {
                    return Self { hashing, buckets, values };
                }
            }
            size *= 2;
        }
    }

    /// Looks an id up. Takes as long for one that is unknown.
    pub(crate) fn find(&self, id: &str) -> Found<V> {
        let fingerprint = self.hashing.hash_one(id);
        let bucket = &self.buckets[place(fingerprint, self.buckets.len())];
        let (mut found, mut is_known) = (0_u32, Choice::from(0));
        for (known, value) in bucket.fingerprints.iter().zip(&bucket.values) {
            let same = known.ct_eq(&fingerprint);
            found.conditional_assign(value, same);
            is_known |= same;
        }
        Found { value: Arc::clone(&self.values[found as usize]), is_known: is_known.into() }
    }

    /// Every value, but what unknown ids get.
    pub(crate) fn values(&self) -> &[Arc<V>] {
        &self.values[1..]
    }
}

/// Fills the buckets; `None` when one overflows, or two ids look alike.
fn fill(hashing: &RandomState, size: usize, ids: &[KeyId]) -> Option<Vec<Bucket>> {
    let mut buckets = vec![(Bucket::default(), 0); size];
    for (index, id) in ids.iter().enumerate() {
        let fingerprint = hashing.hash_one(id.as_str());
        let (bucket, used) = &mut buckets[place(fingerprint, size)];
        // Free places have the fingerprint 0.
        if *used == WIDTH || fingerprint == 0 || bucket.fingerprints.contains(&fingerprint) {
            return None;
        }
        bucket.fingerprints[*used] = fingerprint;
        bucket.values[*used] = u32::try_from(index + 1).ok()?;
        *used += 1;
    }
    Some(buckets.into_iter().map(|(bucket, _)| bucket).collect())
}

/// `size` is a power of two.
fn place(fingerprint: u64, size: usize) -> usize {
    (fingerprint >> 32) as usize & (size - 1)
}

#[cfg(test)]
mod tests {
    use protocol::Environment;

    use super::*;

    #[test]
    fn every_key_is_found_and_nothing_else_is() {
        for count in [0, 1, 2, 9, 5_000] {
            let ids: Vec<_> = (0..count).map(|_| KeyId::generate(Environment::Live)).collect();
            let known = ids.iter().enumerate().map(|(index, id)| (id.clone(), Arc::new(Some(index))));
            let table = KeyTable::new(Arc::new(None), known);
            for (index, id) in ids.iter().enumerate() {
                let found = table.find(id.as_str());
                assert_eq!((*found.value, found.is_known), (Some(index), true));
            }
            for _ in 0..1_000 {
                let found = table.find(KeyId::generate(Environment::Live).as_str());
                assert_eq!((*found.value, found.is_known), (None, false));
            }
            assert_eq!(table.values().len(), count);
        }
    }
}
