//! How much one desktop may ask for, in memory. A desktop is a stranger that is linked: what it does beyond this is refused
//! before anybody verifies, reads or stores anything of it, so that one gone wild slows nobody. Its account's work has
//! limits of its own (the plan); turns between accounts are the writer's.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use protocol::DeviceId;

use crate::problem::Refusal;
use crate::rate::{Burst, Rate};

/// Pulls of one desktop that may wait at once. It has one open; those of a network that went away are noticed when their
/// time is over, 50 s later, and meanwhile it comes back a dozen times.
const MAX_PULLS: u32 = 16;
/// Bytes of a message that cost as much as a request: what comes with it is parsed, checked and stored.
const BYTES_OF_ONE: usize = 32 * 1_024;

/// How each desktop stands. Only those that have proven themselves and are still linked are here, so their number bounds it.
#[derive(Debug)]
pub(crate) struct Paces {
    /// None: each as much as it likes.
    limit: Option<Rate>,
    known: Mutex<HashMap<DeviceId, Arc<Pace>>>,
}

/// How one desktop stands.
#[derive(Debug)]
pub(crate) struct Pace {
    burst: Option<Burst>,
    pulls: AtomicU32,
}

/// The place of a pull that waits; free again when this goes.
#[derive(Debug)]
pub(crate) struct Waiting(Arc<Pace>);

impl Paces {
    pub(crate) fn new(limit: Option<Rate>) -> Self {
        Self { limit, known: Mutex::default() }
    }

    /// Looks whether a desktop has used up what it may send, before its signature is verified: what a flood costs is then
    /// little more than its bytes. Nobody but the desktop itself can have used it up, so this is asked of whoever says to
    /// be it.
    ///
    /// # Errors
    /// When it has.
    pub(crate) fn look(&self, claimed: DeviceId) -> Result<(), Refusal> {
        let known = self.lock().get(&claimed).cloned();
        known.map_or(Ok(()), |pace| pace.asks(Burst::has_room))
    }

    /// How a desktop stands that has proven itself.
    pub(crate) fn of(&self, device: DeviceId) -> Arc<Pace> {
        let new = || Pace { burst: self.limit.map(Burst::new), pulls: AtomicU32::new(0) };
        Arc::clone(self.lock().entry(device).or_insert_with(|| Arc::new(new())))
    }

    /// Forgets all but these.
    pub(crate) fn keep(&self, is_linked: impl Fn(DeviceId) -> bool) {
        self.lock().retain(|device, _| is_linked(*device));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<DeviceId, Arc<Pace>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pace {
    /// Takes one request.
    ///
    /// # Errors
    /// When there is none left.
    pub(crate) fn take(&self) -> Result<(), Refusal> {
        self.asks(|burst| burst.take().map(|_| ()))
    }

    /// Pays for a message of so many bytes, beyond the request that brought it.
    pub(crate) fn charge(&self, bytes: usize) {
        let requests = u32::try_from(bytes / BYTES_OF_ONE).unwrap_or(u32::MAX);
        if let Some(burst) = self.burst.as_ref().filter(|_| requests > 0) {
            burst.charge(requests);
        }
    }

    /// A place for one more pull.
    ///
    /// # Errors
    /// When it has as many open as it may.
    pub(crate) fn pull(self: &Arc<Self>) -> Result<Waiting, Refusal> {
        let more = |open: u32| (open < MAX_PULLS).then_some(open + 1);
        match self.pulls.try_update(Ordering::Relaxed, Ordering::Relaxed, more) {
            Ok(_) => Ok(Waiting(Arc::clone(self))),
            Err(_) => Err(Refusal::TooManyPulls { limit: MAX_PULLS }),
        }
    }

    fn asks(&self, of: impl FnOnce(&Burst) -> Result<(), u64>) -> Result<(), Refusal> {
        self.burst.as_ref().map_or(Ok(()), of).map_err(|retry_after| Refusal::DeviceLimited { retry_after })
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.pulls.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEVICE: DeviceId = DeviceId::from_bytes([1; 16]);

    #[test]
    fn a_desktop_that_has_used_up_its_burst_is_refused_before_it_proves_anything_and_others_are_not() {
        let paces = Paces::new(Some("1:3".parse().unwrap()));
        assert!(paces.look(DEVICE).is_ok());
        let pace = paces.of(DEVICE);
        (0..3).for_each(|_| pace.take().unwrap());
        assert!(matches!(pace.take(), Err(Refusal::DeviceLimited { retry_after: 1..=2 })));
        assert!(matches!(paces.look(DEVICE), Err(Refusal::DeviceLimited { .. })));
        assert!(paces.look(DeviceId::from_bytes([2; 16])).is_ok());
        assert_eq!(paces.lock().len(), 1, "who has proven nothing is not remembered");
    }

    #[test]
    fn a_desktop_that_is_no_longer_linked_is_forgotten() {
        let (paces, other) = (Paces::new(None), DeviceId::from_bytes([2; 16]));
        let (_, kept) = (paces.of(DEVICE), paces.of(other));
        let _waits = kept.pull().unwrap();
        paces.keep(|device| device == other);
        assert_eq!(paces.lock().len(), 1);
        assert!(Arc::ptr_eq(&paces.of(other), &kept), "the others go on where they were");
    }

    #[test]
    fn large_messages_are_paid_for() {
        let pace = Paces::new(Some("1:100".parse().unwrap())).of(DEVICE);
        pace.charge(BYTES_OF_ONE - 1);
        assert!(pace.take().is_ok());
        pace.charge(4 * 1_024 * 1_024);
        assert!(pace.take().is_err());
    }

    #[test]
    fn pulls_are_bounded_and_free_again() {
        let pace = Paces::new(None).of(DEVICE);
        let mut waiting: Vec<_> = (0..MAX_PULLS).map(|_| pace.pull().unwrap()).collect();
        assert!(matches!(pace.pull(), Err(Refusal::TooManyPulls { limit: MAX_PULLS })));
        waiting.pop();
        assert!(pace.pull().is_ok());
    }
}
