//! Rows for scripts: what the newest job said, and whether money may be spent now.

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use protocol::RowPage;
use store::{Asker, RowFilter};

use crate::answer;
use crate::ingress::jobs::{DEFAULT_PAGE, PAGE};
use crate::ingress::query::Query;
use crate::ingress::read::signed_read;
use crate::ingress::signature::{Caller, NoBody, Signed};
use crate::path::PathParts;
use crate::problem::{Refusal, Refused};
use crate::state::Shared;

/// `GET /api/rows/{source}/{rowId}`
pub(crate) async fn one(
    State(state): State<Shared>,
    PathParts((source, row_id)): PathParts<(String, String)>,
    uri: Uri,
    Signed { caller, .. }: Signed<NoBody>,
) -> Result<Response, Refused> {
    signed_read(&state, &caller, (&uri, &[]), async |_| {
        let owner = (caller.key.account, caller.key.environment);
        let row = state.store.row(owner, (source, row_id), caller.received_at).await?.ok_or(Refusal::NotFound)?;
        answer::json(StatusCode::OK, &row)
    })
    .await
}

/// `GET /api/rows?source=&readyForAds=&cursor=&limit=`
pub(crate) async fn page(State(state): State<Shared>, uri: Uri, Signed { caller, .. }: Signed<NoBody>) -> Result<Response, Refused> {
    signed_read(&state, &caller, (&uri, &["source", "readyForAds", "cursor", "limit"]), async |query| {
        let page = state.store.rows(filter(&caller, &query)?, caller.received_at).await?;
        let next_cursor = page.next.map(|(source, row_id)| write_cursor(&source, &row_id));
        answer::json(StatusCode::OK, &RowPage { rows: page.rows, next_cursor })
    })
    .await
}

fn filter(caller: &Caller, query: &Query) -> Result<RowFilter, Refusal> {
    let refuse_cursor =
        || Refusal::InvalidParameter { name: "cursor".to_owned(), detail: "expected the nextCursor of an earlier page".to_owned() };
    Ok(RowFilter {
        account: caller.key.account,
        asker: Some(Asker::named(&caller.key.key_id.to_string())),
        environment: caller.key.environment,
        source: query.text("source").map(str::to_owned),
        ready_for_ads: query.parsed("readyForAds", "`true` or `false`")?,
        after: query.text("cursor").map(|text| read_cursor(text).ok_or_else(refuse_cursor)).transpose()?,
        limit: query.number("limit", PAGE, DEFAULT_PAGE)?,
    })
}

/// Opaque to callers: the last row of the page, encoded so that any row id survives a URL.
fn write_cursor(source: &str, row_id: &str) -> String {
    data_encoding::BASE64URL_NOPAD.encode(format!("{source}\n{row_id}").as_bytes())
}

fn read_cursor(text: &str) -> Option<(String, String)> {
    let bytes = data_encoding::BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    // Sources have no control characters, nor have row ids: the line break is ours.
    let (source, row_id) = text.split_once('\n')?;
    let is_ours = !source.contains(char::is_control) && !row_id.contains(char::is_control);
    is_ours.then(|| (source.to_owned(), row_id.to_owned()))
}
