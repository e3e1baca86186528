//! Where the queue of each account begins. PostgreSQL keeps entries that were taken until it vacuums, and whoever looks for
//! the first ready job walks over all of them: at ten thousand jobs a second soon longer than everything else takes. So
//! the writers of a relay remember behind which place they took last, and look there.
//!
//! A place is a hint. Whatever this relay enters before it moves it back; what other relays enter before it is found when
//! too little lies behind it, and otherwise within [`LONGEST`].

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use protocol::{AccountId, JobId, UnixMillis};

use crate::session::Value;

/// How long a place is believed without a look from the very beginning: how long a job may wait that another relay has
/// entered before it, while more lie behind it than are asked for.
const LONGEST: Duration = Duration::from_secs(1);
/// Accounts that are remembered; beyond, those that have not been looked at lately are forgotten.
const MOST: usize = 10_000;

/// A place in the queue of an account: the order of `ready`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) priority: i64,
    pub(crate) ready_at: UnixMillis,
    pub(crate) job_id: JobId,
}

impl Place {
    /// Before every entry.
    pub(crate) const BEGINNING: Self = Self { priority: i64::MIN, ready_at: UnixMillis(i64::MIN), job_id: JobId::from_bytes([0; 16]) };

    /// Before every entry of this moment.
    pub(crate) const fn before(priority: i64, ready_at: UnixMillis) -> Self {
        Self { priority, ready_at, job_id: JobId::from_bytes([0; 16]) }
    }

    pub(crate) fn values(&self) -> [Value<'_>; 3] {
        [self.priority.into(), self.ready_at.into(), (&self.job_id).into()]
    }
}

/// Where the queues begin that a transaction has entered jobs into: the earliest place of each account.
pub(crate) type Entered = BTreeMap<AccountId, Place>;

/// Notes that a job was entered behind this place.
pub(crate) fn note(entered: &mut Entered, account: AccountId, place: Place) {
    entered.entry(account).and_modify(|known| *known = place.min(*known)).or_insert(place);
}

/// Shared by the writers of a relay.
#[derive(Clone, Debug)]
pub(crate) struct Heads(Option<Arc<Mutex<HashMap<AccountId, Head>>>>);

#[derive(Clone, Copy, Debug)]
struct Head {
    behind: Place,
    /// When somebody last looked from the very beginning.
    looked_at: Instant,
    /// Grows whenever the place is moved back: whoever has looked meanwhile must not move it on.
    moved_back: u64,
}

/// From where a look begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    pub(crate) behind: Place,
    moved_back: u64,
}

impl Heads {
    /// For a database that has nothing to walk over.
    pub(crate) const fn none() -> Self {
        Self(None)
    }

    /// Remembers.
    pub(crate) fn shared() -> Self {
        Self(Some(Arc::default()))
    }

    /// From where to look for an account's first ready job.
    pub(crate) fn start(&self, account: AccountId) -> Start {
        let beginning = |moved_back| Start { behind: Place::BEGINNING, moved_back };
        let Some(mut heads) = self.lock() else { return beginning(0) };
        if heads.len() >= MOST {
            heads.retain(|_, head| head.looked_at.elapsed() < LONGEST);
        }
        match heads.get(&account) {
            Some(head) if head.looked_at.elapsed() < LONGEST => Start { behind: head.behind, moved_back: head.moved_back },
            known => beginning(known.map_or(0, |head| head.moved_back)),
        }
    }

    /// Everything up to `last` has been taken by one who began to look at `start`; none: nothing was left behind there.
    pub(crate) fn took(&self, account: AccountId, start: Start, last: Option<Place>) {
        let Some(mut heads) = self.lock() else { return };
        let fresh = Head { behind: Place::BEGINNING, looked_at: Instant::now(), moved_back: start.moved_back };
        let head = heads.entry(account).or_insert(fresh);
        if head.moved_back != start.moved_back {
            return;
        }
        if start.behind == Place::BEGINNING {
            head.looked_at = fresh.looked_at;
        }
        head.behind = last.unwrap_or(Place::BEGINNING);
    }

    /// Jobs have been entered.
    pub(crate) fn entered(&self, entered: &Entered) {
        let Some(mut heads) = self.lock() else { return };
        for (account, place) in entered {
            if let Some(head) = heads.get_mut(account)
                && *place <= head.behind
            {
                head.behind = *place;
                head.moved_back += 1;
            }
        }
    }

    /// What was taken may be back where it was.
    pub(crate) fn forget(&self) {
        if let Some(mut heads) = self.lock() {
            heads.values_mut().for_each(|head| {
                head.behind = Place::BEGINNING;
                head.moved_back += 1;
            });
        }
    }

    fn lock(&self) -> Option<MutexGuard<'_, HashMap<AccountId, Head>>> {
        // The map is whole whatever happened to the thread that held it.
        self.0.as_ref().map(|heads| heads.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: AccountId = AccountId::from_bytes([1; 16]);

    fn at(millis: i64) -> Place {
        Place { priority: 100, ready_at: UnixMillis(millis), job_id: JobId::from_bytes([7; 16]) }
    }

    fn of(heads: &Heads) -> Place {
        heads.start(ACCOUNT).behind
    }

    #[test]
    fn the_next_look_begins_behind_what_was_taken() {
        let heads = Heads::shared();
        heads.took(ACCOUNT, heads.start(ACCOUNT), Some(at(5)));
        assert_eq!(of(&heads), at(5));
        assert_eq!(heads.start(AccountId::from_bytes([2; 16])).behind, Place::BEGINNING);
        heads.took(ACCOUNT, heads.start(ACCOUNT), None);
        assert_eq!(of(&heads), Place::BEGINNING, "nothing was left: what comes may come anywhere");
    }

    #[test]
    fn what_is_entered_before_a_place_moves_it_back() {
        let heads = Heads::shared();
        heads.took(ACCOUNT, heads.start(ACCOUNT), Some(at(5)));
        heads.entered(&Entered::from([(ACCOUNT, Place::before(100, UnixMillis(9)))]));
        assert_eq!(of(&heads), at(5), "behind it anyway");
        let started = heads.start(ACCOUNT);
        heads.entered(&Entered::from([(ACCOUNT, Place::before(100, UnixMillis(5)))]));
        assert_eq!(of(&heads), Place::before(100, UnixMillis(5)));
        heads.took(ACCOUNT, started, Some(at(8)));
        assert_eq!(of(&heads), Place::before(100, UnixMillis(5)), "who looked before it was entered has not seen it");
    }

    #[test]
    fn a_transaction_that_fails_leaves_nothing_behind_a_place() {
        let heads = Heads::shared();
        let other = heads.start(ACCOUNT);
        heads.took(ACCOUNT, other, Some(at(5)));
        heads.forget();
        assert_eq!(of(&heads), Place::BEGINNING);
        heads.took(ACCOUNT, other, Some(at(8)));
        assert_eq!(of(&heads), Place::BEGINNING);
    }

    #[test]
    fn without_anything_to_walk_over_every_look_begins_at_the_beginning() {
        let heads = Heads::none();
        heads.took(ACCOUNT, heads.start(ACCOUNT), Some(at(5)));
        assert_eq!(of(&heads), Place::BEGINNING);
    }
}
