//! The store as the relay sees it: one function an operation.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use domain::admission::Standing;
use domain::audit::chain::Ends;
use domain::audit::{Actor, Block, Entry};
use domain::channel::Channel;
use protocol::device::{HeldJob, ReportOutcome};
use protocol::linking::Linked;
use protocol::{AccountId, DeviceId, Environment, JobId, KeyId, PollId, Secret, UnixMillis};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::account::{self, Account, AccountsAfter, NewAccount};
use crate::admission::{AdmissionAnswer, AdmissionRequest, PendingAdmission};
use crate::audit::prune::{AuditCursor, PrunedAudit};
use crate::audit::{self, BlockRange, Records};
use crate::cancel::{self, Cancel, Cancelled};
use crate::channel;
use crate::database::DatabaseUrl;
use crate::desk::{PendingPull, PullOrder, Pulled};
use crate::device::{self, DeviceRecord};
use crate::error::StoreError;
use crate::event::{self, EventPage, EventQuery};
use crate::job::{self, JobFilter, JobRecord, JobRecordPage};
use crate::key::{self, KeyChange, KeyRecord, KeyRotation, NewKeyRecord, SigningKeys};
use crate::link::{self, ApprovedLink, LinkDecided, LinkStanding, Poll};
use crate::migrate;
use crate::nonce::{self, SpendOrder, SpentNonce};
use crate::operation::{Pending, WriteFn};
use crate::prune::{self, PruneCursor, PruneOrder, Pruned};
use crate::reader::{ReadFn, Readers, Whose};
use crate::release::{self, Release};
use crate::report::PreparedResult;
use crate::right::Right;
use crate::row::RowKey;
use crate::row_edit::{self, EditOrder, Recheck, Recheckable, RowEdit, RowEdited};
use crate::sealing;
use crate::session::PostgresUrl;
use crate::settings::Settings;
use crate::sqlite_file::{self, Purpose};
use crate::upkeep::{self, Upkeep, UpkeepOrder};
use crate::wake::remote::Hints;
use crate::wake::{self, EndedWatch, ReadyWatch, RecordedWatch, Wake};
use crate::writer::{self, Lanes};

/// An open store. Cheap to clone; all clones share one writer. The second: on whose right this one writes, if on anybody's.
#[derive(Clone)]
pub struct Store(Arc<Shared>, Option<Right>);

struct Shared {
    settings: Arc<Settings>,
    wake: Arc<Wake>,
    readers: Readers,
    lanes: Lanes,
    tasks: Mutex<Tasks>,
}

/// What runs beside the operations.
#[derive(Default)]
struct Tasks {
    thread: Option<std::thread::JoinHandle<()>>,
    /// End by themselves when their lanes are closed.
    writers: Vec<JoinHandle<()>>,
    /// Go on for as long as the store is open.
    endless: Vec<JoinHandle<()>>,
    /// What the last transactions have to tell other relays.
    hints: Option<Arc<Hints>>,
}

impl Store {
    /// Opens the database, brings its schema up to date, and starts the writers.
    ///
    /// # Errors
    /// When the database cannot be opened, migrated, or made durable.
    pub async fn open(url: &DatabaseUrl, settings: Settings) -> Result<Self, StoreError> {
        Self::open_as(url, Purpose::Serve, Arc::new(settings)).await
    }

    /// Opens a database that is there, for a short piece of work beside whoever serves it: makes and migrates nothing.
    ///
    /// # Errors
    /// When there is none, it cannot be opened, or its schema is not this program's.
    pub async fn open_beside(url: &DatabaseUrl, settings: Settings) -> Result<Self, StoreError> {
        Self::open_as(url, Purpose::WorkBeside, Arc::new(settings)).await
    }

    async fn open_as(url: &DatabaseUrl, purpose: Purpose, settings: Arc<Settings>) -> Result<Self, StoreError> {
        match url {
            DatabaseUrl::Sqlite(path) => Self::open_sqlite(path.clone(), purpose, settings).await,
            DatabaseUrl::Postgres(url) => Self::open_postgres(PostgresUrl::parse(url)?, purpose, settings).await,
        }
    }

