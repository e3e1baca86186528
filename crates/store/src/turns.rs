//! The queue before the writers of operations, and the one before the readers. Accounts take turns, measured by work: one
//! with a million jobs waiting and many desktops, or with somebody who searches in sixty windows, gets what the others
//! leave, and never all servers at once. Within an account those who ask take turns where they are known, and a device's
//! operations keep their order.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use protocol::{AccountId, DeviceId};
use tokio::sync::Notify;

use crate::error::StoreError;

/// Whose turn it is when an operation belongs to no account in particular.
pub(crate) const NOBODY: AccountId = AccountId::from_bytes([0; 16]);

/// Who asks, within an account: an operator, or a key. Those of one account take turns. Names are not kept, only told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asker(u64);

impl Asker {
    /// Whoever has this id.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// An operation that waits for its turn; `C` is what is to be done.
pub(crate) struct Entry<C> {
    pub(crate) account: AccountId,
    /// Those of one account take turns; whoever is not known is all of them together.
    pub(crate) asker: Option<Asker>,
    /// Whose operations keep their order: a pull that repeats another must find what that one has leased.
    pub(crate) device: Option<DeviceId>,
    /// In whatever the room of a turn is measured.
    pub(crate) work: usize,
    pub(crate) command: C,
}

/// What a queue bounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Those that serve it.
    pub(crate) servers: usize,
    /// Operations that may wait in all. Half of them may be of one account: its callers are told to come again while others
    /// still have room; and half of these of one asker.
    pub(crate) waiting: usize,
    /// Work of one turn. An operation of more has one to itself.
    pub(crate) room: usize,
}

/// The queue.
pub(crate) struct Turns<C> {
    state: Mutex<State<C>>,
    changed: Notify,
    bounds: Bounds,
}

struct State<C> {
    accounts: HashMap<AccountId, Line<C>>,
    /// Accounts that wait, the next one first.
    order: VecDeque<AccountId>,
    /// Devices with an operation in a transaction.
    busy: HashSet<DeviceId>,
    waiting: usize,
    /// Turns that have been taken and not been dropped.
    running: usize,
    is_closing: bool,
    has_lost_a_writer: bool,
}

/// What an account waits for, and how many servers work for it.
struct Line<C> {
    /// By round: each asker's first, then each asker's second, and so on.
    waiting: VecDeque<(u64, Entry<C>)>,
    /// The round that was served last.
    round: u64,
    servers: usize,
}

impl<C> Default for Line<C> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), round: 0, servers: 0 }
    }
}

impl<C> Line<C> {
    /// Behind what the same asker waits for already, and before what others wait for beyond that.
    fn put(&mut self, entry: Entry<C>) {
        let last = self.waiting.iter().rev().find(|(_, other)| other.asker == entry.asker).map(|(round, _)| *round);
        let round = last.map_or(self.round, |last| last + 1);
        let at = self.waiting.partition_point(|(of, _)| *of <= round);
        self.waiting.insert(at, (round, entry));
    }

    /// Whether the line, or the asker's part of it, is as long as it may be.
    fn is_full(&self, asker: Option<Asker>, most: usize) -> bool {
        let of_asker = || self.waiting.iter().filter(|(_, other)| other.asker == asker).count();
        self.waiting.len() >= most || (asker.is_some() && of_asker() >= most / 2)
    }
}

/// Operations of one transaction, or the one that is read. Their accounts and devices are free again when it is dropped.
pub(crate) struct Turn<C> {
    turns: Arc<Turns<C>>,
    accounts: Vec<AccountId>,
    devices: Vec<DeviceId>,
    pub(crate) commands: Vec<C>,
}

impl<C> Turns<C> {
    pub(crate) fn new(bounds: Bounds) -> Self {
        let state = State {
            accounts: HashMap::new(),
            order: VecDeque::new(),
            busy: HashSet::new(),
            waiting: 0,
            running: 0,
            is_closing: false,
            has_lost_a_writer: false,
        };
        Self { state: Mutex::new(state), changed: Notify::new(), bounds }
    }

