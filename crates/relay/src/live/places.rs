//! How many may listen at once: each costs a connection and, now and then, a read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::Refusal;

/// Streams at once, of all: a sixteenth of the connections that there may be.
const MOST: usize = 512;
/// Streams at once of one key or one operator.
const MOST_OF_ONE: u32 = 8;

/// Who listens: a key id, or an operator's id.
pub(crate) type Listener = String;

/// The places that are taken.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    all: Arc<Semaphore>,
    taken: Arc<Mutex<HashMap<Listener, u32>>>,
}

impl Default for Places {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(MOST)), taken: Arc::default() }
    }
}

/// A place, free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Places,
    listener: Listener,
    _one_of_all: OwnedSemaphorePermit,
}

impl Places {
    /// Takes a place, or says why there is none.
    pub(crate) fn take(&self, listener: Listener) -> Result<Place, Refusal> {
        let one_of_all = Arc::clone(&self.all).try_acquire_owned().map_err(|_| Refusal::Overloaded)?;
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(listener.clone()).or_default();
        if *count >= MOST_OF_ONE {
            return Err(Refusal::TooManyStreams { limit: MOST_OF_ONE });
        }
        *count += 1;
        Ok(Place { places: self.clone(), listener, _one_of_all: one_of_all })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.listener) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.listener);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_for_each_and_free_again() {
        let places = Places::default();
        let mut held: Vec<_> = (0..MOST_OF_ONE).map(|_| places.take("a".to_owned()).unwrap()).collect();
        assert!(matches!(places.take("a".to_owned()), Err(Refusal::TooManyStreams { limit: MOST_OF_ONE })));
        assert!(places.take("b".to_owned()).is_ok());
        held.pop();
        assert!(places.take("a".to_owned()).is_ok());
        drop(held);
        assert!(places.taken.lock().unwrap().is_empty());
    }

    #[test]
    fn places_are_bounded_in_all() {
        let places = Places::default();
        let held: Vec<_> = (0..MOST).map(|number| places.take(format!("key {number}")).unwrap()).collect();
        assert!(matches!(places.take("one more".to_owned()), Err(Refusal::Overloaded)));
        drop(held);
        assert!(places.take("one more".to_owned()).is_ok());
    }
}
