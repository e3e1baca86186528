//! The queue before the writers of operations. Accounts take turns, measured by work: one with a million jobs waiting and
//! many desktops gets what the others leave, and never all writers at once. A device's operations keep their order.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use protocol::{AccountId, DeviceId};
use tokio::sync::Notify;

use super::{Command, QUEUE_LENGTH};
use crate::error::StoreError;

/// Work of one transaction, in jobs: some milliseconds, which everyone in it waits for. An operation of more has a
/// transaction to itself.
const ROOM: usize = 64;
/// Operations of one account that may wait: its callers are told to come again while others still have room.
const MAX_OF_ACCOUNT: usize = QUEUE_LENGTH / 2;

/// An operation that waits for its turn.
pub(super) struct Entry {
    pub(super) account: AccountId,
    /// Whose operations keep their order: a pull that repeats another must find what that one has leased.
    pub(super) device: Option<DeviceId>,
    /// In jobs.
    pub(super) work: usize,
    pub(super) command: Command,
}

/// What operations are worth whose statements wait for each other: eight to a transaction.
pub(super) const WORK_OF_OTHERS: usize = ROOM / 8;

/// The queue.
#[derive(Debug)]
pub(super) struct Turns {
    state: Mutex<State>,
    changed: Notify,
    /// Writers that one account may occupy at once.
    most_writers: usize,
}

#[derive(Debug, Default)]
struct State {
    accounts: HashMap<AccountId, Line>,
    /// Accounts that wait, the next one first.
    order: VecDeque<AccountId>,
    /// Devices with an operation in a transaction.
    busy: HashSet<DeviceId>,
    waiting: usize,
    is_closing: bool,
    has_lost_a_writer: bool,
}

/// What an account waits for, and how many writers work for it.
#[derive(Debug, Default)]
struct Line {
    waiting: VecDeque<Entry>,
    writers: usize,
}

/// Operations of one transaction. Their accounts and devices are free again when it is dropped.
pub(super) struct Turn {
    turns: Arc<Turns>,
    accounts: Vec<AccountId>,
    devices: Vec<DeviceId>,
    pub(super) commands: Vec<Command>,
}

impl Turns {
    pub(super) fn new(writers: usize) -> Self {
        Self { state: Mutex::default(), changed: Notify::new(), most_writers: writers.saturating_sub(1).max(1) }
    }

