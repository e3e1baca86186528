//! `GET /console/{account}/events`: what callers hear by `GET /api/links/events`, for pages, by session instead of signature.

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::cookie;
use super::fault::Fault;
use super::signed_in::SignedIn;
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
    let token = cookie::token(&headers, &signed_in.person.here).ok_or(Fault::NotFound)?;
    let (account, watched) = (signed_in.account(), Shared::clone(&state));
    let subscription = Subscription {
        account,
        environment: None,
        after: last_event_id(&headers).map_err(of_refusal)?,
        place: state.streams.take(signed_in.operator().id.to_string()).map_err(of_refusal)?,
        hang_up,
        // Whoever signs out, or is removed from the account, hears no more.
        still_may: Box::new(move || {
            let (state, token) = (Shared::clone(&watched), token.clone());
            Box::pin(async move {
                let session = state.store.signed_in(token, state.now()).await.ok().flatten();
                session.is_some_and(|session| session.memberships.iter().any(|membership| membership.account == account))
            })
        }),
    };
    Ok(live::stream(&state, subscription))
}