    async fn open_sqlite(path: PathBuf, purpose: Purpose, settings: Arc<Settings>) -> Result<Self, StoreError> {
        let wake = Arc::new(Wake::default());
        let (for_writer, for_wake) = (Arc::clone(&settings), Arc::clone(&wake));
        let opened = tokio::task::spawn_blocking(move || {
            let file = sqlite_file::open(&path, purpose)?;
            let (lanes, thread) = writer::sqlite::start(file, &for_writer, &for_wake)?;
            Ok::<_, StoreError>((Readers::sqlite(&path), lanes, thread))
        });
        let (readers, lanes, thread) = opened.await.map_err(|_| StoreError::Closed)??;
        let tasks = Tasks { thread: Some(thread), ..Tasks::default() };
        Ok(Self(Arc::new(Shared { settings, wake, readers, lanes, tasks: Mutex::new(tasks) }), None))
    }

    async fn open_postgres(url: PostgresUrl, purpose: Purpose, settings: Arc<Settings>) -> Result<Self, StoreError> {
        migrate::postgres_for(purpose, &url).await?;
        let hints = Arc::new(Hints::default());
        let wake = Arc::new(Wake::with_remote(Arc::clone(&hints)));
        let (lanes, writers) = writer::postgres::start(&url, &settings, &wake).await?;
        let endless = wake::remote::start(&url, &wake, Arc::clone(&hints));
        let readers = Readers::postgres(url);
        let tasks = Tasks { thread: None, writers, endless, hints: Some(hints) };
        Ok(Self(Arc::new(Shared { settings, wake, readers, lanes, tasks: Mutex::new(tasks) }), None))
    }

    /// The same store for somebody: whatever it writes is written only while they have this right.
    #[must_use]
    pub fn on_right(&self, right: Right) -> Self {
        Self(Arc::clone(&self.0), Some(right))
    }

    /// What the store was opened with.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Serves what has queued, then closes. Operations that come later fail with [`StoreError::Closed`].
    pub async fn close(&self) {
        // Before the writer: whoever closes an SQLite file last empties its log into it.
        self.0.readers.close();
        self.0.lanes.close().await;
        let tasks = std::mem::take(&mut *self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(thread) = tasks.thread {
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
        for writer in tasks.writers {
            let _ = writer.await;
        }
        if let Some(hints) = tasks.hints {
            hints.flush().await;
        }
        tasks.endless.iter().for_each(JoinHandle::abort);
    }

    pub(crate) fn lanes(&self) -> &Lanes {
        &self.0.lanes
    }

    // Admission and jobs.

    /// Decides over a verified request and stores what follows, durably, before it answers.
    ///
    /// # Errors
    /// [`StoreError::Overloaded`] at once when the queue is full; nothing is stored then.
    pub async fn admit(&self, request: AdmissionRequest) -> Result<AdmissionAnswer, StoreError> {
        if self.1.is_some() {
            // Before and not with the admission, whose transaction many share: what comes between is ours alone, and short.
            self.write((), |_, ()| Box::pin(std::future::ready(Ok(())))).await?;
        }
        let (reply, answer) = oneshot::channel();
        self.0.lanes.admit(request.account(), PendingAdmission { request, answer: None, reply })?;
        answer.await.map_err(|_| StoreError::OutcomeUnknown)?
    }

    /// Spends the nonce of a signed request that is no admission.
    ///
    /// # Errors
    /// When the database fails or the queue is full.
    pub async fn spend_nonce(
        &self,
        (account, environment): (AccountId, Environment),
        (key_id, nonce, timestamp_seconds): (&str, &str, i64),
        now: UnixMillis,
    ) -> Result<SpentNonce, StoreError> {
        let order = SpendOrder { account, environment, hash: nonce::hash(key_id, nonce), timestamp_seconds, now };
        self.write_of(Some(account), order, |transaction, order| Box::pin(nonce::spend_one(transaction, order))).await
    }

    /// How the account stands with this month's quota.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn standing(&self, account: AccountId, environment: Environment, now: UnixMillis) -> Result<Standing, StoreError> {
        let key = (account, environment, now);
        self.read_of(account, key, |session, settings, key| Box::pin(nonce::standing(session, settings, key))).await
    }

    /// One job of the account and environment; `None` when it has no such job.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn job(&self, account: AccountId, environment: Environment, job_id: JobId) -> Result<Option<JobRecord>, StoreError> {
        self.read_of(account, (account, environment, job_id), |session, _, key| Box::pin(job::one(session, key))).await
    }

