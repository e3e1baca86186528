//! `GET /console/{account}/events`: what callers hear by `GET /api/links/events`, for pages, by session instead of signature.

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::fault::Fault;
use super::signed_in::SignedIn;
use super::still_may;
use crate::connection::HangUp;
use crate::ingress::events::last_event_id;
use crate::live::{self, Subscription};
use crate::state::Shared;

pub(super) async fn events(
    State(state): State<Shared>,
    Extension(HangUp(hang_up)): Extension<HangUp>,
    headers: HeaderMap,
    signed_in: SignedIn,
) -> Result<Response, Fault> {
    let of_refusal = |refusal| Fault::of_refusal(&refusal);
    let subscription = Subscription {
        account: signed_in.account(),
        environment: None,
        after: last_event_id(&headers).map_err(of_refusal)?,
        place: state.streams.take(signed_in.operator().id.to_string()).map_err(live::refused).map_err(of_refusal)?,
        hang_up,
        // Whoever signs out, or is removed from the account, hears no more.
        still_may: still_may::of(&state, &headers, &signed_in)?,
    };
    Ok(live::stream(&state, subscription))
}
