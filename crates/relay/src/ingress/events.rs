//! `GET /api/links/events`: changes of jobs' states as they happen. `Last-Event-ID` goes on where an earlier stream ended.

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use domain::events::EventId;

use crate::connection::HangUp;
use crate::ingress::query::Query;
use crate::ingress::signature::{NoBody, Signed};
use crate::live::{self, Subscription};
use crate::problem::{Refusal, Refused};
use crate::state::Shared;

pub(crate) async fn events(
    State(state): State<Shared>,
    Extension(HangUp(hang_up)): Extension<HangUp>,
    uri: Uri,
    headers: HeaderMap,
    Signed { caller, .. }: Signed<NoBody>,
) -> Result<Response, Refused> {
    let limits = caller.spend_nonce(&state).await?;
    let key = &caller.key;
    let subscription = Query::read(&uri, &[]).and_then(|_| {
        let (keys, key_id) = (Shared::clone(&state), key.key_id.clone());
        Ok(Subscription {
            account: key.account,
            environment: Some(key.environment),
            after: last_event_id(&headers)?,
            place: state.streams.take(key.key_id.to_string()).map_err(live::refused)?,
            hang_up,
            still_may: Box::new(move || {
                let (keys, key_id) = (Shared::clone(&keys), key_id.clone());
                Box::pin(async move { keys.keys.still_signs(&key_id, keys.now()).await })
            }),
        })
    });
    Ok(limits.on(subscription.map(|subscription| live::stream(&state, subscription))))
}

/// The last event that the reader has seen. An empty one is as good as none: browsers send it.
pub(crate) fn last_event_id(headers: &HeaderMap) -> Result<Option<EventId>, Refusal> {
    let Some(value) = headers.get("last-event-id").filter(|value| !value.is_empty()) else { return Ok(None) };
    let id = value.to_str().ok().and_then(|text| text.parse().ok());
    let detail = "expected the id of an event, such as 120-3".to_owned();
    id.map(Some).ok_or(Refusal::InvalidParameter { name: "Last-Event-ID".to_owned(), detail })
}