    /// Queues an operation, or says at once that there is no room.
    pub(crate) fn put(&self, entry: Entry<C>) -> Result<(), StoreError> {
        let mut state = self.lock();
        if state.is_closing {
            return Err(StoreError::Closed);
        }
        let (is_full, account) = (state.waiting >= self.bounds.waiting, entry.account);
        let line = state.accounts.entry(account).or_default();
        if is_full || line.is_full(entry.asker, self.bounds.waiting / 2) {
            state.forget_if_idle(account);
            return Err(StoreError::Overloaded);
        }
        line.put(entry);
        if line.waiting.len() == 1 {
            state.order.push_back(account);
        }
        state.waiting += 1;
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// The operations of the next transaction; `None` when the queue is closed and empty.
    pub(crate) async fn take(self: &Arc<Self>) -> Option<Turn<C>> {
        loop {
            if let Some(turn) = self.take_now() {
                return Some(turn);
            }
            {
                let state = self.lock();
                if state.is_closing && state.waiting == 0 {
                    self.changed.notify_one();
                    return None;
                }
            }
            self.changed.notified().await;
        }
    }

    /// The operations of the next turn, if one can be served now.
    pub(crate) fn take_now(self: &Arc<Self>) -> Option<Turn<C>> {
        let mut state = self.lock();
        let entries = state.next(&self.bounds);
        if entries.is_empty() {
            return None;
        }
        let more = state.waiting > 0;
        drop(state);
        if more {
            self.changed.notify_one();
        }
        Some(Turn::new(Arc::clone(self), entries))
    }

    /// Lets nobody queue any more; what has queued is still served.
    pub(crate) fn close(&self) {
        self.lock().is_closing = true;
        self.changed.notify_one();
    }

    pub(crate) fn is_closed(&self) -> bool {
        let state = self.lock();
        state.is_closing || state.has_lost_a_writer
    }

    /// Notes that a writer has ended, in whichever way.
    pub(crate) fn lose_writer(&self) {
        self.lock().has_lost_a_writer = true;
    }

    pub(crate) fn waiting(&self) -> usize {
        self.lock().waiting
    }

    fn lock(&self) -> MutexGuard<'_, State<C>> {
        // The queue is whole whatever happened to the thread that held it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C> State<C> {
    /// Goes round the accounts once, and takes of each what there is room for.
    fn next(&mut self, bounds: &Bounds) -> Vec<Entry<C>> {
        let (mut taken, mut room) = (Vec::new(), bounds.room);
        if self.running >= bounds.servers {
            return taken;
        }
        // One account never has all of them.
        let most_servers = bounds.servers.saturating_sub(1).max(1);
        for _ in 0..self.order.len() {
            let Some(account) = self.order.pop_front() else { break };
            let Some(line) = self.accounts.get_mut(&account) else { continue };
            let (before, room_before) = (taken.len(), room);
            let mut is_cut_short = false;
            while line.servers < most_servers
                && let Some(at) = line.waiting.iter().position(|(_, entry)| entry.device.is_none_or(|device| !self.busy.contains(&device)))
            {
                let fits = line.waiting[at].1.work <= room || taken.is_empty();
                let Some((round, entry)) = fits.then(|| line.waiting.remove(at)).flatten() else {
                    is_cut_short = true;
                    break;
                };
                line.round = line.round.max(round);
                room = room.saturating_sub(entry.work);
                self.busy.extend(entry.device);
                taken.push(entry);
            }
            let has_taken = taken.len() > before;
            line.servers += usize::from(has_taken);
            if !line.waiting.is_empty() {
                // Who found less room than others before it comes first next time.
                if is_cut_short && room_before < bounds.room {
                    self.order.push_front(account);
                } else {
                    self.order.push_back(account);
                }
            }
            if room == 0 || is_cut_short {
                break;
            }
        }
        self.waiting -= taken.len();
        self.running += usize::from(!taken.is_empty());
        taken
    }

    fn forget_if_idle(&mut self, account: AccountId) {
        if self.accounts.get(&account).is_some_and(|line| line.waiting.is_empty() && line.servers == 0) {
            self.accounts.remove(&account);
        }
    }
}

impl<C> Turn<C> {
    fn new(turns: Arc<Turns<C>>, entries: Vec<Entry<C>>) -> Self {
        let mut turn = Self { turns, accounts: Vec::new(), devices: Vec::new(), commands: Vec::with_capacity(entries.len()) };
        for Entry { account, device, command, .. } in entries {
            // The operations of an account stand together.
            if turn.accounts.last() != Some(&account) {
                turn.accounts.push(account);
            }
            turn.devices.extend(device);
            turn.commands.push(command);
        }
        turn
    }
}

impl<C> Drop for Turn<C> {
    fn drop(&mut self) {
        let mut state = self.turns.lock();
        state.running -= 1;
        for device in &self.devices {
            state.busy.remove(device);
        }
        for account in &self.accounts {
            if let Some(line) = state.accounts.get_mut(account) {
                line.servers -= 1;
            }
            state.forget_if_idle(*account);
        }
        let is_of_interest = state.waiting > 0 || state.is_closing;
        drop(state);
        if is_of_interest {
            self.turns.changed.notify_one();
        }
    }
}

impl<C> std::fmt::Debug for Turns<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Turns").field("bounds", &self.bounds).field("waiting", &self.waiting()).finish_non_exhaustive()
    }
}

