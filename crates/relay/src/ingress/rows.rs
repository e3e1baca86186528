//! Rows for scripts: what the newest job said, and whether money may be spent now.

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use protocol::RowPage;
use store::RowFilter;

use crate::answer;
use crate::ingress::jobs::{DEFAULT_PAGE, PAGE};
use crate::ingress::limits::Refused;
use crate::ingress::query::Query;
use crate::ingress::signature::{Caller, NoBody, Signed};
use crate::path::PathParts;
use crate::problem::Refusal;
use crate::state::Shared;

/// `GET /api/rows/{source}/{rowId}`
pub(crate) async fn one(
    State(state): State<Shared>,
    PathParts((source, row_id)): PathParts<(String, String)>,
    uri: Uri,
    Signed { caller, .. }: Signed<NoBody>,
) -> Result<Response, Refused> {
    let limits = caller.spend_nonce(&state).await?;
    let refused = |refusal| Refused(Some(limits), refusal);
    Query::read(&uri, &[]).map_err(refused)?;
    let key = &caller.key;
    let row = state
        .store
        .row((key.account, key.environment), (source, row_id), caller.received_at)
        .await
        .map_err(|error| refused(error.into()))?;
    let row = row.ok_or_else(|| refused(Refusal::NotFound))?;
    Ok(limits.on(answer::json(StatusCode::OK, &row)))
}

/// `GET /api/rows?source=&readyForAds=&cursor=&limit=`
pub(crate) async fn page(State(state): State<Shared>, uri: Uri, Signed { caller, .. }: Signed<NoBody>) -> Result<Response, Refused> {
    let limits = caller.spend_nonce(&state).await?;
    let refused = |refusal| Refused(Some(limits), refusal);
    let filter = filter(&caller, &uri).map_err(refused)?;
    let page = state.store.rows(filter, caller.received_at).await.map_err(|error| refused(error.into()))?;
    let page = RowPage { rows: page.rows, next_cursor: page.next.map(|(source, row_id)| write_cursor(&source, &row_id)) };
    Ok(limits.on(answer::json(StatusCode::OK, &page)))
}

fn filter(caller: &Caller, uri: &Uri) -> Result<RowFilter, Refusal> {
    let query = Query::read(uri, &["source", "readyForAds", "cursor", "limit"])?;
    let refuse_cursor =
        || Refusal::InvalidParameter { name: "cursor".to_owned(), detail: "expected the nextCursor of an earlier page".to_owned() };
    Ok(RowFilter {
        account: caller.key.account,
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
    // Sources have no line breaks, nor have row ids.
    text.split_once('\n').map(|(source, row_id)| (source.to_owned(), row_id.to_owned()))
}
