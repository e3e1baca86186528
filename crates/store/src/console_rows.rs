//! Rows as people look for them: by class, by text, by what has changed. Every page reads a bounded stretch of an index, so
//! that it costs the same among a thousand rows and among a million; a page that looked in vain says so and can go on.

use protocol::{AccountId, Class, Conclusion, Environment, JobId, Row as HostedRow, UnixMillis};

use crate::channel;
use crate::error::StoreError;
use crate::operation::Transaction;
use crate::page_room::Room;
use crate::row::{self, RowKey};
use crate::row_search::found;
use crate::row_sorting::sorted;
use crate::session::{Row, Session, Value};
use crate::settings::Settings;
use crate::statement;
use crate::turns::Asker;

/// Rows that one page looks at: some 20 ms of reading, as of 10 µs a row that stands far from the one before it.
pub(crate) const LOOKED_AT: usize = 2_500;
/// Up to here people are told how many there are; beyond, that there are more.
pub(crate) const COUNTED: i64 = 1_000;
/// Sources of one account that are told apart in lists.
const MAX_SOURCES: usize = 50;

/// In which order rows come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RowOrder {
    /// By source and row id.
    #[default]
    Key,
    /// By source and row id, the last first.
    KeyBack,
    /// The newest change of conclusion first.
    Change,
    /// Checked last, first, among the first rows by key: see [`ConsoleRowPage::is_part`].
    Checked,
    /// Checked longest ago, first, and before those what was never checked; among the first rows by key, as well.
    CheckedBack,
    /// Ready ones first, the others by why they are not; among the first rows, as well, as all that follow.
    Ready,
    /// As `Ready`, backwards.
    ReadyBack,
    /// By the name of the offer; rows without one come last.
    Offer,
    /// As `Offer`, backwards; rows without a name come last here, too.
    OfferBack,
    /// By where the link ends, host first; rows that have not been anywhere come last.
    FinalUrl,
    /// As `FinalUrl`, backwards; rows that have not been anywhere come last here, too.
    FinalUrlBack,
    /// Bad ones first, then those to review, then the inconclusive, then the others; each by source and row id.
    Worst,
}

/// Which rows a person wants to see.
#[derive(Clone, Debug)]
pub struct ConsoleRowFilter {
    /// Whose.
    pub account: AccountId,
    /// Who asks, where that is known.
    pub asker: Option<Asker>,
    /// Live or test.
    pub environment: Environment,
    /// In which order. Rows of a class that is not ok always come by key, unless by change.
    pub order: RowOrder,
    /// Of this class; `Some(None)`: not checked yet.
    pub class: Option<Option<Class>>,
    /// With this conclusion.
    pub conclusion: Option<Conclusion>,
    /// Of this source.
    pub source: Option<String>,
    /// Ready, or not.
    pub ready: Option<bool>,
    /// With this in row id, offer name or one of the URLs. Row ids that begin with it come first.
    pub text: Option<String>,
    /// Whose conclusion has become another since.
    pub changed_since: Option<UnixMillis>,
    /// Behind this place.
    pub after: Option<RowPlace>,
    /// At most this many.
    pub limit: usize,
}

impl ConsoleRowFilter {
    /// The first rows of an account by key, whatever is known of them.
    #[must_use]
    pub const fn all_of(account: AccountId, environment: Environment, limit: usize) -> Self {
        Self {
            account,
            asker: None,
            environment,
            order: RowOrder::Key,
            class: None,
            conclusion: None,
            source: None,
            ready: None,
            text: None,
            changed_since: None,
            after: None,
            limit,
        }
    }
}

/// Where a page ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowPlace {
    /// Whether the rows whose id begins with the text have all been shown.
    pub past_prefix: bool,
    /// Where in the order it stands: when the last row changed, or was checked; the number of its class among the worst
    /// first; how ready it is; how many rows stand before it by offer or final URL; 0 by key.
    pub at: i64,
    /// Source of the last row that was looked at.
    pub source: String,
    /// Its row id.
    pub row_id: String,
}