impl<C> std::fmt::Debug for Entry<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry").field("account", &self.account).field("work", &self.work).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As of the writers.
    const ROOM: usize = 64;
    const WAITING: usize = 64;

    type Turns = super::Turns<u8>;
    type Turn = super::Turn<u8>;

    fn turns(servers: usize) -> Arc<Turns> {
        Arc::new(Turns::new(Bounds { servers, waiting: 8 * WAITING, room: ROOM }))
    }

    fn account(number: u8) -> AccountId {
        AccountId::from_bytes([number; 16])
    }

    fn put(turns: &Turns, of: u8, device: u8, work: usize) -> Result<(), StoreError> {
        turns.put(Entry { account: account(of), asker: None, device: Some(DeviceId::from_bytes([device; 16])), work, command: device })
    }

    async fn take(turns: &Arc<Turns>) -> Turn {
        tokio::time::timeout(std::time::Duration::from_secs(5), turns.take()).await.expect("something waits").expect("it is open")
    }

    /// The accounts of the next transaction.
    fn accounts(turn: &Turn) -> Vec<AccountId> {
        turn.accounts.clone()
    }

    #[tokio::test]
    async fn an_account_comes_before_what_its_neighbour_has_queued_earlier() {
        let turns = turns(4);
        for device in 0..10 {
            put(&turns, 1, device, 100).unwrap();
        }
        let first = take(&turns).await;
        put(&turns, 2, 100, 2).unwrap();
        assert_eq!((accounts(&first), first.commands.len()), (vec![account(1)], 1));
        drop(first);
        let next = take(&turns).await;
        assert_eq!((accounts(&next), next.commands.len()), (vec![account(1)], 1), "its turn had come already");
        let next = take(&turns).await;
        assert_eq!((accounts(&next), next.commands.len()), (vec![account(2)], 1), "small work does not wait with large");
    }

    /// Transactions that are taken before the one with an operation of this account, while its neighbour has hundreds of
    /// large ones queued and asks again for each that is done.
    async fn transactions_before(lone: u8) -> usize {
        const WORK: usize = 2;
        let turns = turns(4);
        for device in 0..200 {
            put(&turns, 1, device, 100).unwrap();
        }
        put(&turns, lone, 255, WORK).unwrap();
        for number in 0..400 {
            let turn = take(&turns).await;
            if turn.devices.contains(&DeviceId::from_bytes([255; 16])) {
                return number;
            }
            let again = turn.devices[0].as_bytes()[0];
            drop(turn);
            put(&turns, 1, again, 100).unwrap();
        }
        panic!("its turn never came");
    }

    #[tokio::test]
    async fn a_neighbours_queue_does_not_stand_in_the_way() {
        assert!(transactions_before(2).await <= 1);
        // In the neighbour's own account it waits behind all that it has queued: the count sees unfairness.
        assert!(transactions_before(1).await >= 200);
    }

    #[tokio::test]
    async fn an_account_never_has_all_writers() {
        let turns = turns(3);
        for device in 0..10 {
            put(&turns, 1, device, 100).unwrap();
        }
        let held = [take(&turns).await, take(&turns).await];
        put(&turns, 2, 100, 100).unwrap();
        assert_eq!(accounts(&take(&turns).await), [account(2)]);
        drop(held);
        assert_eq!(accounts(&take(&turns).await), [account(1)]);
    }

    #[tokio::test]
    async fn small_work_of_many_accounts_shares_a_transaction() {
        let turns = turns(2);
        for number in 0..40 {
            put(&turns, number, number, 3).unwrap();
        }
        assert_eq!(take(&turns).await.commands.len(), 21);
        assert_eq!(take(&turns).await.commands.len(), 19);
    }

    #[tokio::test]
    async fn who_is_cut_short_comes_first_next_time() {
        let turns = turns(2);
        put(&turns, 1, 1, 60).unwrap();
        put(&turns, 2, 2, 60).unwrap();
        put(&turns, 3, 3, 1).unwrap();
        assert_eq!(accounts(&take(&turns).await), [account(1)]);
        assert_eq!(accounts(&take(&turns).await), [account(2), account(3)]);
    }

    #[tokio::test]
    async fn a_device_has_one_operation_at_a_time_and_in_order() {
        let turns = turns(4);
        put(&turns, 1, 1, 1).unwrap();
        put(&turns, 1, 1, 2).unwrap();
        put(&turns, 1, 2, 3).unwrap();
        let first = take(&turns).await;
        assert_eq!(first.commands.len(), 2, "of both devices");
        assert_eq!(turns.waiting(), 1);
        drop(first);
        assert_eq!(take(&turns).await.commands.len(), 1);
    }

    #[tokio::test]
    async fn one_account_cannot_fill_the_queue() {
        let turns = turns(4);
        let refused = (0..8 * WAITING).filter(|_| put(&turns, 1, 1, 1).is_err()).count();
        assert_eq!(refused, 4 * WAITING);
        put(&turns, 2, 2, 1).unwrap();
    }

    #[tokio::test]
    async fn what_has_queued_is_served_after_closing() {
        let turns = turns(2);
        put(&turns, 1, 1, 1).unwrap();
        turns.close();
        assert!(matches!(put(&turns, 1, 1, 1), Err(StoreError::Closed)));
        assert_eq!(take(&turns).await.commands.len(), 1);
        assert!(turns.take().await.is_none() && turns.take().await.is_none(), "every writer is told");
    }

    /// Queues a read of somebody; `name` is what comes out again.
    fn read(turns: &Turns, of: u8, by: &str, name: u8) -> Result<(), StoreError> {
        turns.put(Entry { account: account(of), asker: Some(Asker::named(by)), device: None, work: 1, command: name })
    }

    fn readers() -> Arc<Turns> {
        Arc::new(Turns::new(Bounds { servers: 4, waiting: 8 * WAITING, room: 1 }))
    }

    #[test]
    fn as_many_turns_run_as_there_are_servers_and_one_account_never_has_all() {
        let turns = readers();
        (0..10).for_each(|name| read(&turns, 1, "ada", name).unwrap());
        let mut running: Vec<Turn> = std::iter::from_fn(|| turns.take_now()).collect();
        assert_eq!(running.iter().map(|turn| turn.commands[0]).collect::<Vec<_>>(), [0, 1, 2]);
        read(&turns, 2, "bea", 100).unwrap();
        read(&turns, 2, "bea", 101).unwrap();
        running.extend(turns.take_now());
        assert_eq!(running[3].commands, [100], "a neighbour has one at once");
        assert!(turns.take_now().is_none(), "there are no more");
        running.remove(0);
        assert_eq!(turns.take_now().unwrap().commands, [3], "whose turn it is by the order of accounts");
    }

    #[test]
    fn those_of_one_account_take_turns() {
        let turns = readers();
        (0..20).for_each(|name| read(&turns, 1, "ada", name).unwrap());
        let running: Vec<Turn> = std::iter::from_fn(|| turns.take_now()).collect();
        read(&turns, 1, "bea", 100).unwrap();
        read(&turns, 1, "bea", 101).unwrap();
        read(&turns, 1, "cem", 110).unwrap();
        drop(running);
        let served: Vec<u8> = std::iter::from_fn(|| turns.take_now().map(|turn| turn.commands[0])).take(6).collect();
        assert_eq!(served, [100, 110, 3, 101, 4, 5], "each one's first, each one's second, and whatever is left");
    }

    #[test]
    fn one_asker_cannot_fill_the_line_of_an_account() {
        let turns = readers();
        let refused = (0..8 * WAITING).filter(|_| read(&turns, 1, "ada", 0).is_err()).count();
        assert_eq!(refused, 6 * WAITING);
        read(&turns, 1, "bea", 0).unwrap();
    }
}
