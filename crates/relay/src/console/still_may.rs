//! Whether whoever reads a stream or a file of an account is still signed in, and still a member of it. An answer may go on
//! for hours after it was begun.

use axum::http::HeaderMap;

use super::cookie;
use super::fault::Fault;
use super::signed_in::SignedIn;
use crate::live::StillMay;
use crate::state::Shared;

/// As it is asked of the session that this request has come with.
pub(super) fn of(state: &Shared, headers: &HeaderMap, signed_in: &SignedIn) -> Result<StillMay, Fault> {
    let token = cookie::token(headers, &signed_in.person.here).ok_or(Fault::NotFound)?;
    let (account, state) = (signed_in.account(), Shared::clone(state));
    Ok(Box::new(move || {
        let (state, token) = (Shared::clone(&state), token.clone());
        Box::pin(async move {
            let session = state.store.signed_in(token, state.now()).await.ok().flatten();
            session.is_some_and(|session| session.memberships.iter().any(|membership| membership.account == account))
        })
    }))
}
