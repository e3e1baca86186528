//! How many answers that go on may be open at once, of one and in all: a stream of events costs a connection and, now and
//! then, a read; a file that is being written keeps a piece of it in memory for as long as its reader takes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Streams at once, of all: a sixteenth of the connections that there may be.
const MOST_STREAMS: usize = 512;
/// Streams at once of one key or one operator.
const MOST_STREAMS_OF_ONE: u32 = 8;
/// Files at once, of all: each keeps some 2 MiB while its reader does not read.
const MOST_FILES: usize = 32;
/// Files at once of one operator.
const MOST_FILES_OF_ONE: u32 = 4;

/// Who takes a place: a key id, or an operator's id.
pub(crate) type Holder = String;

/// The places that are taken.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    all: Arc<Semaphore>,
    taken: Arc<Mutex<HashMap<Holder, u32>>>,
    most_of_one: u32,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// All are taken.
    All,
    /// Whoever asks has as many as this, and more nobody may have.
    OfOne(u32),
}

/// A place, free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Places,
    holder: Holder,
    _one_of_all: OwnedSemaphorePermit,
}

impl Places {
    fn new(most: usize, most_of_one: u32) -> Self {
        Self { all: Arc::new(Semaphore::new(most)), taken: Arc::default(), most_of_one }
    }

    /// For streams of events.
    pub(crate) fn of_streams() -> Self {
        Self::new(MOST_STREAMS, MOST_STREAMS_OF_ONE)
    }

    /// For files that are written while they are read.
    pub(crate) fn of_files() -> Self {
        Self::new(MOST_FILES, MOST_FILES_OF_ONE)
    }

    /// Takes a place, or says why there is none.
    pub(crate) fn take(&self, holder: Holder) -> Result<Place, Full> {
        let one_of_all = Arc::clone(&self.all).try_acquire_owned().map_err(|_| Full::All)?;
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(holder.clone()).or_default();
        if *count >= self.most_of_one {
            return Err(Full::OfOne(self.most_of_one));
        }
        *count += 1;
        Ok(Place { places: self.clone(), holder, _one_of_all: one_of_all })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.holder) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.holder);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_for_each_and_free_again() {
        let places = Places::of_streams();
        let mut held: Vec<_> = (0..MOST_STREAMS_OF_ONE).map(|_| places.take("a".to_owned()).unwrap()).collect();
        assert!(matches!(places.take("a".to_owned()), Err(Full::OfOne(MOST_STREAMS_OF_ONE))));
        assert!(places.take("b".to_owned()).is_ok());
        held.pop();
        assert!(places.take("a".to_owned()).is_ok());
        drop(held);
        assert!(places.taken.lock().unwrap().is_empty());
    }

    #[test]
    fn places_are_bounded_in_all() {
        let places = Places::of_files();
        let held: Vec<_> = (0..MOST_FILES).map(|number| places.take(format!("key {number}")).unwrap()).collect();
        assert!(matches!(places.take("one more".to_owned()), Err(Full::All)));
        drop(held);
        assert!(places.take("one more".to_owned()).is_ok());
    }
}
