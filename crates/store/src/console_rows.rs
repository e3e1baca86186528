//! Rows as people look for them: by class, by text, by what has changed. Every page reads a bounded stretch of an index, so
//! that it costs the same among a thousand rows and among a million; a page that looked in vain says so and can go on.

use protocol::{AccountId, Class, Conclusion, Environment, JobId, Row as HostedRow, UnixMillis};

use crate::channel;
use crate::error::StoreError;
use crate::operation::Transaction;
use crate::row::{self, RowKey};
use crate::session::{Row, Session, Value};
use crate::settings::Settings;
use crate::statement::{self, Statement};

/// Rows that one page looks at: some 30 ms of reading.
const LOOKED_AT: usize = 5_000;
/// Rows that are read at once while looking for rare ones.
const STRETCH: usize = 1_000;
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
    /// Bad ones first, then those to review, then the inconclusive, then the others; each by source and row id.
    Worst,
}

/// Which rows a person wants to see.
#[derive(Clone, Debug)]
pub struct ConsoleRowFilter {
    /// Whose.
    pub account: AccountId,
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

/// Where a page ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowPlace {
    /// Whether the rows whose id begins with the text have all been shown.
    pub past_prefix: bool,
    /// Where in the order it stands: when the last row changed, or was checked; the number of its class among the worst
    /// first; 0 by key.
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
    /// Whether the order holds among the first rows that fit, and not among all. An index on the last check would move with
    /// every check, and cost more than all else that a report does to its row (ADR 17).
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
    let by_check = matches!(filter.order, RowOrder::Checked | RowOrder::CheckedBack);
    if !by_check {
        return found(session, filter, *now, freshness_millis).await;
    }
    let first = ConsoleRowFilter { order: RowOrder::Key, after: None, limit: LOOKED_AT, ..filter.clone() };
    Ok(sorted(found(session, &first, *now, freshness_millis).await?, filter))
}

/// The page of what was found that begins behind the filter's place, by the last check.
fn sorted(found: ConsoleRowPage, filter: &ConsoleRowFilter) -> ConsoleRowPage {
    let key = |row: &ConsoleRow| (row.row.last_checked.map_or(0, |at| at.0), row.row.source.clone(), row.row.row_id.clone());
    let mut rows = found.rows;
    rows.sort_by_cached_key(key);
    if filter.order == RowOrder::Checked {
        rows.reverse();
    }
    let behind = filter.after.as_ref().map(|place| (place.at, place.source.clone(), place.row_id.clone()));
    let is_behind = |row: &ConsoleRow| match (&behind, filter.order) {
        (None, _) => true,
        (Some(place), RowOrder::Checked) => key(row) < *place,
        (Some(place), _) => key(row) > *place,
    };
    let mut rows: Vec<ConsoleRow> = rows.into_iter().filter(is_behind).take(filter.limit + 1).collect();
    let has_more = rows.len() > filter.limit;
    rows.truncate(filter.limit);
    let last = rows.last().filter(|_| has_more).map(key);
    let next = last.map(|(at, source, row_id)| RowPlace { past_prefix: true, at, source, row_id });
    ConsoleRowPage { rows, next, looked_at: found.looked_at, is_part: found.next.is_some() }
}

async fn found(
    session: &mut Session<'_>,
    filter: &ConsoleRowFilter,
    now: UnixMillis,
    freshness_millis: i64,
) -> Result<ConsoleRowPage, StoreError> {
    let mut search = Search { filter, now, freshness_millis, phase: None, page: ConsoleRowPage::default() };
    let start = filter.after.clone();
    if filter.text.is_some() && !start.as_ref().is_some_and(|place| place.past_prefix) && search.goes_by_key() {
        if search.with_prefix(session, start).await? {
            return Ok(search.page);
        }
        // Before the first row, as a place that a next page can begin at.
        let source = filter.source.clone().unwrap_or_default();
        search.walk(session, Some(RowPlace { past_prefix: true, at: 0, source, row_id: String::new() })).await?;
    } else {
        search.walk(session, start).await?;
    }
    Ok(search.page)
}

struct Search<'f> {
    filter: &'f ConsoleRowFilter,
    now: UnixMillis,
    freshness_millis: i64,
    /// Where the search stands in [`WORST_FIRST`], when it goes that way.
    phase: Option<usize>,
    page: ConsoleRowPage,
}

/// The index along which rows are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Along {
    Key,
    KeyBack,
    Change,
    Class(Class),
    Skipped,
}

/// What a person looks at first; behind it, whatever is left.
const WORST_FIRST: [Along; 4] = [Along::Class(Class::Bad), Along::Class(Class::Review), Along::Class(Class::Inconclusive), Along::Key];