    /// A page of the account's jobs, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn jobs(&self, filter: JobFilter) -> Result<JobRecordPage, StoreError> {
        let whose = Whose { account: Some(filter.account), asker: filter.asker };
        self.read_of(whose, filter, |session, _, filter| Box::pin(job::page(session, filter))).await
    }

    /// Cancels a job that has not ended.
    ///
    /// # Errors
    /// When the database fails or the queue is full.
    pub async fn cancel(
        &self,
        account: AccountId,
        environment: Environment,
        job_id: JobId,
        by: Actor,
        now: UnixMillis,
    ) -> Result<Cancelled, StoreError> {
        self.write_of(Some(account), Cancel { account, environment, job_id, by, now }, |transaction, order| {
            Box::pin(cancel::cancel(transaction, order))
        })
        .await
    }

    /// Listens for the end of a job.
    #[must_use]
    pub fn watch_ended(&self, job_id: JobId) -> EndedWatch {
        self.0.wake.watch_ended(job_id)
    }

    // Rows: see `row.rs` for those that are read.

    /// Makes one change of a row that a person asked for.
    ///
    /// # Errors
    /// When the database fails or the queue is full.
    pub async fn edit_row(
        &self,
        (account, environment): (AccountId, Environment),
        (source, row_id): (String, String),
        edit: RowEdit,
        by: Actor,
        now: UnixMillis,
    ) -> Result<RowEdited, StoreError> {
        let order = EditOrder { row: RowKey { account, environment, source, row_id }, edit, by, now };
        self.write(order, |transaction, order| Box::pin(row_edit::edit(transaction, order))).await
    }

    /// Makes a job for the row, under the context of its last one, unless one is under way already.
    ///
    /// # Errors
    /// When the database fails or the queue is full.
    pub async fn recheck(
        &self,
        (account, environment): (AccountId, Environment),
        (source, row_id): (String, String),
        by: Actor,
        now: UnixMillis,
    ) -> Result<Recheck, StoreError> {
        let key = RowKey { account, environment, source, row_id };
        let found = self.read_of(account, key, |session, _, key| Box::pin(row_edit::recheckable(session, key))).await?;
        match found {
            None => Ok(Recheck::Unknown),
            Some(Recheckable::UnderWay(job_id)) => Ok(Recheck::UnderWay(job_id)),
            Some(Recheckable::Row(row)) => {
                let answer = self.admit(AdmissionRequest::recheck((account, environment), row, by, now)).await?;
                Ok(Recheck::Decided(answer.admission))
            }
        }
    }

    /// The account's active channel.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn channel(&self, account: AccountId) -> Result<Channel, StoreError> {
        self.read_of(account, account, |session, settings, account| Box::pin(channel::of(session, settings, account))).await
    }

    /// Gives the account another channel. The same again is harmless.
    ///
    /// # Errors
    /// When the database fails or the queue is full.
    pub async fn set_channel(&self, account: AccountId, channel: Channel, by: Actor, now: UnixMillis) -> Result<(), StoreError> {
        self.write((account, channel, by, now), |transaction, order| Box::pin(channel::set(transaction, order))).await
    }

    // Desktops.

    /// Applies results, extends leases, and leases what is ready, in one transaction.
    ///
    /// # Errors
    /// When the database fails or the queue is full.
    pub async fn pull(&self, order: PullOrder) -> Result<Pulled, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.0.lanes.pull(PendingPull { order, output: None, reply })?;
        answer.await.map_err(|_| StoreError::OutcomeUnknown)?
    }

    /// Applies results; one outcome each, in order.
    ///
    /// # Errors
    /// When the database fails or the queue is full.
    pub async fn report(
        &self,
        account: AccountId,
        device: DeviceId,
        results: Vec<PreparedResult>,
        now: UnixMillis,
    ) -> Result<Vec<ReportOutcome>, StoreError> {
        let (poll_id, running) = (PollId::from_bytes([0; 16]), Vec::new());
        self.pull(PullOrder { account, device, poll_id, max: 0, running, results, now }).await.map(|pulled| pulled.outcomes)
    }

    /// Gives leases back. Returns how many were still held.
    ///
    /// # Errors
    /// When the database fails or the queue is full.
    pub async fn release(&self, account: AccountId, device: DeviceId, jobs: Vec<HeldJob>, now: UnixMillis) -> Result<u32, StoreError> {
        self.write_for((account, device), Release { account, device, jobs, now }, |transaction, release| {
            Box::pin(release::release(transaction, release))
        })
        .await
    }

    /// Listens for newly ready jobs of an account.
    #[must_use]
    pub fn watch_ready(&self, account: AccountId) -> ReadyWatch {
        self.0.wake.watch_ready(account)
    }

    /// The device of this id, of whichever account.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn device(&self, id: DeviceId) -> Result<Option<DeviceRecord>, StoreError> {
        self.read(id, |session, _, id| Box::pin(device::one(session, id))).await
    }

    /// Every device of every account that has not been revoked.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn all_devices(&self) -> Result<Vec<DeviceRecord>, StoreError> {
        self.read((), |session, _, ()| Box::pin(device::all(session))).await
    }

    /// The devices of an account.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn devices(&self, account: AccountId) -> Result<Vec<DeviceRecord>, StoreError> {
        self.read_of(account, account, |session, _, account| Box::pin(device::of_account(session, account))).await
    }

    /// Revokes a device and gives its leases back. `false` when there is nothing to revoke.
    ///
    /// # Errors
    /// When the database fails or the queue is full.
    pub async fn revoke_device(&self, account: AccountId, device: DeviceId, by: Actor, now: UnixMillis) -> Result<bool, StoreError> {
        self.write((account, device, by, now), |transaction, order| Box::pin(device::revoke(transaction, order))).await
    }

    /// Grows by one whenever a device was made or revoked here: what was read before is stale then.
    #[must_use]
    pub fn devices_version(&self) -> u64 {
        self.0.wake.devices_version()
    }

    /// Stores an approved linking code. The same again is harmless.
    ///
    /// # Errors
    /// When the database fails or the queue is full.
    pub async fn approve_link(&self, link: ApprovedLink, by: Actor, now: UnixMillis) -> Result<LinkDecided, StoreError> {
        self.write((link, true, by, now), |transaction, decision| Box::pin(link::decide(transaction, decision))).await
    }

    /// Stores that an operator has denied a linking code. The same again is harmless.
    ///
    /// # Errors
    /// When the database fails or the queue is full.
    pub async fn deny_link(&self, link: ApprovedLink, by: Actor, now: UnixMillis) -> Result<LinkDecided, StoreError> {
        self.write((link, false, by, now), |transaction, decision| Box::pin(link::decide(transaction, decision))).await
    }

    /// How a linking code stands. Reads only.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn link_standing(&self, device_code: String, user_code: String, now: UnixMillis) -> Result<LinkStanding, StoreError> {
        let code = (device_code, user_code, now);
        self.read(code, |session, _, code| Box::pin(link::standing(session, code))).await
    }

    /// An operator looks, until then, for the desktop that shows this code.
    ///
    /// # Errors
    /// When the database fails or the queue is full.
    pub async fn want_link(&self, user_code: String, until: UnixMillis) -> Result<(), StoreError> {
        self.write((user_code, until), |transaction, wanted| Box::pin(link::want(transaction, wanted))).await
    }

    /// Tells what the desktop that shows this code polls with. Changes nothing unless an operator looks for it.
    ///
    /// # Errors
    /// When the database fails or the queue is full.
    pub async fn tell_link(&self, user_code: String, device_code: Secret) -> Result<(), StoreError> {
        self.write((user_code, device_code), |transaction, told| Box::pin(link::tell(transaction, told))).await
    }

    /// What the desktop that an operator looks for polls with, once it has told.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn told_link(&self, user_code: String, now: UnixMillis) -> Result<Option<Secret>, StoreError> {
        let code = (user_code, now);
        self.read(code, |session, settings, code| Box::pin(link::told(session, settings, code))).await
    }

    /// Makes a device of an approved code, once; asked again, tells the same device again until the code runs out. `None`
    /// when there is no such approved code.
    ///
    /// # Errors
    /// When the database fails or the queue is full.
    pub async fn consume_link(&self, device_code: String, now: UnixMillis) -> Result<Option<Linked>, StoreError> {
        let poll = Poll { device_code, new_device_id: DeviceId::random(now), now };
        self.write(poll, |transaction, poll| Box::pin(link::consume(transaction, poll))).await
    }

    // Accounts and keys.

    /// The account of this name, made with this plan if there is none.
    ///
    /// # Errors
    /// When the database fails or the queue is full.
    pub async fn ensure_account(&self, name: &str, plan: &str, now: UnixMillis) -> Result<Account, StoreError> {
        let new = NewAccount { id: AccountId::random(now), name: name.to_owned(), plan: plan.to_owned(), now };
        self.write(new, |transaction, new| Box::pin(account::ensure(transaction, new))).await
    }

    /// Makes an account; `None`: the name is taken.
    ///
    /// # Errors
    /// When the database fails or the queue is full.
    pub async fn create_account(&self, name: &str, plan: &str, now: UnixMillis) -> Result<Option<Account>, StoreError> {
        let id = AccountId::random(now);
        let new = NewAccount { id, name: name.to_owned(), plan: plan.to_owned(), now };
        let account = self.write(new, |transaction, new| Box::pin(account::ensure(transaction, new))).await?;
        Ok(Some(account).filter(|account| account.id == id))
    }

    /// The account of this name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn account_by_name(&self, name: &str) -> Result<Option<Account>, StoreError> {
        self.read(name.to_owned(), |session, _, name| Box::pin(account::by_name(session, name))).await
    }

    /// Accounts in the order of their names: those after this one, `limit` at most.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn accounts(&self, after: &str, limit: u32) -> Result<Vec<Account>, StoreError> {
        let after = AccountsAfter { name: after.to_owned(), limit };
        self.read(after, |session, _, after| Box::pin(account::page(session, after))).await
    }

    /// Gives an account another plan.
    ///
    /// # Errors
    /// When the database fails or the queue is full.
    pub async fn set_plan(&self, account: AccountId, plan: &str, by: Actor, now: UnixMillis) -> Result<(), StoreError> {
        self.write((account, plan.to_owned(), by, now), |transaction, change| Box::pin(account::set_plan(transaction, change))).await
    }

    /// Stores a key; its secret is sealed first.
    ///
    /// # Errors
    /// When the database fails or the queue is full.
    pub async fn insert_key(&self, new: NewKeyRecord) -> Result<KeyChange, StoreError> {
        self.write(new, |transaction, new| Box::pin(key::insert(transaction, new))).await
    }

    /// Revokes a key, for good; what it signed with goes at once.
    ///
    /// # Errors
    /// When the database fails or the queue is full.
    pub async fn revoke_key(&self, account: AccountId, key_id: KeyId, by: Actor, now: UnixMillis) -> Result<KeyChange, StoreError> {
        self.write((account, key_id, by, now), |transaction, order| Box::pin(key::revoke(transaction, order))).await
    }

    /// Gives a key another label.
    ///
    /// # Errors
    /// When the database fails or the queue is full.
    pub async fn rename_key(
        &self,
        (account, key_id): (AccountId, KeyId),
        label: String,
        by: Actor,
        now: UnixMillis,
    ) -> Result<KeyChange, StoreError> {
        self.write((account, key_id, label, by, now), |transaction, order| Box::pin(key::rename(transaction, order))).await
    }

    /// Gives a key another secret.
    ///
    /// # Errors
    /// When the database fails or the queue is full.
    pub async fn rotate_key(&self, rotation: KeyRotation) -> Result<KeyChange, StoreError> {
        self.write(rotation, |transaction, order| Box::pin(key::rotate(transaction, order))).await
    }

    /// Notes which keys have signed, and when; drops the old secrets of rotated keys whose overlap is over.
    ///
    /// # Errors
    /// When the database fails or the queue is full.
    pub async fn note_keys_used(&self, used: Vec<(AccountId, KeyId, UnixMillis)>, now: UnixMillis) -> Result<(), StoreError> {
        self.write((used, now), |transaction, order| Box::pin(key::note_used(transaction, order))).await
    }

    /// Every key of every account that may sign, secrets opened.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn all_keys(&self) -> Result<SigningKeys, StoreError> {
        self.read((), |session, settings, ()| Box::pin(key::all(session, settings))).await
    }

    /// The keys of an account, newest first, revoked ones included, with the inventory's version.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keys(&self, account: AccountId) -> Result<(u64, Vec<KeyRecord>), StoreError> {
        self.read_of(account, account, |session, _, account| Box::pin(key::of_account(session, account))).await
    }

    /// Begins to use the newest sealing key that is held, or, on a database that has been used, checks that every secret in
    /// it can be opened: a relay with other keys would refuse callers, and seal what nobody else can open.
    ///
    /// # Errors
    /// [`StoreError::Setup`] when a sealing key is missing, naming it.
    pub async fn settle_sealing(&self, now: UnixMillis) -> Result<(), StoreError> {
        self.read((), |session, settings, ()| Box::pin(key::expect_openable(session, settings))).await?;
        self.write(now, |transaction, now| Box::pin(sealing::settle(transaction, now))).await
    }

    /// Grows by one whenever keys or plans changed here: what was read before is stale then.
    #[must_use]
    pub fn keys_version(&self) -> u64 {
        self.0.wake.keys_version()
    }

    // Audit.

    /// Records decisions that come with no other change, in one block.
    ///
    /// # Errors
    /// When the database fails or the queue is full.
    pub async fn record(&self, account: AccountId, entries: Vec<(UnixMillis, Entry)>) -> Result<(), StoreError> {
        self.write(Records { account, entries }, |transaction, records| Box::pin(audit::record(transaction, records))).await
    }

    /// At most `limit` blocks of the account's audit.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn audit_blocks(&self, account: AccountId, range: BlockRange, limit: u32) -> Result<Vec<Block>, StoreError> {
        let wanted = (account, range, limit);
        self.read_of(account, wanted, |session, _, wanted| Box::pin(audit::blocks(session, wanted))).await
    }

    /// Between which blocks the account's audit lies.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn audit_ends(&self, account: AccountId) -> Result<Ends, StoreError> {
        self.read_of(account, account, |session, _, account| Box::pin(audit::ends(session, account))).await
    }

    /// One step of forgetting audit blocks that have been kept long enough: one account's oldest. The chain stays
    /// verifiable from where it is cut off.
    ///
    /// # Errors
    /// When the database fails or the queue is full.
    pub async fn prune_audit(&self, now: UnixMillis, from: Option<AuditCursor>) -> Result<PrunedAudit, StoreError> {
        self.write((now, from), |transaction, order| Box::pin(audit::prune::step(transaction, order))).await
    }

    /// What happened to the account's jobs behind an event.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn events(&self, query: EventQuery) -> Result<EventPage, StoreError> {
        self.read_of(query.account, query, |session, _, query| Box::pin(event::page(session, query))).await
    }

    /// Listens for new entries of an account's audit.
    #[must_use]
    pub fn watch_recorded(&self, account: AccountId) -> RecordedWatch {
        self.0.wake.watch_recorded(account)
    }

    // Time.

    /// One step of what time does to jobs: leases and waits end, deadlines pass. `jitter` is random, from 0 to 1.
    ///
    /// # Errors
    /// When the database fails or the queue is full.
    pub async fn upkeep(&self, now: UnixMillis, jitter: f64) -> Result<Upkeep, StoreError> {
        self.write(UpkeepOrder { now, jitter }, |transaction, order| Box::pin(upkeep::step(transaction, order))).await
    }

    /// One step of forgetting what has been kept long enough; the next goes on where this one ended.
    ///
    /// # Errors
    /// When the database fails or the queue is full.
    pub async fn prune(&self, now: UnixMillis, from: Option<PruneCursor>) -> Result<Pruned, StoreError> {
        self.write(PruneOrder { now, from }, |transaction, order| Box::pin(prune::step(transaction, order))).await
    }

    /// Runs a function over a connection that reads, for no account in particular.
    pub(crate) async fn read<I, T>(&self, input: I, function: ReadFn<I, T>) -> Result<T, StoreError>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
    {
        self.read_of(Whose::default(), input, function).await
    }

    /// Runs a function over a connection that reads, in the turn of whom it is for.
    pub(crate) async fn read_of<I, T>(&self, whose: impl Into<Whose>, input: I, function: ReadFn<I, T>) -> Result<T, StoreError>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
    {
        self.0.readers.read(&self.0.settings, whose.into(), input, function).await
    }

    /// Runs an operation that belongs to no account in particular.
    pub(crate) async fn write<I, T>(&self, input: I, function: WriteFn<I, T>) -> Result<T, StoreError>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
    {
        self.write_of(None, input, function).await
    }

    /// Runs an operation in its account's turn.
    async fn write_of<I, T>(&self, account: Option<AccountId>, input: I, function: WriteFn<I, T>) -> Result<T, StoreError>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.0.lanes.run(account, Box::new(Pending::new(self.1.clone(), input, function, reply)))?;
        answer.await.map_err(|_| StoreError::OutcomeUnknown)?
    }

    /// As [`Self::write`], behind whatever the device has asked for before.
    async fn write_for<I, T>(&self, (account, device): (AccountId, DeviceId), input: I, function: WriteFn<I, T>) -> Result<T, StoreError>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.0.lanes.run_for(account, device, Box::new(Pending::new(self.1.clone(), input, function, reply)))?;
        answer.await.map_err(|_| StoreError::OutcomeUnknown)?
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("queued_operations", &self.queued_operations()).finish_non_exhaustive()
    }
}