    /// Queues an operation, or says at once that there is no room.
    pub(super) fn put(&self, entry: Entry) -> Result<(), StoreError> {
        let mut state = self.lock();
        if state.is_closing {
            return Err(StoreError::Closed);
        }
        let (is_full, account) = (state.waiting >= QUEUE_LENGTH, entry.account);
        let line = state.accounts.entry(account).or_default();
        if is_full || line.waiting.len() >= MAX_OF_ACCOUNT {
            state.forget_if_idle(account);
            return Err(StoreError::Overloaded);
        }
        line.waiting.push_back(entry);
        if line.waiting.len() == 1 {
            state.order.push_back(account);
        }
        state.waiting += 1;
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// The operations of the next transaction; `None` when the queue is closed and empty.
    pub(super) async fn take(self: &Arc<Self>) -> Option<Turn> {
        loop {
            {
                let mut state = self.lock();
                let entries = state.next(self.most_writers);
                if !entries.is_empty() {
                    let more = state.waiting > 0;
                    drop(state);
                    if more {
                        self.changed.notify_one();
                    }
                    return Some(Turn::new(Arc::clone(self), entries));
                }
                if state.is_closing && state.waiting == 0 {
                    self.changed.notify_one();
                    return None;
                }
            }
            self.changed.notified().await;
        }
    }

    /// Lets nobody queue any more; what has queued is still served.
    pub(super) fn close(&self) {
        self.lock().is_closing = true;
        self.changed.notify_one();
    }

    pub(super) fn is_closed(&self) -> bool {
        let state = self.lock();
        state.is_closing || state.has_lost_a_writer
    }

    /// Notes that a writer has ended, in whichever way.
    pub(super) fn lose_writer(&self) {
        self.lock().has_lost_a_writer = true;
    }

    pub(super) fn waiting(&self) -> usize {
        self.lock().waiting
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The queue is whole whatever happened to the thread that held it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Goes round the accounts once, and takes of each what there is room for.
    fn next(&mut self, most_writers: usize) -> Vec<Entry> {
        let (mut taken, mut room) = (Vec::new(), ROOM);
        for _ in 0..self.order.len() {
            let Some(account) = self.order.pop_front() else { break };
            let Some(line) = self.accounts.get_mut(&account) else { continue };
            let (before, room_before) = (taken.len(), room);
            let mut is_cut_short = false;
            while line.writers < most_writers
                && let Some(at) = line.waiting.iter().position(|entry| entry.device.is_none_or(|device| !self.busy.contains(&device)))
            {
                let fits = line.waiting[at].work <= room || taken.is_empty();
                let Some(entry) = fits.then(|| line.waiting.remove(at)).flatten() else {
                    is_cut_short = true;
                    break;
                };
                room = room.saturating_sub(entry.work);
                self.busy.extend(entry.device);
                taken.push(entry);
            }
            let has_taken = taken.len() > before;
            line.writers += usize::from(has_taken);
            if !line.waiting.is_empty() {
                // Who found less room than others before it comes first next time.
                if is_cut_short && room_before < ROOM {
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
        taken
    }

    fn forget_if_idle(&mut self, account: AccountId) {
        if self.accounts.get(&account).is_some_and(|line| line.waiting.is_empty() && line.writers == 0) {
            self.accounts.remove(&account);
        }
    }
}

impl Turn {
    fn new(turns: Arc<Turns>, entries: Vec<Entry>) -> Self {
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

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = self.turns.lock();
        for device in &self.devices {
            state.busy.remove(device);
        }
        for account in &self.accounts {
            if let Some(line) = state.accounts.get_mut(account) {
                line.writers -= 1;
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

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry").field("account", &self.account).field("work", &self.work).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(number: u8) -> AccountId {
        AccountId::from_bytes([number; 16])
    }

    fn put(turns: &Turns, of: u8, device: u8, work: usize) -> Result<(), StoreError> {
        turns.put(Entry { account: account(of), device: Some(DeviceId::from_bytes([device; 16])), work, command: Command::Close })
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
        let turns = Arc::new(Turns::new(4));
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
        let turns = Arc::new(Turns::new(4));
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
        let turns = Arc::new(Turns::new(3));
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
        let turns = Arc::new(Turns::new(2));
        for number in 0..40 {
            put(&turns, number, number, 3).unwrap();
        }
        assert_eq!(take(&turns).await.commands.len(), 21);
        assert_eq!(take(&turns).await.commands.len(), 19);
    }

    #[tokio::test]
    async fn who_is_cut_short_comes_first_next_time() {
        let turns = Arc::new(Turns::new(2));
        put(&turns, 1, 1, 60).unwrap();
        put(&turns, 2, 2, 60).unwrap();
        put(&turns, 3, 3, 1).unwrap();
        assert_eq!(accounts(&take(&turns).await), [account(1)]);
        assert_eq!(accounts(&take(&turns).await), [account(2), account(3)]);
    }

    #[tokio::test]
    async fn a_device_has_one_operation_at_a_time_and_in_order() {
        let turns = Arc::new(Turns::new(4));
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
        let turns = Arc::new(Turns::new(4));
        let refused = (0..QUEUE_LENGTH).filter(|_| put(&turns, 1, 1, 1).is_err()).count();
        assert_eq!(refused, QUEUE_LENGTH - MAX_OF_ACCOUNT);
        put(&turns, 2, 2, 1).unwrap();
    }

    #[tokio::test]
    async fn what_has_queued_is_served_after_closing() {
        let turns = Arc::new(Turns::new(2));
        put(&turns, 1, 1, 1).unwrap();
        turns.close();
        assert!(matches!(put(&turns, 1, 1, 1), Err(StoreError::Closed)));
        assert_eq!(take(&turns).await.commands.len(), 1);
        assert!(turns.take().await.is_none() && turns.take().await.is_none(), "every writer is told");
    }
}