impl Search<'_> {
    fn goes_by_key(&self) -> bool {
        self.filter.changed_since.is_none() && self.filter.order == RowOrder::Key
    }

    fn is_full(&self) -> bool {
        self.page.rows.len() >= self.filter.limit
    }

    /// Rows whose id begins with the text: by the key, so they are found among any number. True: the page is full.
    async fn with_prefix(&mut self, session: &mut Session<'_>, start: Option<RowPlace>) -> Result<bool, StoreError> {
        let Some(prefix) = self.filter.text.clone() else { return Ok(false) };
        let from = start.as_ref().map(|place| place.source.clone()).unwrap_or_default();
        for source in sources(session, &(self.filter.account, self.filter.environment)).await? {
            if source < from || self.filter.source.as_ref().is_some_and(|wanted| *wanted != source) {
                continue;
            }
            let behind = start.as_ref().filter(|place| place.source == source).map(|place| place.row_id.clone());
            if behind.is_none() {
                self.exactly(session, &source, &prefix).await?;
            }
            let behind = behind.unwrap_or_else(|| prefix.clone());
            let room = Value::Int(i64::try_from(self.filter.limit + 1 - self.page.rows.len().min(self.filter.limit)).unwrap_or(1));
            let parameters = [(&self.filter.account).into(), self.filter.environment.into(), (&source).into(), (&behind).into(), room];
            for row in session.rows(&statement::ROWS_FOUND, &parameters).await? {
                let row = self.read(&row)?;
                if row.row.source != source || !row.row.row_id.starts_with(&prefix) {
                    break;
                }
                if self.is_full() {
                    let last = self.page.rows.last().map(|row| (row.row.source.clone(), row.row.row_id.clone()));
                    self.page.next = last.map(|(source, row_id)| RowPlace { past_prefix: false, at: 0, source, row_id });
                    return Ok(true);
                }
                self.page.looked_at += 1;
                if self.fits(&row) {
                    self.page.rows.push(row);
                }
            }
        }
        Ok(false)
    }

    async fn exactly(&mut self, session: &mut Session<'_>, source: &str, row_id: &str) -> Result<(), StoreError> {
        let key = RowKey {
            account: self.filter.account,
            environment: self.filter.environment,
            source: source.to_owned(),
            row_id: row_id.to_owned(),
        };
        if let Some(found) = one(session, &key, self.now, self.freshness_millis).await?
            && self.fits(&found)
        {
            self.page.rows.push(found);
        }
        Ok(())
    }

    /// The index whose order is the one that is asked for; `None`: several, the worst first.
    fn along(&self) -> Option<Along> {
        let filter = self.filter;
        let of_class = filter.class.flatten().or(filter.conclusion.map(Conclusion::class));
        Some(match (filter.order, of_class) {
            (RowOrder::Change, _) => Along::Change,
            _ if filter.changed_since.is_some() => Along::Change,
            (_, Some(Class::Skipped)) => Along::Skipped,
            (_, Some(class @ (Class::Review | Class::Inconclusive | Class::Bad))) => Along::Class(class),
            (RowOrder::KeyBack, _) => Along::KeyBack,
            (RowOrder::Worst, None) if filter.class.is_none() => return None,
            // By the last check what is found by key is sorted.
            (RowOrder::Key | RowOrder::Worst | RowOrder::Checked | RowOrder::CheckedBack, _) => Along::Key,
        })
    }

    /// Along one index, or along one behind the other.
    async fn walk(&mut self, session: &mut Session<'_>, start: Option<RowPlace>) -> Result<(), StoreError> {
        if let Some(along) = self.along() {
            return self.walk_along(session, along, start).await;
        }
        let begin = start.as_ref().and_then(|place| usize::try_from(place.at).ok()).unwrap_or_default();
        let mut start = start;
        for (phase, along) in WORST_FIRST.iter().enumerate().skip(begin) {
            self.phase = Some(phase);
            // A page that is full when a class ends goes on before the first row of the next.
            let source = self.filter.source.clone().unwrap_or_default();
            let before_all = RowPlace { past_prefix: true, at: i64::try_from(phase).unwrap_or_default(), source, row_id: String::new() };
            self.walk_along(session, *along, Some(start.take().unwrap_or(before_all))).await?;
            if self.page.next.is_some() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Stretch by stretch along an index, until the page is full or enough was looked at.
    async fn walk_along(&mut self, session: &mut Session<'_>, along: Along, start: Option<RowPlace>) -> Result<(), StoreError> {
        let mut place = start;
        // Most pages are full after their first stretch.
        let mut stretch = self.filter.limit + 1;
        while self.page.looked_at < LOOKED_AT {
            let rows = self.stretch(session, along, place.as_ref(), stretch).await?;
            let was_last = rows.len() < stretch;
            for row in &rows {
                let row = self.read(row)?;
                if self.is_past_source(along, &row) {
                    return Ok(());
                }
                if self.is_full() {
                    self.page.next = place;
                    return Ok(());
                }
                self.page.looked_at += 1;
                place = Some(self.place_of(&row, along));
                if self.fits(&row) && !self.was_shown(&row) {
                    self.page.rows.push(row);
                }
            }
            if was_last {
                return Ok(());
            }
            stretch = STRETCH;
        }
        self.page.next = place;
        Ok(())
    }

    async fn stretch(
        &self,
        session: &mut Session<'_>,
        along: Along,
        place: Option<&RowPlace>,
        most: usize,
    ) -> Result<Vec<Row>, StoreError> {
        let filter = self.filter;
        let (account, environment) = (Value::from(&filter.account), Value::from(filter.environment));
        let most = Value::Int(i64::try_from(most).unwrap_or(i64::MAX));
        let row_id = place.map_or("", |place| place.row_id.as_str());
        // A source's rows stand together: begin before its first one.
        let source = place.map_or_else(|| filter.source.as_deref().unwrap_or_default(), |place| place.source.as_str());
        let by_key = |statement: &'static Statement| (statement, vec![account, environment, source.into(), row_id.into(), most]);
        let (statement, parameters) = match along {
            Along::Key => by_key(&statement::ROWS_FOUND),
            Along::Skipped => by_key(&statement::ROWS_SKIPPED),
            Along::Class(class) => {
                let class = Value::Int(class_number(class));
                (&statement::ROWS_BY_CLASS, vec![account, environment, class, source.into(), row_id.into(), most])
            }
            Along::KeyBack => {
                // Behind every source and every row id, or behind the rows of the one source.
                let (source, row_id) = match (place, &filter.source) {
                    (Some(place), _) => (place.source.as_str(), place.row_id.as_str()),
                    (None, Some(source)) => (source.as_str(), BEHIND_ALL),
                    (None, None) => (BEHIND_ALL, ""),
                };
                (&statement::ROWS_FOUND_BACK, vec![account, environment, source.into(), row_id.into(), most])
            }
            // Sources stand mixed among moments: begin behind every one of them.
            Along::Change => {
                let since = filter.changed_since.unwrap_or(UnixMillis(0));
                let (before, source, row_id) = place.map_or((i64::MAX, "", ""), |place| (place.at, &place.source, &place.row_id));
                (&statement::ROWS_BY_CHANGE, vec![account, environment, since.into(), before.into(), source.into(), row_id.into(), most])
            }
        };
        session.rows(statement, &parameters).await
    }

    fn place_of(&self, row: &ConsoleRow, along: Along) -> RowPlace {
        let at = match along {
            Along::Change => row.changed_at.map_or(0, |at| at.0),
            _ => self.phase.and_then(|phase| i64::try_from(phase).ok()).unwrap_or_default(),
        };
        RowPlace { past_prefix: true, at, source: row.row.source.clone(), row_id: row.row.row_id.clone() }
    }

    fn read(&self, row: &Row) -> Result<ConsoleRow, StoreError> {
        read(row, self.now, self.freshness_millis)
    }

    /// Behind the rows of the one source that is asked for, nothing fits any more. By change, sources are mixed.
    fn is_past_source(&self, along: Along, row: &ConsoleRow) -> bool {
        along != Along::Change && self.filter.source.as_ref().is_some_and(|source| *source != row.row.source)
    }

    /// Whether an earlier page has shown it for its row id.
    fn was_shown(&self, row: &ConsoleRow) -> bool {
        self.goes_by_key() && self.filter.text.as_ref().is_some_and(|text| row.row.row_id.starts_with(text))
    }

    fn fits(&self, row: &ConsoleRow) -> bool {
        let (filter, changed_at, row) = (self.filter, row.changed_at, &row.row);
        let class = row.conclusion.map(Conclusion::class);
        // A row that a person excluded keeps its class beneath; it is among those that are left.
        let is_of_phase = self.phase.is_none_or(|phase| {
            let of = |phase: Along| class.is_some_and(|class| phase == Along::Class(class));
            match WORST_FIRST.get(phase) {
                Some(class @ Along::Class(_)) => of(*class),
                _ => !WORST_FIRST.into_iter().any(of),
            }
        });
        is_of_phase
            && filter.class.is_none_or(|wanted| class == wanted)
            && filter.conclusion.is_none_or(|wanted| row.conclusion == Some(wanted))
            && filter.source.as_ref().is_none_or(|source| *source == row.source)
            && filter.ready.is_none_or(|ready| ready == row.ready_for_ads)
            && filter.changed_since.is_none_or(|since| changed_at.is_some_and(|at| at >= since))
            && filter.text.as_ref().is_none_or(|text| has_text(row, text))
    }
}

/// No source and no row id of ours begins with this: the highest character there is.
const BEHIND_ALL: &str = "\u{10ffff}";

fn has_text(row: &HostedRow, text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let has = |field: &str| field.to_ascii_lowercase().contains(&text);
    has(&row.row_id) || has(&row.tracking_url) || row.offer_name.as_deref().is_some_and(has) || row.final_url.as_deref().is_some_and(has)
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

fn read(row: &Row, now: UnixMillis, freshness_millis: i64) -> Result<ConsoleRow, StoreError> {
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

async fn one(session: &mut Session<'_>, key: &RowKey, now: UnixMillis, freshness_millis: i64) -> Result<Option<ConsoleRow>, StoreError> {
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
