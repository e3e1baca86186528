//! What a person changes about a row: what is expected of it, whether it is checked at all, and when it is checked again.
//! The POST of a fetch changes none of this but the expected domain.

use std::fmt;

use domain::Month;
use domain::audit::{Actor, Entry};
use protocol::fetch_request::canonical_domain;
use protocol::{JobId, PayloadError, RequiredParameter, Row, RowExpectation, UnixMillis};

use crate::admission::{Admission, RecheckedRow};
use crate::cancel::take_queued;
use crate::error::StoreError;
use crate::operation::Transaction;
use crate::report::{read_context, read_expectation};
use crate::row::{self, RowKey};
use crate::session::{Session, Value};
use crate::skip::{self, Skipped};
use crate::statement;

/// Bytes of the reason for an exclusion: a sentence or two.
const MAX_REASON_BYTES: usize = 1_024;
/// Jobs of one row that an exclusion ends at once, the newest first: far more than anybody has waiting for one row.
const MAX_OPEN_JOBS: i64 = 500;

/// One change of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowEdit {
    /// Registrable domain or host where it should land; `None`: anywhere.
    ExpectedDomain(Option<String>),
    /// The query parameters that must reach the final URL.
    RequiredParameters(Vec<RequiredParameter>),
    /// The final URL from which another host or path is drift; `None`: no place is drift.
    AcceptedUrl(Option<String>),
    /// The final URL that the person has seen becomes the accepted one, if the row still ends there.
    AcceptFinalUrl {
        /// As it was shown.
        seen: String,
    },
    /// The row is not checked until [`RowEdit::Unskip`]. What waits for it ends as `skipped_by_operator`; what a desktop
    /// works on already goes on to its end.
    Skip {
        /// Why, for whoever reads the row.
        reason: String,
    },
    /// The row is checked again, from the next job on.
    Unskip,
}

/// What was changed, and to what: for the audit.
impl fmt::Display for RowEdit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
        match self {
            Self::ExpectedDomain(domain) => write!(f, "expected domain: {}", or_none(domain)),
            Self::RequiredParameters(required) if required.is_empty() => f.write_str("required parameters: none"),
            Self::RequiredParameters(required) => {
                let required: Vec<String> = required.iter().map(ToString::to_string).collect();
                write!(f, "required parameters: {}", required.join(", "))
            }
            Self::AcceptedUrl(url) => write!(f, "accepted URL: {}", or_none(url)),
            Self::AcceptFinalUrl { seen } => write!(f, "accepted URL: {seen}, where it lands"),
            Self::Skip { reason } => write!(f, "excluded: {reason}"),
            Self::Unskip => f.write_str("no longer excluded"),
        }
    }
}

/// What became of an edit.
#[derive(Clone, Debug, PartialEq)]
pub enum RowEdited {
    /// It is made; here is the row as it is now.
    Done(Box<Row>),
    /// The account has no such row.
    Unknown,
    /// The new value breaks a rule; the pointer names the member.
    Invalid(PayloadError),
    /// The row ends elsewhere by now: the person should look again before accepting.
    LandsElsewhere {
        /// Where it ends.
        final_url: Option<String>,
    },
}

/// What became of a wish to check a row again.
#[derive(Clone, Debug, PartialEq)]
pub enum Recheck {
    /// Decided as a caller's request is; accepted, it is the row's newest job.
    Decided(Admission),
    /// Its newest job has not ended: one check at a time.
    UnderWay(JobId),
    /// The account has no such row.
    Unknown,
}

/// Which change, of which row.
#[derive(Debug)]
pub(crate) struct EditOrder {
    pub(crate) row: RowKey,
    pub(crate) edit: RowEdit,
    pub(crate) by: Actor,
    pub(crate) now: UnixMillis,
}