/// A row with what happened to it.
#[derive(Clone, Debug, PartialEq)]
pub struct ConsoleRow {
    /// As scripts read it.
    pub row: HostedRow,
    /// What the conclusion was before it became what it is.
    pub previous: Option<Conclusion>,
    /// Since when it is what it is.
    pub changed_at: Option<UnixMillis>,
}

/// A page of rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConsoleRowPage {
    /// The rows.
    pub rows: Vec<ConsoleRow>,
    /// Where the next page begins, if there may be one.
    pub next: Option<RowPlace>,
    /// How many rows were looked at.
    pub looked_at: usize,
    /// Whether the order holds among the first rows that were looked at, and not among all that fit (ADR 19).
    pub is_part: bool,
}

/// How many rows want a look; each up to [`Attention::BOUND`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attention {
    /// Rows that are bad.
    pub bad: u64,
    /// Rows that a person should look at.
    pub review: u64,
    /// Rows of which nothing certain is known.
    pub inconclusive: u64,
    /// Rows that have become bad since.
    pub became_bad: u64,
    /// Rows that have become review since.
    pub became_review: u64,
    /// Rows at all.
    pub rows: u64,
}

impl Attention {
    /// Nothing is counted beyond this.
    pub const BOUND: u64 = COUNTED as u64;
}

/// The queue as it is now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueHead {
    /// Jobs that wait.
    pub waiting: u64,
    /// Jobs that are leased, up to [`Attention::BOUND`].
    pub leased: u64,
    /// When the next job to be leased was admitted.
    pub oldest: Option<UnixMillis>,
}

/// A page of rows.
pub(crate) async fn page(
    session: &mut Session<'_>,
    settings: &Settings,
    (filter, now): &(ConsoleRowFilter, UnixMillis),
) -> Result<ConsoleRowPage, StoreError> {
    let freshness_millis = channel::of(session, settings, &filter.account).await?.freshness_millis();
    if !filter.order.is_of_part() {
        return found(session, filter, (*now, freshness_millis), Room::of_part()).await;
    }
    let first = ConsoleRowFilter { order: RowOrder::Key, after: None, limit: LOOKED_AT, ..filter.clone() };
    // All of them are sorted; the page is cut behind that.
    Ok(sorted(found(session, &first, (*now, freshness_millis), Room::of_look()).await?, filter))
}

/// What storage knows a class by; rows that are ok have none, so that no index knows of them.
pub(crate) const fn class_number(class: Class) -> i64 {
    match class {
        Class::Ok => 0,
        Class::Skipped => 1,
        Class::Review => 2,
        Class::Inconclusive => 3,
        Class::Bad => 4,
    }
}

pub(crate) fn read(row: &Row, now: UnixMillis, freshness_millis: i64) -> Result<ConsoleRow, StoreError> {
    let previous = (row.get::<Option<String>>(14)?)
        .map(|code| code.parse().map_err(|_| StoreError::Corrupt(format!("`{code}` is no conclusion"))))
        .transpose()?;
    Ok(ConsoleRow { row: row::record(row, now, freshness_millis)?, previous, changed_at: row.get(15)? })
}

/// One row, by the account's own channel.
pub(crate) async fn of_key(
    session: &mut Session<'_>,
    settings: &Settings,
    (key, now): &(RowKey, UnixMillis),
) -> Result<Option<ConsoleRow>, StoreError> {
    let freshness_millis = channel::of(session, settings, &key.account).await?.freshness_millis();
    one(session, key, *now, freshness_millis).await
}

pub(crate) async fn one(
    session: &mut Session<'_>,
    key: &RowKey,
    now: UnixMillis,
    freshness_millis: i64,
) -> Result<Option<ConsoleRow>, StoreError> {
    session.row(&statement::ROW, &key.values()).await?.map(|row| read(&row, now, freshness_millis)).transpose()
}

