//! Rows as scripts read them. Readiness is computed here, when they are read.

use domain::readiness::{RowFacts, not_ready_reasons};
use protocol::{AccountId, Class, Conclusion, Environment, JobId, RowExpectation, UnixMillis};

use crate::channel;
use crate::error::StoreError;
use crate::page_room::Room;
use crate::reader::Whose;
use crate::report::{read_expectation, row_inputs};
use crate::session::{Row, Session, Value};
use crate::settings::Settings;
use crate::statement;
use crate::store::Store;
use crate::turns::Asker;

/// Rows that one page looks at, so that a filter which fits few rows costs no more than one that fits many.
const SCANNED_ROWS: usize = 2_000;
/// Rows that are read at once while looking for rare ones.
const SCANNED_AT_ONCE: usize = 500;

/// Which rows a page shows.
#[derive(Clone, Debug)]
pub struct RowFilter {
    /// Whose.
    pub account: AccountId,
    /// Who asks, where that is known.
    pub asker: Option<Asker>,
    /// Of which environment.
    pub environment: Environment,
    /// Of this source.
    pub source: Option<String>,
    /// Ready, or not.
    pub ready_for_ads: Option<bool>,
    /// Behind this source and row id.
    pub after: Option<(String, String)>,
    /// At most this many; 1 to 200.
    pub limit: usize,
}

/// A page of rows, by source and row id.
#[derive(Clone, Debug, PartialEq)]
pub struct RowRecordPage {
    /// The rows.
    pub rows: Vec<protocol::Row>,
    /// Where the next page begins, if there is one.
    pub next: Option<(String, String)>,
}

/// Which row, and how readiness is measured.
#[derive(Clone, Debug)]
pub(crate) struct RowKey {
    pub(crate) account: AccountId,
    pub(crate) environment: Environment,
    pub(crate) source: String,
    pub(crate) row_id: String,
}

impl RowKey {
    /// As the statements of `rows/` begin.
    pub(crate) fn values(&self) -> [Value<'_>; 4] {
        [(&self.account).into(), self.environment.into(), (&self.source).into(), (&self.row_id).into()]
    }
}

impl Store {
    /// One row; `None` when the account has no such row.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn row(
        &self,
        (account, environment): (AccountId, Environment),
        (source, row_id): (String, String),
        now: UnixMillis,
    ) -> Result<Option<protocol::Row>, StoreError> {
        let key = RowKey { account, environment, source, row_id };
        self.read_of(account, (key, now), |session, settings, (key, now)| Box::pin(one(session, settings, key, *now))).await
    }

    /// A page of rows.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn rows(&self, filter: RowFilter, now: UnixMillis) -> Result<RowRecordPage, StoreError> {
        let whose = Whose { account: Some(filter.account), asker: filter.asker };
        self.read_of(whose, (filter, now), |session, settings, (filter, now)| Box::pin(page(session, settings, filter, *now))).await
    }
}

pub(crate) async fn one(
    session: &mut Session<'_>,
    settings: &Settings,
    key: &RowKey,
    now: UnixMillis,
) -> Result<Option<protocol::Row>, StoreError> {
    let freshness_millis = channel::of(session, settings, &key.account).await?.freshness_millis();
    let row = session.row(&statement::ROW, &key.values()).await?;
    row.map(|row| record(&row, now, freshness_millis)).transpose()
}

pub(crate) async fn page(
    session: &mut Session<'_>,
    settings: &Settings,
    filter: &RowFilter,
    now: UnixMillis,
) -> Result<RowRecordPage, StoreError> {
    let freshness_millis = channel::of(session, settings, &filter.account).await?.freshness_millis();
    // A source's rows stand together: begin before its first one.
    let mut place = filter.after.clone().unwrap_or_else(|| (filter.source.clone().unwrap_or_default(), String::new()));
    let mut page = RowRecordPage { rows: Vec::new(), next: None };
    let (mut shown, mut looked_through) = (Room::of_page(), Room::of_look());
    let mut left = SCANNED_ROWS;
    // Most pages are full after a few more rows than they show; only a filter that fits few looks at all that it may.
    let mut stretch = (filter.limit + 1).min(left);
    while left > 0 {
        let most = Value::Int(i64::try_from(stretch).unwrap_or(i64::MAX));
        let parameters = [(&filter.account).into(), filter.environment.into(), (&place.0).into(), (&place.1).into(), most];
        let rows = session.rows_within(&statement::ROW_PAGE, &parameters, &mut looked_through).await?;
        for row in &rows {
            let row = record(row, now, freshness_millis)?;
            if filter.source.as_ref().is_some_and(|source| *source != row.source) {
                return Ok(page);
            }
            let fits = filter.ready_for_ads.is_none_or(|wanted| wanted == row.ready_for_ads);
            if page.rows.len() == filter.limit || (fits && !shown.take_row(&row)) {
                page.next = Some(place);
                return Ok(page);
            }
            place = (row.source.clone(), row.row_id.clone());
            if fits {
                page.rows.push(row);
            }
        }
        if looked_through.is_full() {
            break;
        }
        if rows.len() < stretch {
            return Ok(page);
        }
        left -= rows.len();
        stretch = left.min(SCANNED_AT_ONCE);
    }
    page.next = Some(place);
    Ok(page)
}

/// Reads the first columns of `rows/row` and of every page of rows.
pub(crate) fn record(row: &Row, now: UnixMillis, freshness_millis: i64) -> Result<protocol::Row, StoreError> {
    let (tracking_url, expected_domain): (String, Option<String>) = (row.get(3)?, row.get(4)?);
    let job_id: JobId = row.get(5)?;
    let (expectation, skip_reason): (Option<String>, Option<String>) = (row.get(12)?, row.get(13)?);
    let last_conclusion = (row.get::<Option<String>>(6)?)
        .map(|code| code.parse::<Conclusion>().map_err(|_| StoreError::Corrupt(format!("`{code}` is no conclusion"))))
        .transpose()?;
    // While a row is excluded that stands before what the last check said; afterwards this counts again.
    let (conclusion, detail) = match skip_reason {
        Some(reason) => (Some(Conclusion::SkippedByOperator), Some(reason)),
        None => (last_conclusion, row.get(8)?),
    };
    let checked_hash: Option<[u8; 32]> = row.get(11)?;
    let facts = RowFacts {
        conclusion,
        last_checked: row.get(9)?,
        unchanged: checked_hash == Some(row_inputs(&tracking_url, expected_domain.as_deref(), expectation.as_deref()).0),
        context_used: row.get::<Option<bool>>(10)?.unwrap_or(false),
    };
    let not_ready_reasons = not_ready_reasons(&facts, now, freshness_millis);
    // A failure and a deliberate exclusion never stand in each other's place.
    let (error, skip_reason) = match conclusion.map(Conclusion::class) {
        None | Some(Class::Ok) => (None, None),
        Some(Class::Skipped) => (None, detail),
        Some(Class::Bad | Class::Review | Class::Inconclusive) => (detail, None),
    };
    let RowExpectation { required_parameters, accepted_url } = read_expectation(expectation.as_deref())?;
    Ok(protocol::Row {
        source: row.get(0)?,
        row_id: row.get(1)?,
        offer_name: row.get(2)?,
        tracking_url,
        expected_domain,
        required_parameters,
        accepted_url,
        check_status: conclusion.map(Conclusion::class).into(),
        final_url: row.get(7)?,
        conclusion,
        error,
        skip_reason,
        last_checked: facts.last_checked,
        job_id: Some(job_id),
        ready_for_ads: not_ready_reasons.is_empty(),
        not_ready_reasons,
    })
}