pub(crate) async fn edit(transaction: &mut Transaction<'_>, order: &EditOrder) -> Result<RowEdited, StoreError> {
    let key = order.row.values();
    let Some(row) = transaction.session.row(&statement::LOCK_ROW, &key).await? else { return Ok(RowEdited::Unknown) };
    let refused = match &order.edit {
        RowEdit::ExpectedDomain(domain) => set_domain(&mut transaction.session, key, domain.as_deref()).await?,
        RowEdit::Skip { reason } => skip_row(transaction, order, reason).await?,
        RowEdit::Unskip => {
            transaction.session.rows(&statement::UNSKIP_ROW, &key).await?;
            None
        }
        RowEdit::RequiredParameters(_) | RowEdit::AcceptedUrl(_) | RowEdit::AcceptFinalUrl { .. } => {
            let (expectation, final_url): (Option<String>, Option<String>) = (row.get(0)?, row.get(1)?);
            let mut expectation = read_expectation(expectation.as_deref())?;
            match &order.edit {
                RowEdit::RequiredParameters(required) => expectation.required_parameters.clone_from(required),
                RowEdit::AcceptedUrl(url) => expectation.accepted_url.clone_from(url),
                RowEdit::AcceptFinalUrl { seen } if final_url.as_ref() != Some(seen) => return Ok(RowEdited::LandsElsewhere { final_url }),
                RowEdit::AcceptFinalUrl { seen } => expectation.accepted_url = Some(seen.clone()),
                RowEdit::ExpectedDomain(_) | RowEdit::Skip { .. } | RowEdit::Unskip => {}
            }
            set_expectation(&mut transaction.session, key, &expectation).await?
        }
    };
    if let Some(fault) = refused {
        return Ok(RowEdited::Invalid(fault));
    }
    let RowKey { account, environment, source, row_id } = &order.row;
    let (source, row, change) = (source.clone(), row_id.clone(), order.edit.to_string());
    transaction.audit.record(
        *account,
        order.now,
        Entry::RowChanged { by: order.by.clone(), environment: *environment, source, row, change },
    );
    let settings = transaction.settings;
    let row = row::one(&mut transaction.session, settings, &order.row, order.now).await?;
    Ok(row.map_or(RowEdited::Unknown, |row| RowEdited::Done(Box::new(row))))
}

async fn set_domain(session: &mut Session<'_>, key: [Value<'_>; 4], domain: Option<&str>) -> Result<Option<PayloadError>, StoreError> {
    let canonical = match domain.map(|domain| canonical_domain(domain).ok_or(domain)).transpose() {
        Ok(canonical) => canonical,
        Err(_) => {
            let detail = "must be a domain or host such as `shop.example`, without scheme, port or path";
            return Ok(Some(PayloadError::new("/expectedDomain", detail)));
        }
    };
    let [account, environment, source, row_id] = key;
    session.rows(&statement::SET_EXPECTED_DOMAIN, &[account, environment, source, row_id, canonical.as_deref().into()]).await?;
    Ok(None)
}

async fn set_expectation(
    session: &mut Session<'_>,
    key: [Value<'_>; 4],
    expectation: &RowExpectation,
) -> Result<Option<PayloadError>, StoreError> {
    if let Err(fault) = expectation.check() {
        return Ok(Some(fault));
    }
    // Nothing is stored of what asks for nothing: the row is then as it was before anybody asked.
    let json = (!expectation.is_empty()).then(|| serde_json::to_string(expectation).unwrap_or_default());
    let [account, environment, source, row_id] = key;
    session.rows(&statement::SET_EXPECTATION, &[account, environment, source, row_id, json.as_deref().into()]).await?;
    Ok(None)
}

async fn skip_row(transaction: &mut Transaction<'_>, order: &EditOrder, reason: &str) -> Result<Option<PayloadError>, StoreError> {
    if reason.trim().is_empty() || reason.len() > MAX_REASON_BYTES || reason.contains(char::is_control) {
        return Ok(Some(PayloadError::new("/reason", "must have 1 to 1024 bytes and no control characters")));
    }
    let RowKey { account, environment, .. } = order.row;
    let [of_account, of_environment, source, row_id] = order.row.values();
    let values = [of_account, of_environment, source, row_id, reason.into(), order.now.into()];
    transaction.session.rows(&statement::SKIP_ROW, &values).await?;
    let open = [of_account, of_environment, source, row_id, MAX_OPEN_JOBS.into()];
    let mut ending = Vec::new();
    for job in transaction.session.rows(&statement::OPEN_JOBS_OF_ROW, &open).await? {
        let (job_id, created_at, expires_at): (JobId, UnixMillis, UnixMillis) = (job.get(0)?, job.get(1)?, job.get(2)?);
        if take_queued(&mut transaction.session, account, job_id, expires_at).await? {
            transaction.counters.give_back(account, environment, Month::of(created_at));
            transaction.counters.add_waiting(account, -1);
            ending.push(Skipped { account, job_id, reason });
        }
    }
    skip::conclude(transaction, &ending, order.now).await?;
    Ok(None)
}

/// What a recheck of the row would be made of.
#[derive(Debug)]
pub(crate) enum Recheckable {
    /// A job like this.
    Row(RecheckedRow),
    /// The newest job has not ended.
    UnderWay(JobId),
}

/// Looks at the row; `None` when there is no such row.
pub(crate) async fn recheckable(session: &mut Session<'_>, key: &RowKey) -> Result<Option<Recheckable>, StoreError> {
    let Some(row) = session.row(&statement::RECHECK, &key.values()).await? else { return Ok(None) };
    if row.get(3)? {
        return Ok(Some(Recheckable::UnderWay(row.get(1)?)));
    }
    let (source, row_id) = (key.source.clone(), key.row_id.clone());
    Ok(Some(Recheckable::Row(RecheckedRow { source, row_id, tracking_url: row.get(0)?, context: read_context(row.get(2)?)? })))
}
