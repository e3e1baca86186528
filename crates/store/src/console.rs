//! The store as the console sees it: one function an operation. What a page shows is read in bounded stretches; see
//! [`console_rows`], [`concluded_hours`] and [`presence`].

use domain::audit::Actor;
use protocol::{AccountId, DeviceId, Environment, UnixMillis};

use crate::account;
use crate::concluded_hours::{self, ConcludedHour};
use crate::console_rows::{self, Attention, ConsoleRow, ConsoleRowFilter, ConsoleRowPage, QueueHead};
use crate::device;
use crate::error::StoreError;
use crate::presence::{self, Heard, HeldLease, Presence};
use crate::reader::Whose;
use crate::row::RowKey;
use crate::store::Store;

impl Store {
    /// One row with what happened to it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn console_row(
        &self,
        (account, environment): (AccountId, Environment),
        (source, row_id): (String, String),
        now: UnixMillis,
    ) -> Result<Option<ConsoleRow>, StoreError> {
        let key = RowKey { account, environment, source, row_id };
        self.read_of(account, (key, now), |session, settings, order| Box::pin(console_rows::of_key(session, settings, order))).await
    }

    /// A page of rows as a person looks for them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn console_rows(&self, filter: ConsoleRowFilter, now: UnixMillis) -> Result<ConsoleRowPage, StoreError> {
        let whose = Whose { account: Some(filter.account), asker: filter.asker };
        self.read_of(whose, (filter, now), |session, settings, order| Box::pin(console_rows::page(session, settings, order))).await
    }

    /// Gives a row that a file described its offer's name, and lets its waiting job go by what the row asks for now.
    ///
    /// # Errors
    /// When the database fails or the queue is full.
    pub async fn finish_import(
        &self,
        (account, environment): (AccountId, Environment),
        (source, row_id): (String, String),
        offer_name: Option<String>,
    ) -> Result<(), StoreError> {
        let key = RowKey { account, environment, source, row_id };
        self.write((key, offer_name), |transaction, order| Box::pin(console_rows::finish_import(transaction, order))).await
    }

    /// Whether the account has any row.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn has_rows(&self, account: AccountId, environment: Environment) -> Result<bool, StoreError> {
        self.read_of(account, (account, environment), |session, _, key| Box::pin(console_rows::has_any(session, key))).await
    }

    /// The sources that the account's active channel may be: the one that every account has, those of its live rows, and
    /// the one that it is.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn channel_sources(&self, account: AccountId) -> Result<Vec<String>, StoreError> {
        let mut sources = domain::channel::sources(self.sources(account, Environment::Live).await?);
        let source = self.channel(account).await?.source;
        if !sources.contains(&source) {
            sources.push(source);
        }
        Ok(sources)
    }

    /// The sources that the account has rows of, in order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sources(&self, account: AccountId, environment: Environment) -> Result<Vec<String>, StoreError> {
        self.read_of(account, (account, environment), |session, _, key| Box::pin(console_rows::sources(session, key))).await
    }

    /// How many rows want a look, and how many have come to want it since.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn attention(&self, account: AccountId, environment: Environment, since: UnixMillis) -> Result<Attention, StoreError> {
        self.read_of(account, (account, environment, since), |session, _, key| Box::pin(console_rows::attention(session, key))).await
    }

    /// The account's queue as it is now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn queue_head(&self, account: AccountId) -> Result<QueueHead, StoreError> {
        self.read_of(account, account, |session, _, account| Box::pin(console_rows::queue_head(session, account))).await
    }

    /// The name of the account's plan; `None` when there is no such account.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn plan_name(&self, account: AccountId) -> Result<Option<String>, StoreError> {
        self.read_of(account, account, |session, _, account| Box::pin(account::plan_name(session, account))).await
    }

    /// What was concluded in which hour, from the one of `since` on, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn concluded_hours(
        &self,
        account: AccountId,
        environment: Environment,
        since: UnixMillis,
    ) -> Result<Vec<ConcludedHour>, StoreError> {
        self.read_of(account, (account, environment, since), |session, _, key| Box::pin(concluded_hours::since(session, key))).await
    }

    /// When each device of the account was heard last.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn presence(&self, account: AccountId) -> Result<Vec<Presence>, StoreError> {
        self.read_of(account, account, |session, _, account| Box::pin(presence::of_account(session, account))).await
    }

    /// What the account's devices hold now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn held_leases(&self, account: AccountId) -> Result<Vec<HeldLease>, StoreError> {
        self.read_of(account, account, |session, _, account| Box::pin(presence::leases(session, account))).await
    }

    /// Notes that a device was heard.
    ///
    /// # Errors
    /// When the database fails or the queue is full.
    pub async fn note_presence(&self, account: AccountId, presence: Presence) -> Result<(), StoreError> {
        self.write(Heard { account, presence }, |transaction, heard| Box::pin(presence::note(transaction, heard))).await
    }

    /// Gives a device another name. `false`: the account has no such device, or it was revoked.
    ///
    /// # Errors
    /// When the database fails or the queue is full.
    pub async fn rename_device(
        &self,
        account: AccountId,
        device: DeviceId,
        name: String,
        by: Actor,
        now: UnixMillis,
    ) -> Result<bool, StoreError> {
        self.write((account, device, name, by, now), |transaction, order| Box::pin(device::rename(transaction, order))).await
    }
}