/// Whether there is any row.
pub(crate) async fn has_any(session: &mut Session<'_>, (account, environment): &(AccountId, Environment)) -> Result<bool, StoreError> {
    let row = session.row(&statement::ANY_ROWS, &[account.into(), (*environment).into(), Value::Int(1)]).await?;
    Ok(row.map_or(Ok(0), |row| row.get::<i64>(0))? > 0)
}

/// The sources that the account has rows of, in order.
pub(crate) async fn sources(
    session: &mut Session<'_>,
    (account, environment): &(AccountId, Environment),
) -> Result<Vec<String>, StoreError> {
    let mut sources: Vec<String> = Vec::new();
    while sources.len() < MAX_SOURCES {
        let behind = sources.last().map_or("", String::as_str);
        match session.row(&statement::NEXT_SOURCE, &[account.into(), (*environment).into(), behind.into()]).await? {
            Some(row) => sources.push(row.get(0)?),
            None => break,
        }
    }
    Ok(sources)
}

/// How many rows want a look, and how many have come to want it since.
pub(crate) async fn attention(
    session: &mut Session<'_>,
    (account, environment, since): &(AccountId, Environment, UnixMillis),
) -> Result<Attention, StoreError> {
    let (whose, of) = (Value::from(account), Value::from(*environment));
    let mut counts = [0_u64; 3];
    for (count, class) in counts.iter_mut().zip([Class::Bad, Class::Review, Class::Inconclusive]) {
        let parameters = [whose, of, class_number(class).into(), COUNTED.into()];
        *count = session.row(&statement::COUNT_CLASS, &parameters).await?.map_or(Ok(0), |row| row.get(0))?;
    }
    let [bad, review, inconclusive] = counts;
    let rows = session.row(&statement::ANY_ROWS, &[whose, of, COUNTED.into()]).await?.map_or(Ok(0), |row| row.get(0))?;
    let mut attention = Attention { bad, review, inconclusive, rows, ..Attention::default() };
    for row in session.rows(&statement::COUNT_CHANGED, &[whose, of, (*since).into(), COUNTED.into()]).await? {
        let (class, count): (Option<i64>, u64) = (row.get(0)?, row.get(1)?);
        match class {
            Some(4) => attention.became_bad = count,
            Some(2) => attention.became_review = count,
            _ => {}
        }
    }
    Ok(attention)
}

/// The queue as it is now.
pub(crate) async fn queue_head(session: &mut Session<'_>, account: &AccountId) -> Result<QueueHead, StoreError> {
    let Some(row) = session.row(&statement::QUEUE_HEAD, &[account.into(), COUNTED.into()]).await? else { return Ok(QueueHead::default()) };
    let next: Option<JobId> = row.get(2)?;
    Ok(QueueHead {
        waiting: row.get::<Option<u64>>(0)?.unwrap_or_default(),
        leased: row.get(1)?,
        oldest: next.map(|job| UnixMillis(crate::concluded_hours::created_millis(job))),
    })
}

/// A row that a file described: what people call its offer, and its newest job goes by what the row asks for now.
pub(crate) async fn finish_import(
    transaction: &mut Transaction<'_>,
    (row, offer_name): &(RowKey, Option<String>),
) -> Result<(), StoreError> {
    let [account, environment, source, row_id] = row.values();
    let named = [account, environment, source, row_id, offer_name.as_deref().into()];
    let Some(row) = transaction.session.row(&statement::NAME_OFFER, &named).await? else { return Ok(()) };
    let (job_id, expectation): (JobId, Option<String>) = (row.get(0)?, row.get(1)?);
    let of_job = [account, (&job_id).into(), expectation.as_deref().into()];
    transaction.session.rows(&statement::EXPECT_OF_JOB, &of_job).await.map(|_| ())
}
